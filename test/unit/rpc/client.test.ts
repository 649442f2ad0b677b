import { create } from '@bufbuild/protobuf'
import { afterEach, describe, expect, it } from 'vitest'
import { accept, type GroupKey, noMetrics, refuse, silentLogger } from '../../../src/base/index.ts'
import { connectOver } from '../../../src/rpc/client/connect.ts'
import { Link } from '../../../src/rpc/client/link.ts'
import { Servers } from '../../../src/rpc/client/servers.ts'
import {
  createHelloHandler,
  createRpcServer,
  createThresholdHandlers,
  decodeClientFrame,
  encodeError,
  encodeResult,
  type Handlers,
  isS2Method,
  METHODS,
  RPC_PROTOCOL,
  RpcError,
} from '../../../src/rpc/index.ts'
import type { ThresholdService } from '../../../src/signer/index.ts'
import { BRIDGE, HELLO, ManualClock, MEMBER, MemoryNetwork, quickHandlers, SERVER, settle } from './harness.ts'

const DIGEST = new Uint8Array(32).fill(5)
const SIGNATURE = new Uint8Array(64).fill(6)
const OTHER_KEY = MEMBER.publicKey
const SERVERS = [{ peerId: SERVER.peerId, addresses: [] }]
const who = (clock: ManualClock) => ({ servers: SERVERS, self: BRIDGE.peerId, clock, random: () => 0.5 })
const same = (result: Uint8Array): Uint8Array => result

async function world(handlers: Partial<Handlers> = {}, clock = new ManualClock()) {
  const net = new MemoryNetwork()
  const server = createRpcServer({
    streams: net.server,
    authorize: () => 'granted',
    handlers: quickHandlers(handlers),
    clock,
    logger: silentLogger,
    metrics: noMetrics,
  })
  await server.start()
  let stopped = 0
  const host = {
    streams: net.client,
    stop: async () => {
      stopped++
    },
  }
  return { net, clock, server, host, stops: () => stopped }
}
async function connected(handlers: Partial<Handlers> = {}, clock = new ManualClock()) {
  const w = await world(handlers, clock)
  const client = await connectOver(w.host, who(w.clock))
  return { ...w, client }
}
const helloResult = () => METHODS.hello.response.encode(create(METHODS.hello.response.desc, HELLO))
const killStream = (net: MemoryNetwork) => net.opened.at(-1)?.[1].abort(new Error('connection lost'))

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))
afterEach(() => expect(unhandled).toEqual([]))

describe('rpc client', () => {
  it('should greet, read the group key and get a signature', async () => {
    const asked: unknown[] = []
    const { client } = await connected({
      'threshold.sign': async ({ requestId, digest, tweak }) => {
        asked.push({ requestId, digest, tweak: tweak?.kind.case })
        return { signature: SIGNATURE }
      },
    })
    expect((await client.hello()).role).toBe('bridge')
    expect((await client.threshold.publicKey()).publicKey).toEqual(new Uint8Array(32).fill(7))
    expect(await client.threshold.sign({ requestId: 'deposit 1', digest: DIGEST })).toEqual({ signature: SIGNATURE })
    expect(asked).toEqual([{ requestId: 'deposit 1', digest: DIGEST, tweak: 'none' }])
  })

  it.each([
    { tweak: { kind: 'none' } as const, sent: { case: 'none', root: undefined } },
    { tweak: { kind: 'key', merkleRoot: null } as const, sent: { case: 'key', root: undefined } },
    { tweak: { kind: 'key', merkleRoot: DIGEST } as const, sent: { case: 'key', root: DIGEST } },
  ])('should carry the tweak $tweak unchanged', async ({ tweak, sent }) => {
    const seen: unknown[] = []
    const { client } = await connected({
      'threshold.sign': async ({ tweak: got }) => {
        seen.push({ case: got?.kind.case, root: got?.kind.case === 'key' ? got.kind.value.merkleRoot : undefined })
        return { signature: SIGNATURE }
      },
    })
    await client.threshold.sign({ requestId: 'r', digest: DIGEST, tweak })
    expect(seen).toEqual([sent])
  })

  it('should match answers that come in another order', async () => {
    const held: (() => void)[] = []
    const { client } = await connected({
      'threshold.sign': ({ digest }) =>
        new Promise((resolve) => held.push(() => resolve({ signature: new Uint8Array(64).fill(digest[0] ?? 0) }))),
    })
    const calls = [1, 2, 3].map((n) =>
      client.threshold.sign({ requestId: `r${n}`, digest: new Uint8Array(32).fill(n) }),
    )
    await settle()
    for (const answer of held.reverse()) answer()
    expect((await Promise.all(calls)).map((c) => c.signature[0])).toEqual([1, 2, 3])
  })

  it('should use one stream for everything', async () => {
    const { client, net } = await connected()
    await Promise.all(Array.from({ length: 50 }, () => client.hello()))
    expect(net.dials).toBe(1)
  })

  it('should hold back what the server would refuse as too many in flight', async () => {
    let running = 0
    let most = 0
    const { client } = await connected({
      hello: async () => {
        return { ...HELLO, limits: { maxFrameBytes: 65_536, maxInFlight: 2 } }
      },
      'threshold.sign': async () => {
        most = Math.max(most, ++running)
        await settle()
        running--
        return { signature: SIGNATURE }
      },
    })
    await Promise.all(
      Array.from({ length: 9 }, (_, i) => client.threshold.sign({ requestId: `r${i}`, digest: DIGEST })),
    )
    expect(most).toBe(2)
  })

  it('should report who is missing with TIMEOUT', async () => {
    const service = {
      publicKey: () => ({ ok: false as const, reason: 'NO_KEY' as const }),
      sign: async () => ({
        ok: false as const,
        code: 'TIMEOUT' as const,
        message: 'internal: round 17 on 10.0.0.7',
        missing: [OTHER_KEY],
        cheaters: [SERVER.publicKey],
      }),
    }
    const clock = new ManualClock()
    const { client } = await connected(createThresholdHandlers(service), clock)
    const error = await client.threshold.sign({ requestId: 'r', digest: DIGEST }).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { missing: [OTHER_KEY], cheaters: [SERVER.publicKey] } })
    expect(JSON.stringify(error)).not.toContain('10.0.0.7')
    await expect(client.threshold.publicKey()).rejects.toMatchObject({ code: 'NO_KEY' })
  })

  it('should give the service the request id as hex, and the caller, the deadline and the tweak as they were sent', async () => {
    const calls: unknown[] = []
    const service = {
      publicKey: () => ({ ok: false as const, reason: 'NO_KEY' as const }),
      sign: async (peer: string, requestId: string, items: unknown, deadlineMs: number) => {
        calls.push({ peer, requestId, items, deadlineMs })
        return { ok: true as const, signatures: [SIGNATURE] }
      },
    }
    const clock = new ManualClock()
    const { client } = await connected(createThresholdHandlers(service), clock)
    const tweak = { kind: 'key', merkleRoot: DIGEST } as const
    await client.threshold.sign({ requestId: 'ab', digest: DIGEST, tweak, timeoutMs: 5_000 })
    expect(calls).toEqual([
      { peer: BRIDGE.peerId, requestId: '6162', items: [{ digest: DIGEST, tweak }], deadlineMs: clock.now() + 4_900 },
    ])
  })

  it('should give the service the key that was asked for, and none where none was', async () => {
    const keys: unknown[] = []
    const service = {
      publicKey: (key?: GroupKey) => {
        keys.push(key)
        return key === undefined ? refuse('NO_KEY' as const) : accept(key)
      },
      sign: async (...args: Parameters<ThresholdService['sign']>) => {
        keys.push(args[5])
        return { ok: false as const, code: 'UNKNOWN_KEY' as const, message: '', missing: [], cheaters: [] }
      },
    }
    const { client } = await connected(createThresholdHandlers(service))
    const key = new Uint8Array(32).fill(9)
    expect((await client.threshold.publicKey({ key })).publicKey).toEqual(key)
    await expect(client.threshold.publicKey()).rejects.toMatchObject({ code: 'NO_KEY' })
    const asked = { requestId: 'ab', digest: DIGEST }
    await expect(client.threshold.sign({ ...asked, key })).rejects.toMatchObject({ code: 'UNKNOWN_KEY' })
    await expect(client.threshold.sign(asked)).rejects.toMatchObject({ code: 'UNKNOWN_KEY' })
    expect(keys).toEqual(['09'.repeat(32), undefined, '09'.repeat(32), undefined])
  })

  it('should list in hello exactly the methods that are granted', async () => {
    const facts = { peerId: SERVER.peerId, publicKey: SERVER.publicKey, network: 'devnet', software: '0.1.0' }
    const hello = createHelloHandler({
      authorize: (_peer, method) =>
        ['threshold.sign', 'wots.get_128_signature'].includes(method) ? 'granted' : 'not_granted',
      // Granted, and yet not there: this node has no seed.
      serves: (method) => !isS2Method(method),
      roleOf: () => 'bridge',
      facts: () => ({ ...facts, waitingFor: ['keygen'] }),
    })
    const { client } = await connected({ hello })
    const { methods, ready, waitingFor } = await client.hello()
    expect({ methods, ready, waitingFor }).toEqual({
      methods: ['hello', 'health', 'threshold.sign'],
      ready: false,
      waitingFor: ['keygen'],
    })
  })

  describe('before anything is sent', () => {
    it.each([
      { params: { requestId: '', digest: DIGEST }, field: 'request_id' },
      { params: { requestId: 'x'.repeat(65), digest: DIGEST }, field: 'request_id' },
      { params: { requestId: 'r', digest: DIGEST.slice(1) }, field: 'digest' },
      { params: { requestId: 'r', digest: DIGEST, key: DIGEST.slice(1) }, field: 'key' },
      { params: { requestId: 'r', digest: DIGEST, key: new Uint8Array(33) }, field: 'key' },
      {
        params: { requestId: 'r', digest: DIGEST, tweak: { kind: 'key', merkleRoot: DIGEST.slice(1) } as const },
        field: 'tweak.kind.merkle_root',
      },
    ])('should refuse a wrong $field', async ({ params, field }) => {
      const { client, net } = await connected()
      const before = net.opened.length
      await expect(client.threshold.sign(params)).rejects.toMatchObject({ code: 'BAD_REQUEST', details: { field } })
      expect(net.opened.length).toBe(before)
    })

    it.each([0, -1, Number.NaN])('should refuse the timeout %d', async (timeoutMs) => {
      const { client } = await connected()
      await expect(client.hello({ timeoutMs })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    })

    it.each([0.5, 1_500.25, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
      'should take the timeout %d',
      async (timeoutMs) => {
        const { client, clock } = await connected({ 'threshold.public_key': () => new Promise(() => {}) })
        const result = expect(client.threshold.publicKey({ timeoutMs })).rejects.toMatchObject({ code: 'DEADLINE' })
        await clock.advance(METHODS['threshold.public_key'].maxTimeoutMs + 1_000)
        await result
      },
    )

    it('should refuse a method that the table does not have', async () => {
      const { client } = await connected()
      await expect(client.call('threshold.export', {})).rejects.toMatchObject({ code: 'UNKNOWN_METHOD' })
      await expect(client.call('constructor', {})).rejects.toMatchObject({ code: 'UNKNOWN_METHOD' })
    })
  })

  describe('when it is not admitted', () => {
    it('should say so in words, naming its own PeerID, when the stream is cut off before hello is answered', async () => {
      const { net, host, clock, stops } = await world()
      net.refuse = 'cut'
      const error = await connectOver(host, who(clock)).catch((e: unknown) => e)
      expect(error).toMatchObject({ code: 'NOT_ADMITTED' })
      expect(String(error)).toContain(BRIDGE.peerId)
      expect(stops()).toBe(1)
    })

    it('should say so when the server ends the stream in silence', async () => {
      const { net, host, clock } = await world()
      await net.server.handle(RPC_PROTOCOL, 1_000, async (s) => {
        await s.read()
        await s.close()
      })
      await expect(connectOver(host, who(clock))).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    })

    it('should not say so of a server that nobody answers for', async () => {
      const { net, host, clock } = await world()
      net.refuse = 'unreachable'
      await expect(connectOver(host, who(clock))).rejects.toMatchObject({ code: 'UNREACHABLE' })
    })

    it('should learn at the next call that it was removed', async () => {
      const { client, net } = await connected()
      net.refuse = 'cut'
      killStream(net)
      await expect(client.threshold.publicKey()).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
    })
  })

  describe('deadlines and cancellation', () => {
    it('should give up connecting at its timeout', async () => {
      const { net, host, clock } = await world()
      await net.server.handle(RPC_PROTOCOL, 1_000, () => new Promise(() => {}))
      const connecting = connectOver(host, who(clock), { timeoutMs: 300 })
      const result = expect(connecting).rejects.toMatchObject({ code: 'DEADLINE' })
      await clock.advance(300)
      await result
    })

    it('should give up connecting when told to', async () => {
      const { net, host, clock } = await world()
      await net.server.handle(RPC_PROTOCOL, 1_000, () => new Promise(() => {}))
      const stop = new AbortController()
      const connecting = connectOver(host, who(clock), { signal: stop.signal })
      stop.abort()
      await expect(connecting).rejects.toMatchObject({ code: 'CANCELLED' })
    })

    it('should reject with DEADLINE a little after its timeout when the server says nothing', async () => {
      const { net, clock, host } = await world()
      await net.server.handle(RPC_PROTOCOL, 65_536, async (s) => {
        const first = decodeClientFrame((await s.read()) ?? new Uint8Array(0))
        if (first.kind === 'request') await s.write(encodeResult(first.id, helloResult()))
        await new Promise(() => {})
      })
      const client = await connectOver(host, who(clock))
      const call = client.threshold.publicKey({ timeoutMs: 400 })
      const result = expect(call).rejects.toMatchObject({ code: 'DEADLINE' })
      await clock.advance(1_400)
      await result
      expect(clock.armed).toBe(0)
    })

    it('should tell the server when a call is cancelled, and keep the connection', async () => {
      const signals: AbortSignal[] = []
      const { client, net } = await connected({
        'threshold.sign': (_params, { signal }) => {
          signals.push(signal)
          return new Promise(() => {})
        },
      })
      const stop = new AbortController()
      const call = client.threshold.sign({ requestId: 'r', digest: DIGEST, signal: stop.signal })
      await settle()
      stop.abort()
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
      await settle()
      expect(signals[0]?.aborted).toBe(true)
      await client.hello()
      expect(net.dials).toBe(1)
    })

    it('should send nothing for a call that was cancelled before', async () => {
      let ran = 0
      const { client } = await connected({
        'threshold.sign': async () => {
          ran++
          return { signature: SIGNATURE }
        },
      })
      const call = client.threshold.sign({ requestId: 'r', digest: DIGEST, signal: AbortSignal.abort() })
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
      await settle()
      expect(ran).toBe(0)
    })
  })

  describe('when the stream dies', () => {
    /** Loses the stream at the first request, answers from the second on. */
    const losing = () => {
      const ids: string[] = []
      let net: MemoryNetwork | undefined
      const handler: Handlers['threshold.sign'] = async ({ requestId }) => {
        ids.push(requestId)
        if (ids.length === 1 && net) killStream(net)
        return { signature: SIGNATURE }
      }
      return { ids, handler, on: (n: MemoryNetwork) => (net = n) }
    }

    it('should open another one and repeat an idempotent request under the same request id', async () => {
      const { ids, handler, on } = losing()
      const { client, net } = await connected({ 'threshold.sign': handler })
      on(net)
      expect(await client.threshold.sign({ requestId: 'same', digest: DIGEST })).toEqual({ signature: SIGNATURE })
      expect(ids).toEqual(['same', 'same'])
      expect(net.dials).toBe(2)
    })

    it('should not repeat a request whose method is not idempotent', async () => {
      const { ids, handler, on } = losing()
      const { net, clock } = await world({ 'threshold.sign': handler })
      on(net)
      const link = new Link({ ...who(clock), host: { streams: net.client }, servers: new Servers(SERVERS) })
      const { request } = METHODS['threshold.sign']
      const init = { requestId: 'once', digest: DIGEST, tweak: { kind: { case: 'none' as const, value: {} } } }
      const params = request.encode(create(request.desc, init))
      const wait = { deadlineMs: clock.now() + 5_000 }
      await link.connect(wait)
      await expect(link.call({ name: 'threshold.sign', idempotent: false }, params, wait, same)).rejects.toMatchObject({
        code: 'DISCONNECTED',
      })
      expect(ids).toEqual(['once'])
      await link.call({ name: 'threshold.sign', idempotent: false }, params, wait, same)
      expect(ids).toEqual(['once', 'once'])
    })

    it('should try an unreachable server again, ever more slowly, and go on when it is back', async () => {
      const { client, net, clock } = await connected()
      net.refuse = 'unreachable'
      killStream(net)
      const call = client.threshold.publicKey({ timeoutMs: 60_000 })
      await clock.advance(20_000)
      // 250 ms doubling to 15 s, times 0.75: 8 dials in 20 s; without backoff there would be thousands.
      expect(net.dials).toBeGreaterThanOrEqual(5)
      expect(net.dials).toBeLessThanOrEqual(10)
      net.refuse = 'no'
      await clock.advance(15_000)
      expect((await call).publicKey).toHaveLength(32)
    })

    it('should dial once for many calls that wait', async () => {
      const { client, net } = await connected()
      killStream(net)
      await settle()
      await Promise.all(Array.from({ length: 20 }, () => client.hello()))
      expect(net.dials).toBe(2)
    })

    it('should end in DEADLINE when the server stays away', async () => {
      const { client, net, clock } = await connected()
      net.refuse = 'unreachable'
      killStream(net)
      const result = expect(client.threshold.publicKey({ timeoutMs: 3_000 })).rejects.toMatchObject({
        code: 'DEADLINE',
      })
      await clock.advance(3_000)
      await result
    })

    it('should slow down repeats of a request that loses its stream every time', async () => {
      let ran = 0
      let lose = () => {}
      const { client, net, clock } = await connected({
        'threshold.sign': () => {
          ran++
          lose()
          return new Promise(() => {})
        },
      })
      lose = () => killStream(net)
      const call = client.threshold.sign({ requestId: 'r', digest: DIGEST, timeoutMs: 10_000 })
      const result = expect(call).rejects.toMatchObject({ code: expect.stringMatching(/DEADLINE|DISCONNECTED/) })
      await clock.advance(12_000)
      await result
      expect(ran).toBeGreaterThan(2)
      expect(ran).toBeLessThan(12)
    })
  })

  describe('a server that does not keep the protocol', () => {
    const lying = async (answer: (id: number, method: string) => Uint8Array | undefined) => {
      const w = await world()
      await w.net.server.handle(RPC_PROTOCOL, 65_536, async (s) => {
        for (;;) {
          const bytes = await s.read()
          if (bytes === undefined) return
          const frame = decodeClientFrame(bytes)
          if (frame.kind !== 'request') continue
          await s.write(answer(frame.id, frame.method) ?? encodeResult(frame.id, helloResult()))
        }
      })
      return w
    }
    const onKey = (answer: (id: number) => Uint8Array) => (id: number, method: string) =>
      method === 'threshold.public_key' ? answer(id) : undefined

    it.each([
      { lie: 'bytes that are no frame', answer: () => Uint8Array.of(0xff) },
      { lie: 'a request', answer: () => Uint8Array.of(0x0a, 0x02, 0x08, 0x01) },
      { lie: 'a key of the wrong length', answer: (id: number) => encodeResult(id, Uint8Array.of(0x0a, 1, 7)) },
    ])('should reject $lie with BAD_ANSWER', async ({ answer }) => {
      const { host, clock } = await lying(onKey(answer))
      const client = await connectOver(host, who(clock))
      await expect(client.threshold.publicKey()).rejects.toMatchObject({ code: 'BAD_ANSWER' })
    })

    it('should tell every call when the server could not read one of them', async () => {
      const { host, clock } = await lying(onKey(() => encodeError(0, 'TOO_LARGE')))
      const client = await connectOver(host, who(clock))
      await expect(client.threshold.publicKey()).rejects.toMatchObject({ code: 'TOO_LARGE', requestId: null })
    })

    it('should ignore an answer that nobody waits for', async () => {
      const { host, clock } = await lying((id, method) =>
        method === 'threshold.public_key' ? encodeResult(id + 1_000, new Uint8Array(0)) : undefined,
      )
      const client = await connectOver(host, who(clock))
      const call = expect(client.threshold.publicKey({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'DEADLINE' })
      expect((await client.hello()).network).toBe('devnet')
      await clock.advance(1_200)
      await call
    })

    it('should refuse a server that says it is another one', async () => {
      const hello = async () => ({ ...HELLO, peerId: MEMBER.peerId })
      const { host, clock } = await world({ hello })
      await expect(connectOver(host, who(clock))).rejects.toMatchObject({ code: 'BAD_ANSWER' })
    })
  })

  describe('close', () => {
    it('should reject what is open, tell the server, and let go of the host', async () => {
      const signals: AbortSignal[] = []
      const { client, stops } = await connected({
        'threshold.sign': (_params, { signal }) => {
          signals.push(signal)
          return new Promise(() => {})
        },
      })
      const result = expect(client.threshold.sign({ requestId: 'r', digest: DIGEST })).rejects.toMatchObject({
        code: 'CLOSED',
      })
      await settle()
      await client.close()
      await result
      await settle()
      expect(signals[0]?.aborted).toBe(true)
      expect(stops()).toBe(1)
    })

    it('should refuse calls afterwards', async () => {
      const { client } = await connected()
      await client.close()
      await expect(client.hello()).rejects.toMatchObject({ code: 'CLOSED' })
    })

    it('should reject calls that wait for an unreachable server', async () => {
      const { client, net, clock } = await connected()
      net.refuse = 'unreachable'
      killStream(net)
      const result = expect(client.hello({ timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'CLOSED' })
      await clock.advance(100)
      await client.close()
      await result
      expect(clock.armed).toBe(0)
    })
  })

  it('should show what applies once to whoever prints an error', () => {
    const {
      stack: _,
      message: __,
      ...shown
    } = Object.fromEntries(Object.entries(new RpcError('BAD_REQUEST', { field: 'digest', expected: '32 bytes' })))
    expect(shown).toEqual({
      name: 'RpcError',
      code: 'BAD_REQUEST',
      data: { field: 'digest', expected: '32 bytes' },
      requestId: null,
    })
    expect(new RpcError('NO_KEY')).toMatchObject({ data: {}, details: { missing: [], cheaters: [] } })
  })

  it('should be an RpcError whatever goes wrong', () => {
    expect(new RpcError('TIMEOUT', { missing: [OTHER_KEY] }).toJSON()).toEqual({
      code: 'TIMEOUT',
      message: expect.stringContaining(OTHER_KEY),
      request_id: null,
      missing: [OTHER_KEY],
    })
  })
})
