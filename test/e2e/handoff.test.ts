import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, LIMITS, toHex, utf8 } from '../../src/base/index.ts'
import { curve, randomBytes, sha256 } from '../../src/curve/index.ts'
import { adminCall, findNode } from '../../src/node/index.ts'
import { verifyHandoff } from '../../src/rounds/index.ts'
import { command, holdOneKey, type Operator, Operators, run, status } from './operators.ts'

/**
 * Three operators, whose account and key need two of them, take a fourth in. Two of them list the sweep of the old key's funds;
 * what the third lists, nobody else does.
 */
let operators: Operators
let ada: Operator
let bo: Operator
let cyd: Operator
let dan: Operator
let oldKey = ''
let newKey = ''
const LONG = { timeout: 120_000, interval: 500 }

interface Item {
  readonly digest: string
  readonly merkleRoot: string
}
interface Kept {
  readonly groupKey: string
  readonly items: readonly (Item & { readonly signature: string | null })[]
}

const digestOf = (name: string): string => toHex(sha256(utf8(name)))
/** As many inputs as a large sweep has. */
const sweep: readonly Item[] = Array.from({ length: 25 }, (_, i) => ({
  digest: digestOf(`input ${i}`),
  merkleRoot: i === 0 ? 'none' : i === 1 ? digestOf('a root') : 'empty',
}))
const stray = digestOf('what one operator alone lists')

const file = (name: string, text: string): string => {
  const path = join(operators.dir, name)
  writeFileSync(path, text)
  return path
}
const handoff = (o: Operator, ...args: readonly string[]) => command(o, 'rotation', 'handoff', ...args)
const waitsFor = async (o: Operator) => (await status(o))?.rotation?.waitingFor
const kept = async (o: Operator): Promise<Kept | undefined> => {
  const { json } = await adminCall({
    socketPath: (await findNode(o.configFile)).socketPath,
    method: 'GET',
    path: '/rotation/handoff',
  })
  return (json as { readonly lists: readonly Kept[] }).lists[0]
}
const signaturesOf = async (o: Operator) => (await kept(o))?.items.map(({ signature }) => signature) ?? []
const approve = async (o: Operator) => {
  const keys = operators.all.map(({ publicKey }) => publicKey)
  const set = file('next-set.toml', `keys = ${JSON.stringify(keys)}\nthreshold = 3\n`)
  expect((await command(o, 'rotation', 'approve', '--set', set, '--yes', '--json')).code).toBe(0)
}

beforeAll(async () => {
  operators = await Operators.make({ founders: ['ada', 'bo', 'cyd'], others: ['dan'] })
  ;[ada, bo, cyd, dan] = operators.all as [Operator, Operator, Operator, Operator]
  for (const o of operators.all) run(o)
})
afterAll(async () => {
  await operators?.stop()
})

describe('R29: rotation handoff, by operators', () => {
  it('should be refused where no rotation is approved', async () => {
    await expect.poll(() => holdOneKey(operators.founders), LONG).toBe(true)
    oldKey = (await status(ada))?.key?.groupKey ?? ''
    const { code, stderr } = await handoff(ada, '--digest', stray)
    expect([code, stderr]).toEqual([1, expect.stringContaining('rotation approve')])
    expect((await handoff(ada)).stdout).toContain('no rotation is pending')
  })

  it('should hold the rotation back when operators say that they will list what the new key decides', async () => {
    for (const o of operators.founders) {
      await approve(o)
      expect((await handoff(o, '--hold')).stdout).toContain('does not co-sign until')
    }
    await approve(dan)
    for (const o of operators.founders) await expect.poll(() => waitsFor(o), LONG).toBe('handoff')
    newKey = (await status(ada))?.rotation?.newKey ?? ''
    expect(newKey).toMatch(/^[0-9a-f]{64}$/)
    const { stdout } = await command(ada, 'status')
    expect(stdout).toMatch(/held by \S+: more will be listed/)
  })

  it('should be refused from a newcomer, who has no share of the old key', async () => {
    const { code, stderr } = await handoff(dan, '--digest', stray)
    expect([code, stderr]).toEqual([1, expect.stringContaining('no share of a key that this rotation replaces')])
  })

  it('should sign nothing that one operator alone lists, and show who does not list it', async () => {
    // A signature that could be made by now would be: the other members are there, and the key is known.
    expect((await handoff(cyd, '--digest', stray)).code).toBe(0)
    await expect
      .poll(async () => (await handoff(ada)).stdout, LONG)
      .toMatch(new RegExp(`${stray} {2}not listed here · listed by 1\n +listed by +${cyd.publicKey}`))
    const { stdout } = await handoff(cyd)
    expect(stdout).toMatch(new RegExp(`${stray} {2}waiting for others to list it · listed by 1`))
    for (const o of [ada, bo]) expect(stdout).toMatch(new RegExp(`not listed by +${o.publicKey}`))
    expect(await signaturesOf(cyd)).toEqual([null])
  })

  it.each<readonly [string, () => readonly string[], number, RegExp]>([
    ['a malformed file', () => ['--file', file('bad.txt', `${stray}\nnonsense\n`)], 78, /line 2: .*64 hex digits/],
    ['a file of nothing', () => ['--file', file('none.txt', '# nothing\n')], 78, /lists no digest/],
    ['a file that is not there', () => ['--file', join(operators.dir, 'gone.txt')], 66, /there is no file/],
    ['too many', () => ['--file', file('many.txt', manyDigests())], 1, /at most 64 digests/],
    ['one twice', () => ['--digest', stray, '--digest', stray], 1, /stands in it twice/],
    ['a root of nothing', () => ['--merkle-root', 'empty', '--digest', stray], 64, /give that first/],
    ['a digest and its withdrawal', () => ['--digest', stray, '--withdraw'], 64, /--withdraw ends the list/],
  ])('should refuse %s, and keep what was listed', async (_what, args, expected, words) => {
    const { code, stderr } = await handoff(cyd, ...args())
    expect([code, stderr]).toEqual([expected, expect.stringMatching(words)])
    expect((await kept(cyd))?.items.map(({ digest }) => digest)).toEqual([stray])
  })

  it('R27, R29: should be signed by the old key, and no other, when enough operators list it', async () => {
    const lines = sweep.map(({ digest, merkleRoot }) => `${digest} ${merkleRoot === 'none' ? '' : merkleRoot}`)
    const listed = file('sweep.txt', `# all to ${newKey}\n${lines.join('\n')}\n`)
    expect((await handoff(ada, '--file', listed, '--hold')).stdout).toContain('25 digests')
    // In whatever order.
    const turned = file('turned.txt', lines.toReversed().join('\n'))
    expect((await handoff(bo, '--file', turned, '--hold')).code).toBe(0)
    for (const o of [ada, bo])
      await expect.poll(async () => (await signaturesOf(o)).every((s) => s !== null), LONG).toBe(true)
    for (const o of [ada, bo]) {
      const list = await kept(o)
      expect(list?.groupKey).toBe(oldKey)
      expect(list?.items).toHaveLength(sweep.length)
      for (const { signature, ...item } of list?.items ?? []) {
        const bytes = fromHex(signature ?? '')
        expect(verifyHandoff(oldKey as never, item, bytes), item.digest).toBe(true)
        expect(verifyHandoff(newKey as never, item, bytes), 'not under the new key').toBe(false)
      }
    }
    // Under the key itself, as any wallet checks it.
    const [first] = sweep
    const plain = (await kept(ada))?.items.find((i) => i.digest === first?.digest)?.signature ?? ''
    expect(curve.schnorrVerify(fromHex(plain), fromHex(first?.digest ?? ''), fromHex(oldKey))).toBe(true)
    const json = await handoff(bo, '--json')
    expect([json.code, JSON.parse(json.stdout).lists[0]]).toEqual([0, await kept(bo)])
    const { stdout } = await handoff(bo)
    for (const { digest } of sweep) expect(stdout).toMatch(new RegExp(`${digest}.* signed · listed by 2`))
  })

  it('R27, R28: should keep list and signatures through kill -9, and rotate-keys waiting', async () => {
    const before = await kept(ada)
    await ada.process?.kill('SIGKILL')
    run(ada)
    await expect.poll(() => waitsFor(ada), LONG).toBe('handoff')
    expect(await kept(ada)).toEqual(before)
    for (const o of operators.founders) expect((await status(o))?.set?.groupKey).toBe(oldKey)
  })

  it('R29: should list nothing more once this node has co-signed', async () => {
    const listed = join(operators.dir, 'sweep.txt')
    expect((await handoff(ada, '--file', listed)).code).toBe(0)
    // One of two that are needed: the others hold, and wait for what they listed.
    await expect.poll(() => waitsFor(ada), LONG).toBe('cosignatures')
    // It may be another's turn to name the fee: only who has named or followed it has signed.
    await expect.poll(async () => (await status(ada))?.rotation?.handoff.cosigned, LONG).toEqual([ada.publicKey])
    expect((await handoff(cyd)).stdout).toMatch(
      new RegExp(`not listed by +${ada.publicKey}, which says that it has co-signed`),
    )
    const { code, stderr } = await handoff(ada, '--digest', toHex(randomBytes(32)))
    expect([code, stderr]).toEqual([1, expect.stringContaining('has co-signed rotate-keys already')])
    expect((await handoff(ada, '--withdraw')).code).toBe(1)
    expect((await status(bo))?.set?.groupKey).toBe(oldKey)
  })

  it('R29: should be followed by the rotation; what nobody else listed holds its own node back, and no other', async () => {
    expect((await handoff(bo, '--file', join(operators.dir, 'sweep.txt'))).code).toBe(0)
    await expect.poll(() => holdOneKey(operators.all), LONG).toBe(true)
    expect((await status(dan))?.key?.groupKey).toBe(newKey)
    for (const o of [ada, bo]) expect((await signaturesOf(o)).every((s) => s !== null)).toBe(true)
    expect(await signaturesOf(cyd)).toEqual([null])
    const { stdout } = await handoff(cyd)
    expect(stdout).toContain('no rotation is pending')
    expect(stdout).toMatch(new RegExp(`${stray}\n +NOT SIGNED: see .countersign rotation recall.`))
  })

  it('R29: should be refused after rotate-keys, and leave what was signed at hand', async () => {
    const { code, stderr } = await handoff(ada, '--digest', stray)
    expect([code, stderr]).toEqual([1, expect.stringContaining('approved no pending set')])
    expect((await kept(ada))?.items.filter(({ signature }) => signature !== null)).toHaveLength(sweep.length)
  })
})

const manyDigests = (): string =>
  Array.from({ length: LIMITS.maxHandoffDigests + 1 }, (_, i) => digestOf(String(i))).join('\n')
