import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../src/curve/index.ts'
import { connect, type SignerChange } from '../../src/rpc/client/index.ts'
import type { Handlers } from '../../src/rpc/index.ts'
import { rpcNode } from './rpc-hosts.ts'

const bridge = KeyPair.generate()
const DIGEST = new Uint8Array(32).fill(5)
const without = (addresses: readonly string[]) => addresses.map((a) => a.replace(/\/p2p\/.*/, ''))

describe('a client of several servers, over real hosts', () => {
  it('should go to the next server with what the lost one left unanswered', async () => {
    const started = Promise.withResolvers<void>()
    const asked: string[] = []
    const never: Handlers['threshold.sign'] = () => {
      started.resolve()
      return new Promise(() => {})
    }
    const active = await rpcNode([bridge.peerId], { 'threshold.sign': never })
    await using standby = await rpcNode([bridge.peerId], {
      'threshold.sign': async ({ requestId }) => {
        asked.push(requestId)
        return { signature: new Uint8Array(64).fill(9) }
      },
    })
    const client = await connect({
      addresses: [...active.addresses, ...standby.addresses],
      signers: [active.key.publicKey, standby.key.peerId],
      key: bridge,
    })
    try {
      const call = client.threshold.sign({ requestId: 'deposit-1', digest: DIGEST })
      await started.promise
      expect(standby.host.connections()).toEqual([])
      await active.stop()
      expect((await call).signature[0]).toBe(9)
      expect(asked).toEqual(['deposit-1'])
      expect(client.trusted().signers).toEqual([standby.key.peerId, active.key.peerId])
    } finally {
      await client.close()
    }
  })

  it('should show nothing to a stranger at an address of a trusted server', async () => {
    await using stranger = await rpcNode([bridge.peerId])
    await using trusted = await rpcNode([bridge.peerId])
    const expected = KeyPair.generate()
    const client = await connect({
      addresses: [...without(stranger.addresses).map((a) => `${a}/p2p/${expected.peerId}`), ...trusted.addresses],
      signers: [expected.peerId, trusted.key.peerId],
      key: bridge,
    })
    try {
      expect((await client.hello()).peerId).toBe(trusted.key.peerId)
      expect(stranger.host.connections()).toEqual([])
    } finally {
      await client.close()
    }
  })

  it('should say that nobody admits it, naming itself', async () => {
    await using one = await rpcNode([])
    await using other = await rpcNode([])
    const failure = await connect({
      addresses: [...one.addresses, ...other.addresses],
      signers: [one.key.peerId, other.key.peerId],
      key: bridge,
    }).catch((e: unknown) => e)
    expect(failure).toMatchObject({ code: 'NOT_ADMITTED' })
    expect(String(failure)).toContain(bridge.peerId)
  })

  it('R7: should follow a server that moves to its next key while requests are under way', async () => {
    const next = KeyPair.generate()
    const before = await rpcNode([bridge.peerId], {}, { nextKey: next })
    const changes: SignerChange[] = []
    const client = await connect({
      addresses: before.addresses,
      key: bridge,
      onSignerChanged: (change) => changes.push(change),
    })
    try {
      const call = (_: unknown, i: number) =>
        client.threshold.sign({ requestId: `r${i}`, digest: new Uint8Array(32).fill(i) })
      const all = Array.from({ length: 100 }, call)
      await before.stop()
      await using after = await rpcNode([bridge.peerId], {}, { key: next, listen: without(before.addresses) })
      expect((await Promise.all(all)).map((s) => s.signature[0])).toEqual(all.map((_, i) => i))
      expect((await client.hello()).peerId).toBe(next.peerId)
      expect(changes.map((c) => c.kind)).toEqual(['announced', 'moved'])
      // What an application has stored leads a new client there.
      const again = await connect({ ...client.trusted(), key: bridge })
      expect((await again.hello()).peerId).toBe(next.peerId)
      await again.close()
      expect(after.host.connections().every((c) => c.peerId === bridge.peerId)).toBe(true)
    } finally {
      await client.close()
    }
  })
})
