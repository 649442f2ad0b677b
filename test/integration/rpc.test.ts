import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { connect } from '../../src/rpc/client/index.ts'
import { decodeServerFrame, encodeRequest, type Handlers, METHODS, RpcError } from '../../src/rpc/index.ts'
import { LISTEN, rawClient, rpcNode } from './rpc-hosts.ts'

const DIGEST = new Uint8Array(32).fill(5)
const bridge = KeyPair.generate()

describe('rpc over real hosts', () => {
  it.each(['tcp', 'quic'] as const)('should serve an admitted client over %s', async (transport) => {
    await using node = await rpcNode([bridge.peerId], {}, { listen: [LISTEN[transport]] })
    const client = await connect({ addresses: node.addresses, key: bridge })
    try {
      expect(await client.hello()).toMatchObject({ peerId: node.key.peerId, network: 'test', ready: true })
      expect((await client.threshold.sign({ requestId: 'r', digest: DIGEST })).signature[0]).toBe(5)
      expect(await client.call('threshold.public_key', {})).toEqual({ public_key: '07'.repeat(32) })
    } finally {
      await client.close()
    }
  })

  it('should refuse a client that has too many connections open, and not only blame the list of bridges', async () => {
    await using node = await rpcNode([bridge.peerId])
    const open = await Promise.all(
      Array.from({ length: LIMITS.maxConnectionsPerPeer }, () => connect({ addresses: node.addresses, key: bridge })),
    )
    const oneMore = connect({ addresses: node.addresses, key: bridge })
    await expect(oneMore).rejects.toMatchObject({
      code: 'NOT_ADMITTED',
      message: expect.stringContaining('too many connections open there (at most 4)'),
    })
    // Those that are open are used on; with one of them gone there is room.
    await open.pop()?.close()
    for (const client of open) expect(await client.hello()).toMatchObject({ ready: true })
    await Promise.all(open.map((client) => client.close()))
  })

  it('should tell a client that is not admitted so, in words, every time', async () => {
    await using node = await rpcNode([bridge.peerId])
    for (let i = 0; i < 10; i++) {
      const stranger = KeyPair.generate()
      const error = await connect({ addresses: node.addresses, key: stranger }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(RpcError)
      expect(error).toMatchObject({ code: 'NOT_ADMITTED' })
      expect(String(error)).toContain(stranger.peerId)
    }
    expect(node.host.connections()).toEqual([])
  })

  it('should say UNREACHABLE when nobody listens', async () => {
    const node = await rpcNode([bridge.peerId])
    await node.stop()
    await expect(connect({ addresses: node.addresses, key: bridge })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('could not be reached'),
    })
  })

  it.each(['tcp', 'quic'] as const)(
    'should not talk to another server that answers at the address, over %s',
    async (transport) => {
      await using node = await rpcNode([bridge.peerId], {}, { listen: [LISTEN[transport]] })
      const expected = KeyPair.generate()
      const addresses = node.addresses.map((a) => a.replace(/\/p2p\/.*/, ''))
      await expect(connect({ addresses, signer: expected.publicKey, key: bridge })).rejects.toMatchObject({
        code: 'UNREACHABLE',
        message: expect.stringContaining(`Another key answers at an address of ${expected.peerId}`),
      })
      const client = await connect({ addresses, signer: node.key.publicKey, key: bridge })
      await client.close()
    },
  )

  it.each([
    { what: 'no addresses', addresses: [] },
    { what: 'no PeerID', addresses: ['/ip4/127.0.0.1/tcp/1'] },
    {
      what: 'a PeerID of another kind',
      addresses: ['/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    },
    {
      what: 'two servers',
      addresses: [KeyPair.generate(), KeyPair.generate()].map((k) => `/ip4/127.0.0.1/tcp/1/p2p/${k.peerId}`),
    },
  ])('should refuse $what before dialling', async ({ addresses }) => {
    await expect(connect({ addresses, key: bridge })).rejects.toMatchObject({ code: 'BAD_ADDRESS' })
  })

  it('should keep many requests in flight on one stream and match their answers', async () => {
    await using node = await rpcNode([bridge.peerId], {
      'threshold.sign': async ({ digest, requestId }) => {
        // Answers leave in another order than the requests came.
        for (let turns = requestId.length % 7; turns > 0; turns--) await new Promise((r) => setImmediate(r))
        return { signature: new Uint8Array(64).fill(digest[0] ?? 0) }
      },
    })
    const client = await connect({ addresses: node.addresses, key: bridge })
    try {
      const all = Array.from({ length: 1_000 }, (_, i) =>
        client.threshold.sign({ requestId: 'x'.repeat(1 + (i % 64)), digest: new Uint8Array(32).fill(i % 256) }),
      )
      expect((await Promise.all(all)).map((s) => s.signature[0])).toEqual(all.map((_, i) => i % 256))
    } finally {
      await client.close()
    }
  })

  it('should find a restarted server again at the next call', async () => {
    const first = await rpcNode([bridge.peerId])
    const client = await connect({ addresses: first.addresses, key: bridge })
    try {
      await first.stop()
      const listen = first.addresses.map((a) => a.replace(/\/p2p\/.*/, ''))
      await using _second = await rpcNode([bridge.peerId], {}, { key: first.key, listen })
      expect((await client.threshold.publicKey({ timeoutMs: 25_000 })).publicKey).toHaveLength(32)
    } finally {
      await client.close()
    }
  })

  it('should learn that it was removed while connected', async () => {
    await using node = await rpcNode([bridge.peerId])
    const client = await connect({ addresses: node.addresses, key: bridge })
    try {
      node.admitted.clear()
      await node.host.closePeer(bridge.peerId)
      await expect(client.threshold.publicKey({ timeoutMs: 25_000 })).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    } finally {
      await client.close()
    }
  })

  it('should abort on the server what a client that vanishes has open', async () => {
    const aborted = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    const sign: Handlers['threshold.sign'] = (_params, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve())
      started.resolve()
      return new Promise(() => {})
    }
    await using node = await rpcNode([bridge.peerId], { 'threshold.sign': sign })
    const client = await connect({ addresses: node.addresses, key: bridge })
    const call = expect(client.threshold.sign({ requestId: 'r', digest: DIGEST })).rejects.toMatchObject({
      code: 'CLOSED',
    })
    await started.promise
    await client.close()
    await aborted.promise
    await call
  })

  it('should answer a simple client that sends one request and finishes its side', async () => {
    await using node = await rpcNode([bridge.peerId])
    await using raw = await rawClient(bridge, node)
    const stream = await raw.open()
    await stream.write(encodeRequest(9, 'hello', new Uint8Array(0), 0))
    const closing = stream.close()
    const bytes = await stream.read()
    const answer = bytes && decodeServerFrame(bytes)
    expect(answer).toMatchObject({ kind: 'result', id: 9 })
    if (answer?.kind === 'result') expect(METHODS.hello.response.decode(answer.result, 'refuse').network).toBe('test')
    await closing
  })
})
