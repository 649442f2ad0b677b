import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asGroupKey, fromHex, type GroupKey, toHex, utf8 } from '../../src/base/index.ts'
import { curve, randomBytes, sha256 } from '../../src/curve/index.ts'
import { type HandoffItem, verifyHandoff } from '../../src/rounds/index.ts'
import { adminCall } from '../../src/status/index.ts'
import { allHoldTheKey, type Federation, federation, type TestNode } from './fixtures/nodes.ts'

/**
 * Three running nodes on the embedded chain, each asked by its own bridge alone (policy `bridge`), whose set comes to need
 * all three. What the old key signs is signed before, by the operators' lists; what they forgot, after, by a recall.
 */
let fed: Federation
let oldKey: GroupKey
let oldSet: string
const LONG = { timeout: 60_000, interval: 200 }

const post = async ({ config }: TestNode, path: string, body: unknown): Promise<unknown> =>
  (await adminCall({ socketPath: config.admin.socketPath, method: 'POST', path, body })).json
const groupKeyOf = (node: TestNode) => node.status().set?.groupKey
const waitsFor = (node: TestNode) => node.status().rotation?.waitingFor

beforeAll(async () => {
  fed = await federation({ signers: 3, threshold: 2, config: { signing: { policy: 'bridge' } } })
  await allHoldTheKey(fed)
  const { set } = fed.nodes[0]?.status() ?? {}
  oldKey = set?.groupKey ?? asGroupKey('00'.repeat(32))
  oldSet = set?.hash ?? ''
})
afterAll(async () => {
  await fed?.stop()
})

describe('R29: a handoff among running nodes', () => {
  let sweep: HandoffItem
  /** Nobody's bridge, nor any list, ever asks for it before the rotation. */
  const forgotten = randomBytes(32)

  it('R29: should be waited for when operators say that they will list what the new key decides', async () => {
    const keys = fed.nodes.map((n) => n.key.publicKey)
    for (const node of fed.nodes) {
      await post(node, '/rotation/approve', { keys, threshold: 3 })
      await post(node, '/rotation/handoff', { hold: true })
    }
    for (const node of fed.nodes) await expect.poll(() => waitsFor(node), LONG).toBe('handoff')
    const newKey = fed.nodes[0]?.status().rotation?.newKey
    expect(newKey).not.toBe(oldKey)
    for (const node of fed.nodes) {
      expect(groupKeyOf(node)).toBe(oldKey)
      expect(node.status().rotation?.newKey).toBe(newKey)
      expect(node.status().rotation?.handoff.holding).toHaveLength(3)
    }
    sweep = { digest: toHex(sha256(utf8(`all to ${newKey}`))), merkleRoot: 'empty' }
  })

  it('R27, R29: should be signed by the operators’ lists, though no bridge asks, and then be followed by the rotation', async () => {
    const body = { items: [{ digest: sweep.digest, merkle_root: sweep.merkleRoot }] }
    const [first, second, third] = fed.nodes as [TestNode, TestNode, TestNode]
    await post(first, '/rotation/handoff', body)
    await expect
      .poll(() => second.status().rotation?.handoff.items, LONG)
      .toMatchObject([{ digest: sweep.digest, own: false, listedBy: [first.key.publicKey], signature: null }])
    expect(first.status().rotation).toMatchObject({
      waitingFor: 'handoff',
      handoff: { items: [{ own: true, missing: [second, third].map((n) => n.key.publicKey).toSorted() }] },
    })
    await post(second, '/rotation/handoff', body)
    await post(third, '/rotation/handoff', { withdraw: true })
    for (const node of fed.nodes) await expect.poll(() => groupKeyOf(node) !== oldKey, LONG).toBe(true)
    for (const node of [first, second]) {
      const { lists } = (await node.admin('GET', '/rotation/handoff')) as {
        lists: { groupKey: string; items: { signature: string | null }[] }[]
      }
      const signature = lists[0]?.items[0]?.signature
      expect(lists[0]?.groupKey).toBe(oldKey)
      expect(signature && verifyHandoff(oldKey, sweep, fromHex(signature))).toBe(true)
    }
  })

  it('R8: should leave what was not listed to a recall of the old set', async () => {
    await allHoldTheKey(fed)
    const [first, second] = fed.nodes as [TestNode, TestNode]
    const clients = await Promise.all([first, second].map((n) => n.client()))
    const ask = { requestId: 'forgotten', digest: forgotten, key: fromHex(oldKey) }
    for (const { threshold } of clients)
      await expect(threshold.sign(ask)).rejects.toMatchObject({ code: 'UNKNOWN_KEY' })
    for (const node of [first, second]) await post(node, '/rotation/recall', { set_hash: oldSet })
    const answers = await Promise.all(clients.map(({ threshold }) => threshold.sign(ask)))
    for (const { signature } of answers) expect(curve.schnorrVerify(signature, forgotten, fromHex(oldKey))).toBe(true)
    await Promise.all(clients.map((c) => c.close()))
  })
})
