import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { CodedError, codeOf, describeError, LIMITS, type Logger, type PeerIdStr, withDeadline } from '../base/index.ts'
import { peerOf } from './connection-info.ts'
import type { Dialer } from './dialer.ts'
import { Libp2pFrameStream } from './frame-stream.ts'
import type { StreamGuard } from './stream-guard.ts'
import type { FrameCap, FrameStream, RoleCheck, StreamPort } from './types.ts'

interface Service {
  readonly cap: FrameCap
  readonly onStream: (stream: FrameStream) => Promise<void>
}

export interface StreamsInit {
  readonly guard: StreamGuard
  readonly roles: RoleCheck
  readonly dialer: Dialer
  readonly logger: Logger
  readonly frameTimeoutMs?: number | undefined
}

const LIMIT_OPTIONS = {
  maxInboundStreams: LIMITS.maxStreamsPerPeer,
  maxOutboundStreams: LIMITS.maxStreamsPerPeer,
  // A relay may name limits for the links through it; a short link is better than none.
  runOnLimitedConnection: true,
}

/** The StreamPort over libp2p. Protocols may be handled before the host starts, and outlive a restart of it. */
export class Streams implements StreamPort {
  readonly #init: StreamsInit
  readonly #services = new Map<string, Service>()
  readonly #open = new Map<PeerIdStr, Set<Libp2pFrameStream>>()
  /** Streams by the connection that they run on. */
  readonly #on = new WeakMap<Connection, Set<Libp2pFrameStream>>()
  #node: Libp2p | undefined

  constructor(init: StreamsInit) {
    this.#init = init
  }

  async start(node: Libp2p): Promise<void> {
    this.#node = node
    for (const protocol of this.#services.keys()) await this.#install(node, protocol)
  }
  stop(): void {
    this.#node = undefined
    for (const peer of [...this.#open.keys()]) this.abortAll(peer)
  }

  async handle(
    protocol: string,
    cap: FrameCap,
    onStream: (stream: FrameStream) => Promise<void>,
  ): Promise<() => Promise<void>> {
    if (this.#services.has(protocol)) throw new CodedError('ALREADY_HANDLED', `${protocol} has a handler already`)
    const service = { cap, onStream }
    this.#services.set(protocol, service)
    if (this.#node !== undefined) await this.#install(this.#node, protocol)
    return async () => {
      if (this.#services.get(protocol) !== service) return
      this.#services.delete(protocol)
      await this.#node?.unhandle(protocol)
    }
  }

  async open(peer: PeerIdStr, protocol: string, cap: FrameCap, signal?: AbortSignal): Promise<FrameStream> {
    const answer = this.#init.roles.mayOpenStream(peer, protocol, 'outbound')
    if (!answer.ok) {
      this.#init.roles.denied(peer, answer.reason, 'stream')
      throw new CodedError('NOT_ADMITTED', 'this node may not open that protocol to that peer', { peer, protocol })
    }
    const connection = await this.#init.dialer.connect(peer, signal)
    try {
      const stream = await withDeadline(
        'opening a stream',
        LIMITS.dialTimeoutMs,
        (s) => connection.newStream(protocol, { ...LIMIT_OPTIONS, signal: s }),
        signal,
      )
      return this.#track(this.#framed(stream, peer, cap), stream, connection)
    } catch (error) {
      if (signal?.aborted || codeOf(error) !== undefined) throw error
      const message = 'the peer closed the connection or does not offer the protocol; it may not admit this node'
      throw new CodedError('UNREACHABLE', message, { peer, protocol }, { cause: error })
    }
  }

  /** A stream on each connection of a peer; connections that grant none in time are left out. */
  async openEach(peer: PeerIdStr, protocol: string, cap: FrameCap): Promise<readonly FrameStream[]> {
    if (!this.#init.roles.mayOpenStream(peer, protocol, 'outbound').ok) return []
    const opening = this.#init.dialer.connections(peer).map(async (connection) => {
      const stream = await withDeadline('opening a stream', LIMITS.dialTimeoutMs, (signal) =>
        connection.newStream(protocol, { ...LIMIT_OPTIONS, signal }),
      )
      return this.#track(this.#framed(stream, peer, cap), stream, connection)
    })
    return (await Promise.allSettled(opening)).flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []))
  }

  /** Ends every stream with a peer, at once. */
  abortAll(peer: PeerIdStr): void {
    for (const stream of this.#open.get(peer) ?? [])
      stream.abort(new CodedError('STREAM_RESET', 'the connection to this peer was closed'))
  }

  /** Tells the users of a connection's streams that it is to be closed in favour of another one. */
  retire(connection: Connection): void {
    for (const stream of this.#on.get(connection) ?? []) stream.retire()
  }

  #install(node: Libp2p, protocol: string): Promise<void> {
    return node.handle(protocol, (stream, connection) => this.#serve(protocol, stream, connection), LIMIT_OPTIONS)
  }

  #serve(protocol: string, stream: Stream, connection: Connection): void {
    const service = this.#services.get(protocol)
    const peer = peerOf(connection)
    if (service === undefined || !this.#init.guard.allows(connection, protocol, 'inbound')) {
      stream.abort(new CodedError('NOT_ADMITTED', 'no right to this protocol'))
      return
    }
    const inbound = [...(this.#open.get(peer) ?? [])].filter((s) => s.protocol === protocol && s.inbound)
    if (inbound.length >= LIMITS.maxStreamsPerPeer) {
      // libp2p's own cap counts per connection, and a peer may have several.
      this.#init.guard.tooMany()
      stream.abort(new CodedError('TOO_MANY_STREAMS', 'too many streams of this protocol are open'))
      return
    }
    const frames = this.#track(this.#framed(stream, peer, service.cap), stream, connection)
    void this.#run(service, frames)
  }

  async #run(service: Service, stream: Libp2pFrameStream): Promise<void> {
    try {
      await service.onStream(stream)
      await stream.close()
    } catch (error) {
      this.#init.logger.debug('stream ended', {
        peer: stream.peerId,
        protocol: stream.protocol,
        error: describeError(error),
      })
      stream.abort(error instanceof Error ? error : new Error(describeError(error)))
    }
  }

  #framed(stream: Stream, peer: PeerIdStr, cap: FrameCap): Libp2pFrameStream {
    return new Libp2pFrameStream(stream, peer, cap, this.#init.frameTimeoutMs)
  }

  #track(frames: Libp2pFrameStream, stream: Stream, connection: Connection): Libp2pFrameStream {
    const peer = frames.peerId
    const here = this.#on.get(connection) ?? new Set()
    this.#on.set(connection, here.add(frames))
    const streams = this.#open.get(peer) ?? new Set()
    this.#open.set(peer, streams.add(frames))
    stream.addEventListener(
      'close',
      () => {
        here.delete(frames)
        streams.delete(frames)
        if (streams.size === 0 && this.#open.get(peer) === streams) this.#open.delete(peer)
      },
      { once: true },
    )
    return frames
  }
}
