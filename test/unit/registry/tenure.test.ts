import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createStacksClient } from '../../../src/registry/index.ts'
import { deepBlocks, parseTenure, type Tenure } from '../../../src/registry/tenure.ts'
import { block, FakeNode, json, text } from './support/fake-node.ts'

const id = (c: string) => c.repeat(64)
const PARENT = id('0')
/** Blocks 7, 6, 5 of one tenure. */
const TENURE: Tenure = [
  { id: id('c'), parentId: id('b'), height: 7 },
  { id: id('b'), parentId: id('a'), height: 6 },
  { id: id('a'), parentId: PARENT, height: 5 },
]
const SHORTER: Tenure = [{ id: id('a'), parentId: PARENT, height: 5 }]
const OTHER: Tenure = [{ id: id('f'), parentId: id('e'), height: 5 }]
const vote = (reached: number, tenure: Tenure | undefined = TENURE) => ({ reached, tenure })
const FIRST = { indexBlockHash: id('a'), stacksHeight: 5, burnHeight: 100, isMinedBy: true }
const BEFORE = { indexBlockHash: PARENT, stacksHeight: 4, burnHeight: 99, isMinedBy: true }

describe('R4: deepBlocks', () => {
  it('R4: should take the first block of a tenure that is deep enough, then its parent', () => {
    expect(deepBlocks(100, [vote(102), vote(102)], 2, 2)).toEqual([FIRST, BEFORE])
  })
  it('R4: should take what lies before a tenure that is one Bitcoin block too young', () => {
    expect(deepBlocks(100, [vote(101), vote(101)], 2, 2)).toEqual([BEFORE])
  })
  it('R4: should never take the newest block of a tenure, which may have been mined a second ago', () => {
    const tips = deepBlocks(100, [vote(200), vote(200)], 1, 2).map((t) => t.indexBlockHash)
    expect(tips).not.toContain(id('c'))
    expect(tips).not.toContain(id('b'))
  })
  it('R4: should count a vote only as deep as its own endpoint has reached', () => {
    expect(deepBlocks(100, [vote(102), vote(101)], 2, 2)).toEqual([BEFORE])
    expect(deepBlocks(100, [vote(102), vote(100)], 2, 2)).toEqual([])
  })
  it('R4: should hold endpoints in the middle of a tenure for agreed', () => {
    expect(deepBlocks(100, [vote(102), vote(102, SHORTER)], 2, 2)).toEqual([FIRST, BEFORE])
  })
  it.each([
    ['that only one of three says', [vote(102), vote(102, OTHER), { reached: 102, tenure: undefined }]],
    ['where nobody mined', [1, 2, 3].map(() => ({ reached: 102, tenure: undefined }))],
    ['at two heights', [vote(102), vote(102, [{ id: id('a'), parentId: PARENT, height: 9 }])]],
  ])('R4: should take nothing %s', (_what, votes) => {
    expect(deepBlocks(100, votes, 2, 2)).toEqual([])
  })
})

describe('parseTenure', () => {
  const json = (blocks: Tenure) =>
    blocks.map(({ id: block_id, parentId: parent_block_id, height }) => ({ block_id, parent_block_id, height }))
  const [newest, middle, oldest] = json(TENURE)

  it('should read a chain of blocks', () => {
    expect(parseTenure(json(TENURE))).toEqual(TENURE)
  })
  it.each<[string, unknown]>([
    ['no list', {}],
    ['an empty list', []],
    ['a gap', [newest, oldest]],
    ['the oldest first', [oldest, middle, newest]],
    ['a height that does not fit the link', [{ ...newest, height: 8 }, middle, oldest]],
    ['a link to another block', [{ ...newest, parent_block_id: id('f') }, middle, oldest]],
    ['an entry that is no block', [newest, middle, null]],
    ['an id with 0x', [{ ...newest, block_id: `0x${id('c')}` }]],
    ['no parent', [{ ...newest, parent_block_id: undefined }]],
    ['a height that is a text', [{ ...newest, height: '7' }]],
    ['height 0', [{ ...newest, height: 0 }]],
  ])('should refuse %s', (_what, list) => {
    expect(parseTenure(list)).toBeUndefined()
  })
})

describe('tenure of a Stacks node', () => {
  let node: FakeNode
  beforeEach(async () => {
    node = await new FakeNode().start()
    node.push(block('a', 5, '0x03', 100), block('b', 6, '0x03', 100))
  })
  afterEach(() => node.stop())
  const ask = (burn = 100) => createStacksClient(node.url).tenure(burn)
  const answering = (status: number, value: unknown) => {
    node.intercept = (_seen, res) => {
      json(res, status, value)
      return true
    }
  }

  it('should tell the blocks, and none where nobody mined', async () => {
    expect((await ask())?.map((b) => b.height)).toEqual([6, 5])
    expect(await ask(101)).toBeUndefined()
  })
  it('should refuse the tenure of another Bitcoin block', async () => {
    answering(200, {
      burn_block_height: 99,
      stacks_blocks: [{ block_id: id('a'), parent_block_id: PARENT, height: 5 }],
    })
    await expect(ask()).rejects.toMatchObject({ code: 'malformed_answer' })
    await expect(ask(99)).resolves.toHaveLength(1)
  })
  it('should refuse what is no JSON, and tell any other status', async () => {
    answering(500, {})
    await expect(ask()).rejects.toMatchObject({ code: 'http_status' })
    node.intercept = (_seen, res) => {
      text(res, 200, '<html>')
      return true
    }
    await expect(ask()).rejects.toMatchObject({ code: 'malformed_answer' })
  })
})
