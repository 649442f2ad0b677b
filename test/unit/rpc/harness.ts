import { type Clock, CodedError, type PeerIdStr } from '../../../src/base/index.ts'
import { KeyPair, publicKeyBytes } from '../../../src/curve/index.ts'
import type { FrameCap, FrameStream, StreamPort } from '../../../src/p2p/index.ts'
import { createKeyHandlers, createS2Handlers, createStatusHandlers, type Handlers } from '../../../src/rpc/index.ts'

export const SERVER = KeyPair.fromSecret(new Uint8Array(32).fill(1))
export const BRIDGE = KeyPair.fromSecret(new Uint8Array(32).fill(2))
export const MEMBER = KeyPair.fromSecret(new Uint8Array(32).fill(3))

/** Time that moves only when told to. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  now(): number {
    return this.#now
  }
  monotonicMs(): number {
    return this.#now
  }
  after(delayMs: number, fn: () => void): () => void {
    const timer = { at: this.#now + delayMs, fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
  get armed(): number {
    return this.#timers.size
  }
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms
    await settle()
    for (;;) {
      const [next] = [...this.#timers].filter((t) => t.at <= until).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.fn()
      await settle()
    }
    this.#now = until
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** One end of a pair of streams in memory, with the semantics that src/p2p/types.ts asks for. */
export class MemoryStream implements FrameStream {
  readonly peerId: PeerIdStr
  readonly protocol: string
  readonly #maxFrameBytes: number
  #other: MemoryStream | undefined
  #inbox: Uint8Array[] = []
  #ended = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  /** While true, `write` never resolves: a peer that takes nothing. */
  stuck = false
  closed = false

  constructor(peerId: PeerIdStr, protocol: string, maxFrameBytes: number) {
    this.peerId = peerId
    this.protocol = protocol
    this.#maxFrameBytes = maxFrameBytes
  }
  static pair(a: PeerIdStr, b: PeerIdStr, protocol: string, maxA: number, maxB = maxA): [MemoryStream, MemoryStream] {
    const left = new MemoryStream(b, protocol, maxA)
    const right = new MemoryStream(a, protocol, maxB)
    left.#other = right
    right.#other = left
    return [left, right]
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const next = this.#inbox.shift()
      if (next !== undefined) {
        if (next.length > this.#maxFrameBytes) throw new CodedError('FRAME_TOO_LARGE', 'frame too large')
        return next
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
  async write(frame: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.closed) throw new Error('stream is closed')
    if (this.stuck) await new Promise(() => {})
    this.#other?.deliver(frame.slice())
  }
  deliver(frame: Uint8Array): void {
    this.#inbox.push(frame)
    this.#wake?.()
  }
  async close(): Promise<void> {
    this.closed = true
    this.#other?.end()
  }
  end(): void {
    this.#ended = true
    this.#wake?.()
  }
  abort(reason: Error): void {
    this.fail(reason)
    this.#other?.fail(new Error('stream reset by the peer'))
  }
  fail(reason: Error): void {
    this.#failure ??= reason
    this.#wake?.()
  }
  get failed(): boolean {
    return this.#failure !== undefined
  }
}

const receivedBytes = (cap: FrameCap): number => (typeof cap === 'number' ? cap : cap.receivedBytes)

/** A network of two: what the client opens, the server is given. */
export class MemoryNetwork {
  readonly #server: PeerIdStr
  readonly #handlers = new Map<string, { max: number; onStream: (s: FrameStream) => Promise<void> }>()
  /** Both ends of every stream opened, oldest first: [client's, server's]. */
  readonly opened: [MemoryStream, MemoryStream][] = []
  /** How the next dials fail: thrown by `open`, or the stream is cut off at once as a gate does. */
  refuse: 'no' | 'unreachable' | 'cut' = 'no'
  dials = 0

  constructor(server: PeerIdStr = SERVER.peerId) {
    this.#server = server
  }

  readonly server: StreamPort = {
    handle: async (protocol, cap, onStream) => {
      this.#handlers.set(protocol, { max: receivedBytes(cap), onStream })
      return async () => {
        this.#handlers.delete(protocol)
      }
    },
    open: async () => {
      throw new CodedError('UNREACHABLE', 'the server opens nothing')
    },
  }

  readonly client: StreamPort = {
    handle: async () => async () => {},
    open: async (_peer, protocol, cap) => {
      this.dials++
      const handler = this.#handlers.get(protocol)
      if (this.refuse === 'unreachable' || handler === undefined) throw new CodedError('UNREACHABLE', 'nobody there')
      const pair = MemoryStream.pair(BRIDGE.peerId, this.#server, protocol, receivedBytes(cap), handler.max)
      this.opened.push(pair)
      const [mine, theirs] = pair
      if (this.refuse === 'cut') theirs.abort(new Error('denied'))
      else
        void handler.onStream(theirs).catch((error: unknown) => {
          theirs.abort(error instanceof Error ? error : new Error('failed'))
        })
      return mine
    },
  }

  async open(): Promise<MemoryStream> {
    await this.client.open(this.#server, [...this.#handlers.keys()][0] ?? '', 1 << 20)
    const mine = this.opened.at(-1)?.[0]
    if (mine === undefined) throw new Error('no stream')
    return mine
  }
}

export const HELLO = {
  peerId: SERVER.peerId,
  publicKey: publicKeyBytes(SERVER.publicKey),
  network: 'devnet',
  role: 'bridge',
  ready: true,
  waitingFor: [],
  methods: ['hello', 'threshold.sign'],
  limits: { maxFrameBytes: 65_536, maxInFlight: 128, maxAnswerFrameBytes: 131_072 },
  versions: { protocol: '/countersign/rpc/1', software: '0.1.0' },
}

/** Handlers that answer at once; tests replace the one they are about. */
export const quickHandlers = (over: Partial<Handlers> = {}): Handlers => ({
  hello: async () => HELLO,
  'threshold.public_key': async () => ({ publicKey: new Uint8Array(32).fill(7) }),
  'threshold.sign': async ({ digest }) => ({ signature: new Uint8Array(64).fill(digest[0] ?? 0) }),
  'threshold.sign_batch': async ({ items }) => ({
    signatures: items.map(({ digest }) => new Uint8Array(64).fill(digest[0] ?? 0)),
  }),
  ...createStatusHandlers(() => ({ waitingFor: [], policy: 'bridge', active: undefined })),
  ...createS2Handlers(undefined),
  ...createKeyHandlers(undefined),
  ...over,
})
