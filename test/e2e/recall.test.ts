import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, LIMITS, toHex } from '../../src/base/index.ts'
import { curve, randomBytes } from '../../src/curve/index.ts'
import { adminCall, type NodeStatus } from '../../src/node/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { countersign } from './countersign.ts'
import { type RunningDevnet, startDevnet } from './devnet.ts'

/**
 * Five signers, threshold 3, and a rotation to the first four. The old key needs three of the five: the two of the four that
 * recall the old set, and the one that was removed.
 */
let devnet: RunningDevnet
let oldSet = ''
let oldKey = ''

type Description = RunningDevnet['description']['signers'][number]
const signer = (index: number): Description => {
  const found = devnet.description.signers[index]
  if (found === undefined) throw new Error(`no signer ${index}`)
  return found
}
const LEAVING = 4
const RECALLING = [0, 1, LEAVING] as const

const call = async (index: number, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> => {
  const socketPath = join(dirname(signer(index).configFile), 'admin.sock')
  return (await adminCall({ socketPath, method, path, body })).json
}
const status = async (index: number): Promise<NodeStatus> => (await call(index, 'GET', '/status')) as NodeStatus
const recall = (index: number, ...more: string[]) =>
  countersign('rotation', 'recall', oldSet, '--json', '--config', signer(index).configFile, ...more).finished

async function withClient<T>(index: number, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await devnet.bridge(index)
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}
/** A signature under the old key, verified; or the code of the refusal. */
async function signOld(index: number, timeoutMs: number = LIMITS.signTimeoutMs): Promise<string> {
  const digest = randomBytes(32)
  const key = fromHex(oldKey)
  return await withClient(index, async ({ threshold }) => {
    try {
      const { signature } = await threshold.sign({ requestId: toHex(digest.subarray(0, 8)), digest, key, timeoutMs })
      return curve.schnorrVerify(signature, digest, key) ? 'signed' : 'bad signature'
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error)
    }
  })
}
const linkedTo = async (index: number, peer: number): Promise<boolean> =>
  (await status(index)).members.some((m) => m.peerId === signer(peer).peerId && m.connected)

beforeAll(async () => {
  devnet = await startDevnet('--signers', '5', '--threshold', '3')
  const { set } = await status(0)
  oldSet = set?.hash ?? ''
  oldKey = devnet.description.groupKey
  const file = join(devnet.dir, 'next-set.toml')
  const keys = devnet.description.signers.slice(0, LEAVING).map((s) => s.publicKey)
  writeFileSync(file, `keys = ${JSON.stringify(keys)}\nthreshold = 3\n`)
  for (let i = 0; i < LEAVING; i++) {
    const args = ['rotation', 'approve', '--set', file, '--yes', '--json', '--config', signer(i).configFile]
    expect((await countersign(...args).finished).code).toBe(0)
  }
})
afterAll(async () => {
  await devnet.stop()
})

describe('R8: a set that was replaced', () => {
  it('should be replaced by a rotation that leaves one member out', async () => {
    await expect.poll(async () => (await status(LEAVING)).state, { timeout: 120_000, interval: 500 }).toBe('removed')
    for (let i = 0; i < LEAVING; i++)
      await expect
        .poll(async () => ((await status(i)).set?.hash !== oldSet ? (await status(i)).key?.held : false), {
          timeout: 60_000,
          interval: 500,
        })
        .toBe(true)
  })

  it('R9: should not be signed for, and its removed member not be admitted, while nobody recalls it', async () => {
    expect(await signOld(0)).toBe('UNKNOWN_KEY')
    await expect(devnet.bridge(LEAVING)).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    expect(await linkedTo(0, LEAVING)).toBe(false)
    expect((await status(0)).recalled).toEqual([])
  })

  it('should be listed by its hash, with the share that is still held', async () => {
    for (const index of RECALLING) {
      const { code, stdout } = await countersign('rotation', 'recall', '--json', '--config', signer(index).configFile)
        .finished
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        recalled: [],
        replaced: [{ setHash: oldSet, groupKey: oldKey, threshold: 3, keyHeld: true }],
      })
    }
  })

  it.each([
    ['an unknown hash', async () => 'ab'.repeat(32), /saw no set/],
    ['the current set', async () => (await status(0)).set?.hash ?? '', /is the current set/],
  ])('should not be recalled as %s', async (_what, hashOf, words) => {
    const args = ['rotation', 'recall', await hashOf(), '--config', signer(0).configFile]
    const { code, stderr } = await countersign(...args).finished
    expect(code).not.toBe(0)
    expect(stderr).toMatch(words)
  })

  it('should not be signed for by fewer than its threshold, whoever else is connected', async () => {
    for (const index of [0, 1]) expect((await recall(index)).code).toBe(0)
    expect(await signOld(0, 6_000)).toBe('TIMEOUT')
    expect(await signOld(2)).toBe('UNKNOWN_KEY')
    expect(await linkedTo(0, LEAVING)).toBe(false)
  })

  it('should sign under the old key once enough of it recalled it, the removed one among them', async () => {
    expect((await recall(LEAVING)).code).toBe(0)
    for (const index of [0, 1])
      await expect.poll(() => linkedTo(index, LEAVING), { timeout: 60_000, interval: 500 }).toBe(true)
    const { recalled, members, state } = await status(LEAVING)
    expect(state).toBe('removed')
    expect(recalled).toMatchObject([{ setHash: oldSet, groupKey: oldKey, keyHeld: true, admitted: true }])
    expect(members.filter((m) => m.role === 'retired').map((m) => m.publicKey)).toContain(signer(LEAVING).publicKey)
    await expect.poll(() => signOld(0, 6_000), { timeout: 90_000, interval: 500 }).toBe('signed')
    // The removed node's own bridge is heard, for that key alone (R9, R27).
    expect(await signOld(LEAVING)).toBe('signed')
    await expect(withClient(LEAVING, (c) => c.threshold.publicKey())).rejects.toMatchObject({ code: 'NOT_A_SIGNER' })
  })

  it('should not have let the removed node in where nobody recalled the set', async () => {
    for (const index of [2, 3]) expect(await linkedTo(LEAVING, index)).toBe(false)
    expect((await status(2)).denials.totals.not_in_registry).toBeGreaterThan(0)
  })

  it('should leave the current key in use beside it', async () => {
    const digest = randomBytes(32)
    const { key, signature } = await withClient(2, async ({ threshold }) => ({
      key: (await threshold.publicKey()).publicKey,
      ...(await threshold.sign({ requestId: toHex(digest.subarray(0, 8)), digest })),
    }))
    expect(toHex(key)).not.toBe(oldKey)
    expect(curve.schnorrVerify(signature, digest, key)).toBe(true)
  })

  it('should cut the removed member off within a second of its withdrawal', async () => {
    for (const index of [0, 1]) {
      await call(index, 'POST', '/rotation/recall', { set_hash: oldSet, withdraw: true })
      await expect.poll(() => linkedTo(index, LEAVING), { timeout: 10_000, interval: 50 }).toBe(false)
      const { lastEviction, recalled } = await status(index)
      expect(recalled).toEqual([])
      expect(lastEviction?.peers).toEqual([signer(LEAVING).peerId])
      expect(lastEviction?.closedMs).toBeLessThanOrEqual(1_000)
    }
    await expect
      .poll(async () => (await status(LEAVING)).members.filter((m) => m.connected), { timeout: 20_000 })
      .toEqual([])
    expect(await signOld(0)).toBe('UNKNOWN_KEY')
    expect((await recall(0, '--withdraw')).stdout).toMatch(/SET_NOT_RECALLED/)
  })
})
