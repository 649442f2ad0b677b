import { afterEach, describe, expect, it } from 'vitest'
import { CodedError, noMetrics, silentLogger } from '../../../src/base/index.ts'
import { type KeyPair, publicKeyBytes } from '../../../src/curve/index.ts'
import { type ConnectOptions, connectOver } from '../../../src/rpc/client/connect.ts'
import { Link } from '../../../src/rpc/client/link.ts'
import { type ClientHost, SERVER_TRY_MS } from '../../../src/rpc/client/reach.ts'
import { Servers, type SignerChange } from '../../../src/rpc/client/servers.ts'
import { createRpcServer, type Handlers, METHODS, RPC_PROTOCOL, RpcError } from '../../../src/rpc/index.ts'
import { BRIDGE, HELLO, ManualClock, MEMBER, MemoryNetwork, quickHandlers, SERVER, settle } from './harness.ts'

const DIGEST = new Uint8Array(32).fill(5)
const [A, B] = [SERVER, MEMBER]
const same = (result: Uint8Array): Uint8Array => result

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))
afterEach(() => expect(unhandled).toEqual([]))

/** A server of one key in memory, and what it was asked. */
async function serverOf(key: KeyPair, clock: ManualClock, handlers: Partial<Handlers> = {}) {
  const net = new MemoryNetwork(key.peerId)
  const asked: string[] = []
  let next: KeyPair | undefined
  const server = createRpcServer({
    streams: net.server,
    authorize: () => 'granted',
    handlers: quickHandlers({
      hello: async () => ({
        ...HELLO,
        peerId: key.peerId,
        publicKey: publicKeyBytes(key.publicKey),
        ...(next === undefined ? {} : { nextPublicKey: publicKeyBytes(next.publicKey) }),
      }),
      'threshold.sign': async ({ requestId }) => {
        asked.push(requestId)
        return { signature: new Uint8Array(64).fill(key === A ? 1 : 2) }
      },
      ...handlers,
    }),
    clock,
    logger: silentLogger,
    metrics: noMetrics,
  })
  await server.start()
  return {
    net,
    asked,
    moveTo: (to: KeyPair | undefined) => {
      next = to
    },
    lose: () => net.opened.at(-1)?.[1].abort(new Error('connection lost')),
  }
}

async function world(handlers: { readonly a?: Partial<Handlers>; readonly b?: Partial<Handlers> } = {}) {
  const clock = new ManualClock()
  const a = await serverOf(A, clock, handlers.a)
  const b = await serverOf(B, clock, handlers.b)
  const nets = new Map([
    [A.peerId, a.net],
    [B.peerId, b.net],
  ])
  const used: string[] = []
  const dropped: string[] = []
  const host: ClientHost = {
    streams: {
      handle: async () => async () => {},
      open: async (peer, protocol, max, signal) => {
        const net = nets.get(peer)
        if (net === undefined) throw new CodedError('UNREACHABLE', 'nobody there')
        return net.client.open(peer, protocol, max, signal)
      },
    },
    use: async ({ peerId }) => {
      used.push(peerId)
    },
    drop: async (peerId) => {
      dropped.push(peerId)
    },
    stop: async () => {},
  }
  const changes: SignerChange[] = []
  const who = { self: BRIDGE.peerId, clock, random: () => 0.5 }
  const connect = (keys: readonly KeyPair[], options: Pick<ConnectOptions, 'timeoutMs' | 'onSignerChanged'> = {}) =>
    connectOver(
      host,
      { ...who, servers: keys.map((k) => ({ peerId: k.peerId, addresses: [] })) },
      { onSignerChanged: (c) => changes.push(c), ...options },
    )
  return { clock, a, b, host, who, used, dropped, changes, connect }
}
const sign = (requestId: string) => ({ requestId, digest: DIGEST })

describe('a client of several servers', () => {
  it('should use the first, and ask nothing of the others', async () => {
    const { connect, b } = await world()
    const client = await connect([A, B])
    expect((await client.threshold.sign(sign('r'))).signature[0]).toBe(1)
    expect(b.net.dials).toBe(0)
  })

  it.each(['unreachable', 'cut'] as const)('should connect to the next if the first is %s', async (refuse) => {
    const { connect, a } = await world()
    a.net.refuse = refuse
    expect((await (await connect([A, B])).hello()).peerId).toBe(B.peerId)
  })

  it('should pass by a server that never answers hello', async () => {
    const { connect, a, clock } = await world()
    await a.net.server.handle(RPC_PROTOCOL, 65_536, () => new Promise(() => {}))
    const connecting = connect([A, B])
    await clock.advance(SERVER_TRY_MS + 1_000)
    expect((await (await connecting).hello()).peerId).toBe(B.peerId)
  })

  it('should repeat an idempotent request at the next server under the same request id', async () => {
    const { connect, a, b } = await world()
    const client = await connect([A, B])
    a.net.refuse = 'unreachable'
    a.lose()
    expect((await client.threshold.sign(sign('same'))).signature[0]).toBe(2)
    expect([a.asked, b.asked]).toEqual([[], ['same']])
  })

  it('should repeat elsewhere what was under way when the server was lost', async () => {
    const lost: string[] = []
    const w = await world({
      a: {
        'threshold.sign': ({ requestId }) => {
          lost.push(requestId)
          w.a.net.refuse = 'unreachable'
          w.a.lose()
          return new Promise(() => {})
        },
      },
    })
    const client = await w.connect([A, B])
    const all = await Promise.all(['x', 'y', 'z'].map((id) => client.threshold.sign(sign(id))))
    expect(all.map((s) => s.signature[0])).toEqual([2, 2, 2])
    expect(w.b.asked.toSorted()).toEqual(['x', 'y', 'z'])
    expect(lost).not.toEqual([])
  })

  it('R27: should not repeat at the next server what is not idempotent', async () => {
    const w = await world({
      a: {
        'threshold.sign': () => {
          w.a.lose()
          return new Promise(() => {})
        },
      },
    })
    const servers = new Servers([A, B].map((k) => ({ peerId: k.peerId, addresses: [] })))
    const link = new Link({ ...w.who, host: w.host, servers })
    const { request } = METHODS['threshold.sign']
    const { create } = await import('@bufbuild/protobuf')
    const params = request.encode(
      create(request.desc, { ...sign('once'), tweak: { kind: { case: 'none' as const, value: {} } } }),
    )
    const wait = { deadlineMs: w.clock.now() + 5_000 }
    await expect(link.call({ name: 'threshold.sign', idempotent: false }, params, wait, same)).rejects.toMatchObject({
      code: 'DISCONNECTED',
    })
    expect(w.b.asked).toEqual([])
    await link.close()
  })

  it('should go on at the next server when one stops, which says so before it ends the stream', async () => {
    const w = await world({
      a: {
        'threshold.sign': async () => {
          w.a.net.refuse = 'unreachable'
          setImmediate(() => w.a.lose())
          throw new RpcError('STOPPED')
        },
      },
    })
    const client = await w.connect([A, B])
    const call = client.threshold.sign(sign('r'))
    await w.clock.advance(300)
    expect((await call).signature[0]).toBe(2)
  })

  it('should pass on STOPPED from a server that stays: its signer set has changed', async () => {
    const stopped: Handlers['threshold.sign'] = async () => {
      throw new RpcError('STOPPED')
    }
    const w = await world({ a: { 'threshold.sign': stopped } })
    const client = await w.connect([A, B])
    const result = expect(client.threshold.sign(sign('r'))).rejects.toMatchObject({ code: 'STOPPED' })
    await w.clock.advance(300)
    await result
    expect(w.b.net.dials).toBe(0)
  })

  it('should stay where it is when the first server is back', async () => {
    const { connect, a, b } = await world()
    const client = await connect([A, B])
    a.net.refuse = 'unreachable'
    a.lose()
    await client.hello()
    a.net.refuse = 'no'
    b.lose()
    await settle()
    expect((await client.hello()).peerId).toBe(B.peerId)
  })

  it('should go round all of them, ever more slowly, until one is back', async () => {
    const { connect, a, b, clock } = await world()
    const client = await connect([A, B])
    a.net.refuse = b.net.refuse = 'unreachable'
    a.lose()
    const call = client.threshold.publicKey({ timeoutMs: 60_000 })
    await clock.advance(20_000)
    // 250 ms doubling to 15 s, times 0.75: 8 rounds in 20 s.
    expect(b.net.dials).toBeGreaterThanOrEqual(5)
    expect(b.net.dials).toBeLessThanOrEqual(10)
    b.net.refuse = 'no'
    await clock.advance(15_000)
    expect((await call).publicKey).toHaveLength(32)
  })

  it('should say NOT_ADMITTED if one refuses and the others are away: at once to connect, at the deadline to a call', async () => {
    const { connect, a, b, clock } = await world()
    a.net.refuse = 'unreachable'
    b.net.refuse = 'cut'
    await expect(connect([A, B])).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    a.net.refuse = 'no'
    const client = await connect([A, B])
    a.net.refuse = 'unreachable'
    a.lose()
    const result = expect(client.hello({ timeoutMs: 3_000 })).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    await clock.advance(3_000)
    await result
  })

  it('should say NOT_ADMITTED at once if all of them refuse', async () => {
    const { connect, a, b } = await world()
    const client = await connect([A, B])
    a.net.refuse = b.net.refuse = 'cut'
    a.lose()
    await expect(client.hello()).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  })

  it('should say UNREACHABLE if all of them are away', async () => {
    const { connect, a, b } = await world()
    a.net.refuse = b.net.refuse = 'unreachable'
    await expect(connect([A, B])).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('should not take one trusted server for another', async () => {
    const { connect, b } = await world({ a: { hello: async () => ({ ...HELLO, peerId: B.peerId }) } })
    const client = await connect([A, B])
    expect(client.trusted().signers[0]).toBe(B.peerId)
    expect(b.net.dials).toBe(1)
  })
})

describe('a server that has died without a word', () => {
  /** Greets, then says nothing any more. */
  const mute = () => ({ 'threshold.public_key': () => new Promise<never>(() => {}) })

  it('should be left for the next one, once a request stayed without its answer and hello does, too', async () => {
    const w = await world({ a: mute() })
    const client = await w.connect([A, B])
    // From here on nothing that A is sent arrives.
    const [mine, theirs] = w.a.net.opened.at(-1) ?? []
    if (theirs) theirs.deliver = () => {}
    expect(mine).toBeDefined()
    const first = expect(client.threshold.publicKey({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'DEADLINE' })
    await w.clock.advance(1_500)
    await first
    w.a.net.refuse = 'unreachable'
    const second = client.threshold.publicKey({ timeoutMs: 20_000 })
    await w.clock.advance(SERVER_TRY_MS + 1_000)
    expect((await second).publicKey).toHaveLength(32)
    expect(w.dropped).toEqual([A.peerId])
    expect(w.b.net.dials).toBe(1)
  })

  it('should not even be asked if something else was heard of it', async () => {
    let greetings = 0
    const hello: Handlers['hello'] = async () => {
      greetings++
      return HELLO
    }
    const w = await world({ a: { hello } })
    const client = await w.connect([A, B])
    const [, theirs] = w.a.net.opened.at(-1) ?? []
    const deliver = theirs?.deliver.bind(theirs)
    if (theirs) theirs.deliver = (frame) => Buffer.from(frame).includes('threshold.sign') && deliver?.(frame)
    const call = client.threshold.publicKey({ timeoutMs: 500 })
    const hanging = expect(call).rejects.toMatchObject({ code: 'DEADLINE' })
    await client.threshold.sign(sign('r'))
    await w.clock.advance(1_500)
    await hanging
    await client.threshold.sign(sign('r'))
    expect(greetings).toBe(1)
  })

  it('should be kept if only that one method hangs', async () => {
    const w = await world()
    const client = await w.connect([A, B])
    const [, theirs] = w.a.net.opened.at(-1) ?? []
    const deliver = theirs?.deliver.bind(theirs)
    if (theirs) theirs.deliver = () => {}
    const lost = expect(client.threshold.publicKey({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'DEADLINE' })
    await w.clock.advance(1_500)
    await lost
    if (theirs && deliver) theirs.deliver = deliver
    expect((await client.threshold.publicKey()).publicKey).toHaveLength(32)
    expect(w.dropped).toEqual([])
    expect(w.a.net.dials).toBe(1)
  })
})

describe('a server that moves to its next key (R7)', () => {
  it('R7: should be followed there, and the application told what to store', async () => {
    const { connect, a, changes } = await world()
    a.moveTo(B)
    const client = await connect([A])
    await settle()
    expect(changes.map((c) => [c.kind, c.signer, c.next])).toEqual([['announced', A.peerId, B.peerId]])
    expect(client.trusted().signers).toEqual([A.peerId, B.peerId])
    a.net.refuse = 'cut'
    a.lose()
    expect((await client.threshold.sign(sign('r'))).signature[0]).toBe(2)
    await settle()
    expect(changes.map((c) => c.kind)).toEqual(['announced', 'moved'])
    expect(client.trusted().signers).toEqual([B.peerId])
  })

  it('R7: should be waited for while it is between its keys, admitting nobody', async () => {
    const { connect, a, b, clock } = await world()
    a.moveTo(B)
    const client = await connect([A])
    a.net.refuse = 'cut'
    b.net.refuse = 'unreachable'
    a.lose()
    const call = client.threshold.sign({ ...sign('r'), timeoutMs: 20_000 })
    await clock.advance(2_000)
    b.net.refuse = 'no'
    await clock.advance(5_000)
    expect((await call).signature[0]).toBe(2)
  })

  it('R7: should not be looked for under the key before: that may have been stolen', async () => {
    const { connect, a, b, clock } = await world()
    a.moveTo(B)
    const client = await connect([A])
    a.net.refuse = 'unreachable'
    a.lose()
    await client.hello()
    const before = a.net.dials
    a.net.refuse = 'no'
    b.net.refuse = 'unreachable'
    b.lose()
    const result = expect(client.hello({ timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'DEADLINE' })
    await clock.advance(5_000)
    await result
    expect(a.net.dials).toBe(before)
  })

  it('should not be trusted for a key that it never announced', async () => {
    const { connect, a, b, clock } = await world()
    const client = await connect([A])
    a.net.refuse = 'unreachable'
    a.lose()
    const result = expect(client.hello({ timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'DEADLINE' })
    await clock.advance(5_000)
    await result
    expect(b.net.dials).toBe(0)
  })

  it('should be served on if what it announces is no key', async () => {
    const { connect, changes } = await world({
      a: { hello: async () => ({ ...HELLO, nextPublicKey: new Uint8Array(33) }) },
    })
    const client = await connect([A])
    expect((await client.threshold.publicKey()).publicKey).toHaveLength(32)
    expect([changes, client.trusted().signers]).toEqual([[], [A.peerId]])
  })
})
