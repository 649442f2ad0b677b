import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from '../../src/curve/index.ts'
import type { Client } from '../../src/rpc/client/index.ts'
import { allHoldTheKey, type Federation, federation, type TestNode, until } from './fixtures/nodes.ts'

/** The registry replaces the set under running nodes; both sides of a removal, on real hosts. */
let fed: Federation
let staying: TestNode
let other: TestNode
let leaving: TestNode
let clients: readonly [Client, Client]
beforeAll(async () => {
  // Policy "bridge": a round that only one bridge asked for stays open until its deadline (R27).
  fed = await federation({
    signers: 3,
    threshold: 2,
    config: { identity: { exit_on_removal: true, exit_on_removal_after: '1s' }, signing: { policy: 'bridge' } },
  })
  ;[staying, other, leaving] = fed.nodes as [TestNode, TestNode, TestNode]
  await allHoldTheKey(fed)
  clients = [await staying.client(), await leaving.client()]
})
afterAll(async () => {
  await Promise.all((clients ?? []).map((c) => c.close()))
  await fed?.stop()
})

const metric = async (node: TestNode, name: string): Promise<number> => {
  const text = await (await fetch(`${node.status().admin.url}/metrics`)).text()
  const values = [...text.matchAll(new RegExp(`^countersign_${name}(?:{[^}]*})? (\\d+)`, 'gm'))].map((m) =>
    Number(m[1]),
  )
  return values.reduce((sum, value) => sum + value, 0)
}
const sent = (node: TestNode) => metric(node, 'p2p_messages_sent_total')
const linksOf = (node: TestNode): readonly string[] =>
  node
    .status()
    .members.filter((m) => m.connected)
    .map((m) => m.peerId)
const sameSet = () => fed.nodes.map((n) => n.key.publicKey)

/** An own request that nobody else was asked for; resolves with its promise once the round is open. */
async function openRound(
  node: TestNode,
  client: Client,
  requestId: string,
): Promise<{ readonly ended: Promise<unknown> }> {
  const before = await sent(node)
  const ended = client.threshold.sign({ requestId, digest: randomBytes(32) }).then(
    () => 'signed',
    (error: unknown) => error,
  )
  await until('the round to be opened', async () => (await sent(node)) > before)
  return { ended }
}

describe('a set without one of its members', () => {
  let rounds: readonly { readonly ended: Promise<unknown> }[]
  let replacedAtMs: number

  it('should end open rounds of the old set at once, with a typed error on both sides', async () => {
    rounds = [await openRound(staying, clients[0], 'r-staying'), await openRound(leaving, clients[1], 'r-leaving')]
    replacedAtMs = Date.now()
    await fed.pretend(
      [staying, other].map((n) => n.key.publicKey),
      2,
    )
    expect(await rounds[0]?.ended).toMatchObject({ code: 'STOPPED' })
    // The removed node closes its bridge's link as well; its client asks again, and is not admitted.
    expect(await rounds[1]?.ended).toMatchObject({
      code: expect.stringMatching(/^(STOPPED|NOT_ADMITTED|DISCONNECTED)$/),
    })
    // Far from the deadline of 20 s, to which both would have run.
    expect(Date.now() - replacedAtMs).toBeLessThan(12_000)
  })

  it('should leave no link between the removed node and anybody', async () => {
    await until('the removal to be seen', () => leaving.status().state === 'removed')
    await until('all links of it to be gone', () => linksOf(leaving).length === 0)
    for (const node of [staying, other]) {
      await until(
        'the others to have evicted it',
        () => node.status().lastEviction?.peers.includes(leaving.key.peerId) === true,
      )
      expect(linksOf(node)).not.toContain(leaving.key.peerId)
    }
  })

  it('should make the removed node say so: state, health, log', async () => {
    await until('red', () => leaving.status().health.red.includes('membership'))
    expect(leaving.status().health.checks.find((c) => c.name === 'membership')?.reason).toMatch(/was removed/)
    expect(leaving.logger.messages('warn').filter((m) => /was removed from the signer set/.test(m))).toHaveLength(1)
  })

  it('should make the removed node publish nothing more, and serve nobody', async () => {
    const before = await sent(leaving)
    // Four blocks are more than a look, a poll, and every repeated message of the rounds.
    const seen = Promise.withResolvers<void>()
    let blocks = 0
    const off = fed.chain.blocks.on(() => ++blocks === 4 && seen.resolve())
    await seen.promise
    off()
    expect(await sent(leaving)).toBe(before)
    await expect(leaving.client()).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should call for the end of the process of the removed node, once, and of no other', async () => {
    await until('the call', () => leaving.removals.length > 0)
    expect(fed.nodes.map((n) => n.removals.length)).toEqual([0, 0, 1])
  })

  it('should take the node in again with a set that has its key', async () => {
    fed.chain.corrupt()
    await until('the old set', () => leaving.status().state === 'signer')
    await allHoldTheKey(fed)
    await until('the mesh', () => fed.nodes.every((n) => linksOf(n).length === 2))
    expect(fed.nodes.map((n) => n.status().members.map((m) => m.publicKey))).toEqual(
      Array.from({ length: 3 }, () => sameSet().toSorted()),
    )
    const digest = randomBytes(32)
    const again = await Promise.all([staying.client(), leaving.client()])
    const signed = await Promise.all(again.map((c) => c.threshold.sign({ requestId: 'r-again', digest })))
    expect(signed.map((s) => s.signature.length)).toEqual([64, 64])
    await Promise.all(again.map((c) => c.close()))
  })
})
