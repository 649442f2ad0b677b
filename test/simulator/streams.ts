import { type Clock, CodedError, LIMITS, type PeerIdStr, withDeadline } from '../../src/base/index.ts'
import type { FrameStream, RoleCheck, StreamPort } from '../../src/p2p/index.ts'
import { ReadQueue } from '../../src/p2p/read-queue.ts'
import { type LinkEnd, linkLost, type Packet } from './link.ts'

type StreamPacket = Extract<Packet, { readonly stream: string }>

interface Service {
  readonly maxFrameBytes: number
  readonly onStream: (stream: FrameStream) => Promise<void>
}

export interface VirtualStreamsInit {
  readonly roles: RoleCheck
  readonly clock: Clock
  /** An open connection to the peer, made if there is none. */
  readonly connect: (peer: PeerIdStr, signal?: AbortSignal) => Promise<LinkEnd>
}

/** The StreamPort over virtual links: the same questions to the roles, the same errors, no bytes. */
export class VirtualStreams implements StreamPort {
  readonly #c: VirtualStreamsInit
  readonly #services = new Map<string, Service>()
  readonly #open = new Map<string, VirtualFrameStream>()
  #opened = 0

  constructor(init: VirtualStreamsInit) {
    this.#c = init
  }

  async handle(
    protocol: string,
    maxFrameBytes: number,
    onStream: (stream: FrameStream) => Promise<void>,
  ): Promise<() => Promise<void>> {
    if (this.#services.has(protocol)) throw new CodedError('ALREADY_HANDLED', `${protocol} has a handler already`)
    this.#services.set(protocol, { maxFrameBytes, onStream })
    return async () => void this.#services.delete(protocol)
  }

  async open(peer: PeerIdStr, protocol: string, maxFrameBytes: number, signal?: AbortSignal): Promise<FrameStream> {
    const { roles, clock } = this.#c
    const answer = roles.mayOpenStream(peer, protocol, 'outbound')
    if (!answer.ok) {
      roles.denied(peer, answer.reason, 'stream')
      throw new CodedError('NOT_ADMITTED', 'this node may not open that protocol to that peer', { peer, protocol })
    }
    const end = await this.#c.connect(peer, signal)
    const stream = new VirtualFrameStream(end, `${end.direction}${this.#opened++}`, protocol, maxFrameBytes, false)
    this.#keep(stream)
    end.send({ kind: 'stream-open', stream: stream.id, protocol })
    const negotiated = () => stream.accepted
    try {
      await withDeadline('opening a stream', LIMITS.dialTimeoutMs, negotiated, signal, clock)
      return stream
    } catch (error) {
      stream.abort(new Error('not opened'))
      if (signal?.aborted) throw error
      const message = 'the peer closed the connection or does not offer the protocol; it may not admit this node'
      throw new CodedError('UNREACHABLE', message, { peer, protocol }, { cause: error })
    }
  }

  abortAll(peer: PeerIdStr): void {
    for (const stream of [...this.#open.values()]) if (stream.peerId === peer) stream.abort(linkLost())
  }

  /** Tells the users of a link's streams that it is to be closed in favour of another one. */
  retire(end: LinkEnd): void {
    for (const stream of this.#open.values()) if (stream.end === end) stream.retire()
  }
  runOn(end: LinkEnd): boolean {
    return [...this.#open.values()].some((stream) => stream.end === end)
  }

  onPacket(end: LinkEnd, packet: StreamPacket): void {
    const stream = this.#open.get(`${end.id}/${packet.stream}`)
    if (packet.kind === 'stream-open') this.#serve(end, packet)
    else if (stream === undefined) {
      if (packet.kind === 'stream-data') end.send({ kind: 'stream-reset', stream: packet.stream })
    } else stream.onPacket(packet)
  }
  onClosed(end: LinkEnd): void {
    for (const stream of [...this.#open.values()]) if (stream.end === end) stream.broken()
  }

  #serve(end: LinkEnd, { stream: id, protocol }: Extract<Packet, { kind: 'stream-open' }>): void {
    const service = this.#services.get(protocol)
    const answer = this.#c.roles.mayOpenStream(end.peer, protocol, 'inbound')
    if (!answer.ok) this.#c.roles.denied(end.peer, answer.reason, 'stream', end.remoteAddress)
    const held = [...this.#open.values()].filter((s) => s.peerId === end.peer && s.protocol === protocol && s.inbound)
    if (service === undefined || !answer.ok || held.length >= LIMITS.maxStreamsPerPeer) {
      end.send({ kind: 'stream-reset', stream: id })
      return
    }
    const stream = new VirtualFrameStream(end, id, protocol, service.maxFrameBytes, true)
    this.#keep(stream)
    end.send({ kind: 'stream-accept', stream: id })
    service.onStream(stream).then(
      () => stream.close(),
      (error: unknown) => stream.abort(error instanceof Error ? error : linkLost()),
    )
  }

  #keep(stream: VirtualFrameStream): void {
    const name = `${stream.end.id}/${stream.id}`
    this.#open.set(name, stream)
    stream.onGone = () => void this.#open.delete(name)
  }
}

/** Both directions of one stream, as this side sees them. */
class VirtualFrameStream implements FrameStream {
  readonly end: LinkEnd
  readonly id: string
  readonly peerId: PeerIdStr
  readonly protocol: string
  readonly inbound: boolean
  onGone: () => void = () => {}
  readonly #maxFrameBytes: number
  readonly #reads = new ReadQueue(Number.POSITIVE_INFINITY, { full() {}, roomy() {} })
  readonly #accepted = Promise.withResolvers<void>()
  readonly #retirement = new AbortController()
  #failure: Error | undefined
  #hasClosed = false
  #othersEnd = false

  constructor(end: LinkEnd, id: string, protocol: string, maxFrameBytes: number, inbound: boolean) {
    this.end = end
    this.id = id
    this.peerId = end.peer
    this.protocol = protocol
    this.inbound = inbound
    this.#maxFrameBytes = maxFrameBytes
    this.#accepted.promise.catch(() => {})
  }

  get accepted(): Promise<void> {
    return this.#accepted.promise
  }

  get retired(): AbortSignal {
    return this.#retirement.signal
  }
  retire(): void {
    this.#retirement.abort(new CodedError('STREAM_RETIRED', 'another connection to the peer takes over'))
  }

  read(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#reads.take(signal)
  }

  async write(frame: Uint8Array): Promise<void> {
    if (frame.length > this.#maxFrameBytes)
      throw new CodedError('FRAME_TOO_LARGE', `a frame may have at most ${this.#maxFrameBytes} bytes`)
    if (this.#failure !== undefined) throw this.#failure
    if (this.#hasClosed) throw new CodedError('STREAM_CLOSED', 'the stream was closed; open another one')
    this.end.send({ kind: 'stream-data', stream: this.id, frame: frame.slice() })
  }

  async close(): Promise<void> {
    if (this.#hasClosed) return
    this.#hasClosed = true
    this.end.send({ kind: 'stream-end', stream: this.id })
    if (this.#othersEnd) this.onGone()
  }

  abort(reason: Error): void {
    if (this.#failure !== undefined) return
    this.end.send({ kind: 'stream-reset', stream: this.id })
    this.#fail(reason)
  }

  broken(): void {
    this.#fail(linkLost())
  }

  onPacket(packet: StreamPacket): void {
    if (packet.kind === 'stream-accept') this.#accepted.resolve()
    else if (packet.kind === 'stream-reset') this.#fail(linkLost())
    else if (packet.kind === 'stream-end') {
      this.#othersEnd = true
      this.#reads.end()
      if (this.#hasClosed) this.onGone()
    } else if (packet.kind === 'stream-data') {
      if (packet.frame.length > this.#maxFrameBytes) this.abort(new CodedError('FRAME_TOO_LARGE', 'frame too large'))
      else this.#reads.put(packet.frame)
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#accepted.reject(this.#failure)
    this.#reads.fail(this.#failure)
    this.onGone()
  }
}
