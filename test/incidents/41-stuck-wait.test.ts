import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes } from '../../src/curve/index.ts'
import { allHoldTheKey, type Federation, federation, type TestNode, until } from '../integration/fixtures/nodes.ts'

/**
 * tmkms #215: the signer hung with no error, and everything looked well. Here a whole node meets what hangs: a Stacks node,
 * a peer and members that accept and say nothing. Health turns red, names it, and is green again afterwards.
 */
let fed: Federation
let [first, second, third]: (TestNode | undefined)[] = []
const node = (n: TestNode | undefined): TestNode => {
  if (n === undefined) throw new Error('not started')
  return n
}
beforeAll(async () => {
  fed = await federation({
    signers: 3,
    threshold: 2,
    // No config may say so little: the test would wait for a minute.
    override: (c) => ({ ...c, registry: { ...c.registry, maxAgeMs: 12_000 } }),
  })
  ;[first, second, third] = fed.nodes
  await allHoldTheKey(fed)
  await until('everything green', () => fed.nodes.every((n) => n.status().health.ok))
})
afterAll(() => fed?.stop())

const reasonOf = (n: TestNode | undefined, check: string): string =>
  node(n)
    .status()
    .health.checks.find((c) => c.name === check && !c.ok)?.reason ?? ''
const greenAgain = () =>
  until('green again', () => [first, second].every((n) => node(n).status().health.red.length === 0))

describe('incident 41: what hangs turns health red, by name', () => {
  it('should name a Stacks node that accepts and never answers, and freeze what it may not trust, without any event', async () => {
    fed.chain.stall(true)
    // R5: age comes without an event, so only a look from time to time can find it.
    await until('the registry to be stale', () => /^stale, older than max_age/.test(reasonOf(first, 'registry')))
    expect(
      node(first)
        .logger.messages('warn')
        .filter((m) => m.startsWith('The registry is stale')),
    ).toHaveLength(1)
    await until('the reason', () => /did not answer within|took longer than/.test(reasonOf(first, 'registry')))
    // Members of a stale registry stay and sign.
    const client = await node(first).client()
    expect((await client.threshold.sign({ requestId: 'stale', digest: randomBytes(32) })).signature).toHaveLength(64)
    await client.close()
    fed.chain.stall(false)
    await greenAgain()
    expect(node(first).logger.messages('info')).toContain('The registry is fresh again')
  })

  it('should name a member whose address accepts and says nothing, and a round whose members are silent', async () => {
    const port = Number(/tcp\/(\d+)/.exec(node(third).address)?.[1])
    await node(third).node.stop()
    // In its place somebody who takes every connection and never speaks.
    const held = new Set<Socket>()
    const mute = createServer((socket) => {
      held.add(socket)
      // The dialler resets what it gives up.
      socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve))
    await until('the dial to be named', () => reasonOf(first, 'dials').includes(node(third).key.peerId))
    expect(reasonOf(first, 'dials')).toMatch(/does not answer \(dialled \d+ times\)/)
    expect(reasonOf(first, 'mesh')).toContain(node(third).key.publicKey)
    // Two of three sign, so nothing of it is a round's.
    expect(reasonOf(first, 'rounds')).toBe('')

    await node(second).node.stop()
    const client = await node(first).client()
    const refused = client.threshold.sign({ requestId: 'alone', digest: randomBytes(32), timeoutMs: 3_000 })
    await expect(refused).rejects.toMatchObject({ code: 'TIMEOUT' })
    await until('the round to be named', () => /sign round [0-9a-f]+ ran out of time/.test(reasonOf(first, 'rounds')))
    for (const n of [second, third]) expect(reasonOf(first, 'rounds')).toContain(node(n).key.publicKey)

    // Back again, both of them, from the data that they left.
    const closed = new Promise<void>((resolve) => mute.close(() => resolve()))
    for (const socket of held) socket.destroy()
    await closed
    ;[second, third] = [await fed.restart(node(second)), await fed.restart(node(third))]
    await until('the mesh', () => reasonOf(first, 'mesh') === '')
    await until('a signature', async () =>
      client.threshold.sign({ requestId: `again-${Date.now()}`, digest: randomBytes(32), timeoutMs: 3_000 }).then(
        () => true,
        () => false,
      ),
    )
    await client.close()
    await greenAgain()
  })
})
