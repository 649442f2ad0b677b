import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Clock, CodedError, codeOf, keepAliveClock, LIMITS, type PeerIdStr, withDeadline } from '../base/index.ts'
import type { EnvelopeIntake } from './intake.ts'
import { DirectAckSchema, DirectMessageSchema } from './pb/direct_pb.ts'
import { DIRECT_PROTOCOL } from './protocols.ts'
import type { FrameStream, StreamPort, Verdict } from './types.ts'

/** The envelope's cap, the topic's name (under 128 bytes) and protobuf around them. */
export const MAX_FRAME_BYTES = LIMITS.maxDirectBytes + 256
/** Dial, stream and acknowledgement together. */
const SEND_TIMEOUT_MS = LIMITS.dialTimeoutMs

const STATUS: Readonly<Record<Verdict, number>> = { accept: 1, ignore: 2, reject: 3 }

/** One kept stream to a peer; acknowledgements come in the order of the messages. */
interface Channel {
  readonly stream: FrameStream
  readonly waiting: PromiseWithResolvers<number>[]
}

/** `/countersign/direct/1`: an envelope to one member, acknowledged by its node with the intake's verdict. */
export class Direct {
  readonly #streams: StreamPort
  readonly #intake: Pick<EnvelopeIntake, 'admit'>
  readonly #clock: Clock
  readonly #channels = new Map<PeerIdStr, Promise<Channel>>()
  #unhandle: (() => Promise<void>) | undefined

  constructor(streams: StreamPort, intake: Pick<EnvelopeIntake, 'admit'>, clock: Clock = keepAliveClock) {
    this.#streams = streams
    this.#intake = intake
    this.#clock = clock
  }

  async start(): Promise<void> {
    this.#unhandle = await this.#streams.handle(DIRECT_PROTOCOL, MAX_FRAME_BYTES, (stream) => this.#serve(stream))
  }
  async stop(): Promise<void> {
    await this.#unhandle?.()
    this.#unhandle = undefined
  }

  /** Throws `REFUSED` (with the verdict), `UNREACHABLE`, `NOT_ADMITTED`, `DEADLINE`. */
  async send(peer: PeerIdStr, topic: string, envelope: Uint8Array, signal?: AbortSignal): Promise<void> {
    const frame = toBinary(DirectMessageSchema, create(DirectMessageSchema, { topic, envelope }))
    const ask = (s: AbortSignal) => this.#ask(peer, frame, s)
    const status = await withDeadline('a direct message', SEND_TIMEOUT_MS, ask, signal, this.#clock)
    if (status === STATUS.accept) return
    const verdict = status === STATUS.ignore ? 'ignore' : 'reject'
    const message = 'the receiver did not take the message: it may not expect it yet; send it again later'
    throw new CodedError('REFUSED', message, { peer, verdict })
  }

  /** On a stream of its own, whatever the receiver says to it. Never throws. */
  async tell(stream: FrameStream, topic: string, envelope: Uint8Array): Promise<void> {
    const frame = toBinary(DirectMessageSchema, create(DirectMessageSchema, { topic, envelope }))
    const say = async (signal: AbortSignal) => {
      await stream.write(frame)
      await stream.read(signal)
      await stream.close()
    }
    try {
      await withDeadline('a direct message', SEND_TIMEOUT_MS, say, undefined, this.#clock)
    } catch (error) {
      stream.abort(lostTo(stream.peerId, error))
    }
  }

  async #ask(peer: PeerIdStr, frame: Uint8Array, signal: AbortSignal): Promise<number> {
    const { stream, waiting } = await this.#usableChannel(peer)
    signal.throwIfAborted()
    const answer = Promise.withResolvers<number>()
    waiting.push(answer)
    // Answers come in order: behind one that never comes, none would.
    const onAbort = () => {
      if (codeOf(signal.reason) === 'DEADLINE') stream.abort(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    stream.write(frame).catch((error: unknown) => {
      const lost = lostTo(peer, error)
      stream.abort(lost)
      answer.reject(lost)
    })
    try {
      return await answer.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** A channel may be retired between its opening and its use. */
  async #usableChannel(peer: PeerIdStr): Promise<Channel> {
    const channel = await this.#channel(peer)
    return channel.stream.retired?.aborted ? this.#channel(peer) : channel
  }

  /** Opened for whoever comes next, too, so not under one sender's signal. */
  #channel(peer: PeerIdStr): Promise<Channel> {
    const known = this.#channels.get(peer)
    if (known !== undefined) return known
    const open = (s: AbortSignal) => this.#open(peer, s)
    const opening = withDeadline('opening a direct stream', SEND_TIMEOUT_MS, open, undefined, this.#clock)
    this.#channels.set(peer, opening)
    const forget = () => {
      if (this.#channels.get(peer) === opening) this.#channels.delete(peer)
    }
    opening.then((channel) => this.#readAcks(channel, forget), forget)
    return opening
  }

  async #open(peer: PeerIdStr, signal: AbortSignal): Promise<Channel> {
    return { stream: await this.#streams.open(peer, DIRECT_PROTOCOL, MAX_FRAME_BYTES, signal), waiting: [] }
  }

  async #readAcks({ stream, waiting }: Channel, forget: () => void): Promise<void> {
    let cause: unknown
    // A retired channel takes no new messages, and ends when the last one under way is acknowledged: none is lost.
    const endIfRetired = () => {
      if (!stream.retired?.aborted) return
      forget()
      if (waiting.length === 0) void stream.close()
    }
    stream.retired?.addEventListener('abort', endIfRetired, { once: true })
    endIfRetired()
    try {
      for (let frame = await stream.read(); frame !== undefined; frame = await stream.read()) {
        waiting.shift()?.resolve(fromBinary(DirectAckSchema, frame).status)
        endIfRetired()
      }
    } catch (error) {
      cause = error
    }
    forget()
    const lost = lostTo(stream.peerId, cause)
    stream.abort(lost)
    for (const answer of waiting.splice(0)) answer.reject(lost)
  }

  async #serve(stream: FrameStream): Promise<void> {
    for (let frame = await stream.read(); frame !== undefined; frame = await stream.read()) {
      const verdict = this.#judge(frame, stream.peerId)
      await stream.write(toBinary(DirectAckSchema, create(DirectAckSchema, { status: STATUS[verdict] })))
    }
  }

  #judge(frame: Uint8Array, forwarder: PeerIdStr): Verdict {
    const message = decodeMessage(frame)
    const { topic, envelope: data } = message ?? { topic: '', envelope: new Uint8Array() }
    // What can't be decoded is judged as empty: malformed, and charged like everything else.
    return this.#intake.admit({ topic, data, forwarder, via: 'direct' }).verdict
  }
}

const lostTo = (peer: PeerIdStr, cause: unknown): CodedError =>
  new CodedError(
    'UNREACHABLE',
    'the connection ended before the peer acknowledged the message; send it again',
    { peer },
    { cause },
  )

function decodeMessage(frame: Uint8Array): { readonly topic: string; readonly envelope: Uint8Array } | undefined {
  try {
    return fromBinary(DirectMessageSchema, frame)
  } catch {
    return undefined
  }
}
