import { describe, expect, it } from 'vitest'
import { type ChainTip, requireSoundQuorum } from '../../../src/registry/index.ts'
import { agreedAnswer, candidateTips } from '../../../src/registry/quorum.ts'

const A = 'http://127.0.0.1:1'
const B = 'http://127.0.0.1:2'
const C = 'http://127.0.0.1:3'
const TESTNET = 0x80000000

describe('R4: requireSoundQuorum', () => {
  it.each([
    [[A], 1, TESTNET],
    [[A, B], 2, TESTNET],
    [[A, B, C], 2, TESTNET],
    [[A, B, C], 3, 1],
  ])('R4: should accept %j with quorum %i', (endpoints, quorum, chainId) => {
    expect(() => requireSoundQuorum(endpoints, quorum, chainId)).not.toThrow()
  })
  it.each([
    ['no endpoint', [], 1, TESTNET],
    ['a quorum of 0', [A], 0, TESTNET],
    ['a quorum above the endpoints', [A], 2, TESTNET],
    ['a quorum that is no number of nodes', [A, B], 1.5, TESTNET],
    ['two disjoint quorums', [A, B], 1, TESTNET],
    ['one node on mainnet', [A], 1, 1],
    ['one node under two spellings', [A, `${A}/`, B], 2, TESTNET],
  ])('R4: should refuse %s', (_what, endpoints, quorum, chainId) => {
    const act = () => requireSoundQuorum(endpoints, quorum, chainId)
    expect(act).toThrow(expect.objectContaining({ code: 'BAD_QUORUM' }))
  })
})

const tip = (name: string, stacksHeight: number, burnHeight = 10): ChainTip => ({
  indexBlockHash: name.repeat(64),
  stacksHeight,
  burnHeight,
})

describe('R4: candidateTips', () => {
  it('R4: should try the highest block first, each block once', () => {
    expect(candidateTips([tip('a', 5), tip('b', 7), tip('a', 5), tip('b', 7)], 2)).toEqual([tip('b', 7), tip('a', 5)])
  })
  it('R4: should offer nothing when fewer than a quorum answered', () => {
    expect(candidateTips([tip('a', 5)], 2)).toEqual([])
  })
  it('R4: should not believe one liar a height, for its own block or for a true one', () => {
    expect(candidateTips([tip('e', 1_000_000), tip('a', 5), tip('a', 5)], 2)).toEqual([tip('a', 5)])
    expect(candidateTips([tip('a', 1_000_000), tip('a', 5), tip('a', 5)], 2)).toEqual([tip('a', 5)])
  })
  it('R4: should not believe one liar a Bitcoin height', () => {
    expect(candidateTips([tip('a', 5, 1_000_000), tip('a', 5), tip('a', 5)], 2)).toEqual([tip('a', 5)])
  })
})

describe('R4: agreedAnswer', () => {
  it('R4: should need a quorum of the same bytes', () => {
    expect(agreedAnswer(['x', 'y', 'x'], 2)).toBe('x')
    expect(agreedAnswer(['x', 'y', 'z'], 2)).toBeUndefined()
    expect(agreedAnswer([], 1)).toBeUndefined()
  })
})
