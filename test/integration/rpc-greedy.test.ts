import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { describe, expect, it } from 'vitest'
import { LIMITS, sleep, withDeadline } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { encodeFrames, FrameDecoder, lengthPrefix } from '../../src/p2p/frame-codec.ts'
import { connect } from '../../src/rpc/client/index.ts'
import {
  createQuota,
  decodeServerFrame,
  encodeCancel,
  encodeRequest,
  RPC_PROTOCOL,
  RpcError,
  type ServerFrame,
} from '../../src/rpc/index.ts'
import { signFrame, signParams } from '../unit/rpc/server-harness.ts'
import { type RpcNode, rpcNode } from './rpc-hosts.ts'

const MIB = 1024 * 1024
const greedy = KeyPair.generate()
const honest = KeyPair.generate()
/** What an honest call takes is told by benchmarks; here it only must not wait for the greedy peer's deadlines. */
const HONEST_MS = 10_000
/** `RPC_GREEDY_STREAMS=10000` before a test run opens that many. */
const STREAMS = Number(process.env.RPC_GREEDY_STREAMS ?? 2_000)

/** A peer that uses the library as it likes. */
async function peerOf(key: KeyPair, node: RpcNode) {
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key.exposeSecret()),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  const connection = await libp2p.dial(node.addresses.map((a) => multiaddr(a)))
  const { maxStreamsPerPeer } = LIMITS
  return {
    open: (): Promise<Stream> => connection.newStream(RPC_PROTOCOL, { maxOutboundStreams: 64 * maxStreamsPerPeer }),
    isConnected: () => connection.status === 'open',
    [Symbol.asyncDispose]: async () => void (await libp2p.stop()),
  }
}

/** Answers of a stream, as they come. */
function answersOf(stream: Stream): readonly ServerFrame[] {
  const answers: ServerFrame[] = []
  const decoder = new FrameDecoder(MIB)
  stream.addEventListener('message', ({ data }) =>
    decoder.push(data.subarray(), (frame) => answers.push(decodeServerFrame(frame))),
  )
  return answers
}

/** Somebody else's calls while `work` runs: none fails, and none waits long. */
async function meanwhile<T>(node: RpcNode, work: () => Promise<T>): Promise<T> {
  const client = await connect({ addresses: node.addresses, key: honest })
  let isOver = false
  let calls = 0
  const others = (async () => {
    while (!isOver || calls < 3) {
      await client.call('health', {}, { timeoutMs: HONEST_MS })
      await client.threshold.sign({ requestId: `honest ${calls++}`, digest: new Uint8Array(32), timeoutMs: HONEST_MS })
      await sleep(5)
    }
  })()
  try {
    return await Promise.race([work(), others.then(() => Promise.reject(new Error('the others ended first')))])
  } finally {
    isOver = true
    await others
    await client.close()
  }
}

/** Within less than the 30 s after which the stream itself gives up on a peer: each test is of an earlier guard. */
const until = (what: string, holds: () => boolean): Promise<void> =>
  withDeadline(what, 25_000, async (signal) => {
    while (!holds()) await sleep(10, signal)
  })
const ended = (stream: Stream): boolean => stream.status !== 'open' && stream.status !== 'closing'

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('an rpc server and a greedy peer that it admits', () => {
  it(`should serve ${STREAMS} streams of a peer in turn, and keep nothing of them`, { timeout: 600_000 }, async () => {
    await using node = await rpcNode([greedy.peerId, honest.peerId])
    await using peer = await peerOf(greedy, node)
    const [streams, checkpoint] = [STREAMS, STREAMS / 5]
    let opened = 0
    let refused = 0
    let baseBytes = 0
    const one = async (n: number) => {
      try {
        const stream = await peer.open()
        const answers = answersOf(stream)
        stream.send(encodeFrames([encodeRequest(1, 'health', new Uint8Array(0), 0)]))
        // Some ask and go, some leave half of a frame behind, the others are served to the end.
        if (n % 4 === 1) stream.send(lengthPrefix(50))
        if (n % 4 >= 2) {
          await until('an answer', () => answers.length > 0 || ended(stream))
          await stream.close()
        }
        stream.abort(new Error('the next one'))
      } catch {
        // The end of the last one is still on its way: there are no more than eight at once.
        refused++
      }
    }
    await meanwhile(node, async () => {
      const lane = async (end: number) => {
        while (opened < end) await one(opened++)
      }
      await Promise.all(Array.from({ length: LIMITS.maxStreamsPerPeer }, () => lane(checkpoint)))
      baseBytes = heapBytes()
      await Promise.all(Array.from({ length: LIMITS.maxStreamsPerPeer }, () => lane(streams)))
    })
    expect(refused).toBeLessThan(streams / 10)
    expect(heapBytes() - baseBytes).toBeLessThan(16 * MIB)
    expect(peer.isConnected()).toBe(true)
  })

  it('should end the streams beyond those that one peer may hold, and no others', async () => {
    await using node = await rpcNode([greedy.peerId, honest.peerId])
    await using peer = await peerOf(greedy, node)
    const streams: Stream[] = []
    await meanwhile(node, async () => {
      for (let i = 0; i < LIMITS.maxStreamsPerPeer; i++) {
        const stream = await peer.open()
        const answers = answersOf(stream)
        stream.send(encodeFrames([encodeRequest(1, 'health', new Uint8Array(0), 0)]))
        await until('an answer', () => answers.length === 1)
        streams.push(stream)
      }
      for (let i = 0; i < 50; i++) {
        const extra = await peer.open().catch(() => undefined)
        if (extra !== undefined) await until('the end of a stream too many', () => ended(extra))
      }
    })
    expect(streams.map((s) => s.status)).toEqual(streams.map(() => 'open'))
  })

  it('should end a stream that drips a frame, byte by byte', async () => {
    await using node = await rpcNode([greedy.peerId, honest.peerId], {}, { frameTimeoutMs: 500 })
    await using peer = await peerOf(greedy, node)
    await meanwhile(node, async () => {
      const stream = await peer.open()
      stream.send(lengthPrefix(1_000))
      await until('the end of the stream', () => {
        if (!ended(stream)) stream.send(Uint8Array.of(1))
        return ended(stream)
      })
    })
    expect(peer.isConnected()).toBe(true)
  })

  it('should end a stream whose answers are not taken, and hold few of them', async () => {
    await using node = await rpcNode([greedy.peerId, honest.peerId], {}, { limits: { writeTimeoutMs: 500 } })
    await using peer = await peerOf(greedy, node)
    await meanwhile(node, async () => {
      const stream = await peer.open()
      // Asks for some MiB of answers, and takes none: no window is given for them.
      stream.pause()
      for (let id = 1; id <= 20_000 && !ended(stream); id++) {
        stream.send(encodeFrames([encodeRequest(id, 'hello', new Uint8Array(0), 0)]))
        if (id % 100 === 0) await sleep(1)
      }
      await until('the end of the stream', () => ended(stream))
    })
    expect(peer.isConnected()).toBe(true)
  })

  it('should answer each request of a peer that cancels everything, and do no more of its work', async () => {
    let working = 0
    let most = 0
    await using node = await rpcNode([greedy.peerId, honest.peerId], {
      'threshold.sign': async ({ digest }, { peer, signal }) => {
        if (peer === honest.peerId) return { signature: new Uint8Array(64) }
        most = Math.max(most, ++working)
        await sleep(60_000, signal).finally(() => working--)
        return { signature: new Uint8Array(64).fill(digest[0] ?? 0) }
      },
    })
    await using peer = await peerOf(greedy, node)
    const requests = 5_000
    await meanwhile(node, async () => {
      const stream = await peer.open()
      const answers = answersOf(stream)
      for (let id = 1; id <= requests; id++) {
        stream.send(encodeFrames([signFrame(id), encodeCancel(id), encodeCancel(id + requests)]))
        if (id % 50 === 0) await sleep(1)
      }
      await until('all answers', () => answers.length === requests)
      const codes = new Set(answers.map((a) => (a.kind === 'error' ? a.error.code : a.kind)))
      expect([...codes].filter((c) => c !== 'OVERLOADED')).toEqual(['CANCELLED'])
      expect(new Set(answers.map((a) => (a.kind === 'malformed' ? 0 : a.id))).size).toBe(requests)
    })
    expect(working).toBe(0)
    expect(most).toBeLessThanOrEqual(LIMITS.maxRpcInFlight)
  })

  it('should answer OVERLOADED to a flood above the quota, and take nothing of what others may ask', async () => {
    const takeQuota = createQuota((peer, quota) =>
      peer === greedy.peerId && quota === 'sign' ? { burst: 100, perSecond: 1 } : null,
    )
    const signed: string[] = []
    await using node = await rpcNode(
      [greedy.peerId, honest.peerId],
      {
        'threshold.sign': async (_params, { peer }) => {
          signed.push(peer)
          return { signature: new Uint8Array(64) }
        },
      },
      { takeQuota },
    )
    await using peer = await peerOf(greedy, node)
    const requests = 5_000
    await meanwhile(node, async () => {
      const stream = await peer.open()
      const answers = answersOf(stream)
      for (let id = 1; id <= requests; id++) {
        stream.send(encodeFrames([signFrame(id, 0, signParams(`r${id}`))]))
        if (id % 100 === 0) await sleep(1)
      }
      await until('all answers', () => answers.length === requests)
      const refusals = answers.filter((a) => a.kind === 'error' && a.error.code === 'OVERLOADED')
      expect(refusals.length).toBeGreaterThan(requests - 300)
      expect(refusals.every((a) => a.kind === 'error' && a.error instanceof RpcError)).toBe(true)
    })
    expect(signed.filter((p) => p === greedy.peerId).length).toBeLessThan(300)
  })
})
