import { codeOf, Deadlines, describeError, type PeerIdStr } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import { decodeClientFrame, type ErrorDetails, encodeError, encodeResult, type WireErrorCode } from '../wire/index.ts'
import { AnswerQueue } from './answers.ts'
import type { BoundMethod, DecodedCall } from './dispatch.ts'
import { wireFailure } from './failures.ts'
import { handlerMarginMs } from './limits.ts'
import type { RpcMetrics } from './metrics.ts'
import { OpenRequest, type RequestOwner } from './request.ts'
import type { Authorize, RpcServerInit, ServerLimits, TakeQuota } from './types.ts'

/** What all streams of a server share. */
export interface ServerCore extends Pick<RpcServerInit, 'clock' | 'logger'> {
  readonly authorize: Authorize
  readonly takeQuota: TakeQuota
  readonly methods: ReadonlyMap<string, BoundMethod>
  readonly metrics: RpcMetrics
  readonly limits: ServerLimits
  /** Handlers at work, by client. */
  readonly running: Map<PeerIdStr, number>
}

type Request = Extract<ReturnType<typeof decodeClientFrame>, { kind: 'request' }>

/** Serves one stream: many requests at once, answers in the order in which they are ready. */
export class ServerStream implements RequestOwner {
  readonly #core: ServerCore
  readonly #stream: FrameStream
  readonly #answers: AnswerQueue
  readonly #open = new Map<number, OpenRequest>()
  /** Of open requests. */
  readonly #deadlines: Deadlines
  readonly #idle: Array<() => void> = []
  #stopping = false

  constructor(core: ServerCore, stream: FrameStream) {
    this.#core = core
    this.#stream = stream
    this.#deadlines = new Deadlines(core.clock)
    this.#answers = new AnswerQueue(stream, core.clock, core.limits, () => this.#forgetAll())
  }

  /** Resolves when the stream is over. The caller of a half-closed stream still gets its answers. */
  async serve(): Promise<void> {
    try {
      for (;;) {
        const bytes = this.#stream.readNow?.() ?? (await this.#read())
        if (bytes === undefined || this.#stopping) break
        this.#onFrame(bytes)
        if (!this.#answers.hasRoom) await this.#answers.room()
      }
      await this.#allAnswered()
      await this.#answers.drained()
      await this.#stream.close()
    } catch (error) {
      this.#core.logger.debug('rpc stream ended', { peer: this.#stream.peerId, error: describeError(error) })
      this.#stream.abort(error instanceof Error ? error : new Error('rpc stream failed'))
    } finally {
      this.#answers.dispose()
      this.#forgetAll()
    }
  }

  /** Nobody is there to take an answer: the work stops. */
  #forgetAll(): void {
    for (const request of [...this.#open.values()]) request.claimAndAbort('CANCELLED')
  }

  /** Answers what is open with STOPPED, then ends the stream. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const request of [...this.#open.values()])
      if (request.claimAndAbort('STOPPED')) this.#answerError(request.id, 'STOPPED')
    await this.#answers.drained()
    await this.#stream.close()
  }
  abort(reason: Error): void {
    this.#stream.abort(reason)
  }

  /** Undefined when nothing more will be read. */
  async #read(): Promise<Uint8Array | undefined> {
    try {
      return await this.#stream.read()
    } catch (error) {
      // Where the next frame begins can't be known any more: answered, and this stream (only this one) ends.
      const code = codeOf(error)
      if (code !== 'FRAME_TOO_LARGE' && code !== 'FRAME_MALFORMED') throw error
      this.#core.metrics.malformed.inc({})
      if (code === 'FRAME_TOO_LARGE') this.#answerError(0, 'TOO_LARGE')
      else this.#answerError(0, 'BAD_REQUEST', { field: 'frame', expected: 'an unsigned varint length before it' })
      return undefined
    }
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = decodeClientFrame(bytes)
    if (frame.kind === 'cancel') {
      if (this.#open.get(frame.id)?.claimAndAbort('CANCELLED')) this.#answerError(frame.id, 'CANCELLED')
      return
    }
    // An id that is still open names another request: an answer to it would be taken for that one's.
    const taken = this.#open.has(frame.id)
    if (frame.kind === 'malformed' || taken) {
      this.#core.metrics.malformed.inc({})
      const expected = frame.kind === 'malformed' ? frame.expected : 'an id that no open request has'
      this.#answerError(taken ? 0 : frame.id, 'BAD_REQUEST', { field: 'frame', expected })
      return
    }
    this.#onRequest(frame)
  }

  #onRequest(frame: Request): void {
    const method = this.#core.methods.get(frame.method)
    if (method === undefined) {
      this.#finish(frame.id, method, 'UNKNOWN_METHOD')
      return
    }
    const call = this.#admit(frame, method)
    if (call !== undefined) this.#begin(frame, method, call)
  }

  /** The decoded request, or undefined when it was refused and answered. */
  #admit(frame: Request, method: BoundMethod): DecodedCall | undefined {
    const refusal = this.#refusal(frame, method)
    if (refusal !== undefined) {
      this.#finish(frame.id, method, refusal)
      return undefined
    }
    try {
      const call = method.decode(frame.params)
      const later = this.#laterRefusal(method, call)
      if (later === undefined) return call
      this.#finish(frame.id, method, later)
    } catch (error) {
      const { code, details } = wireFailure(error) ?? { code: 'INTERNAL' as const, details: {} }
      this.#finish(frame.id, method, code, details)
    }
    return undefined
  }

  #begin(frame: Request, method: BoundMethod, call: DecodedCall): void {
    const { clock } = this.#core
    const { defaultTimeoutMs, maxTimeoutMs } = method.row
    const timeoutMs = frame.timeoutMs === 0 ? defaultTimeoutMs : Math.min(frame.timeoutMs, maxTimeoutMs)
    const deadlineMs = clock.now() + timeoutMs - handlerMarginMs(timeoutMs)
    const request = new OpenRequest(frame.id, method, this.#stream.peerId, deadlineMs, this)
    this.#open.set(frame.id, request)
    this.#deadlines.add(request, timeoutMs)
    void this.#run(method, call, request)
  }

  /** What is known before the params are decoded. */
  #refusal(frame: Request, method: BoundMethod): WireErrorCode | undefined {
    const { authorize, takeQuota, limits, running, clock } = this.#core
    const peer = this.#stream.peerId
    if (method.row.right === 'granted' && authorize(peer, method.name, method.scope) !== 'granted') return 'NOT_GRANTED'
    if (frame.params.length > method.row.maxRequestBytes) return 'TOO_LARGE'
    if (this.#open.size >= limits.maxInFlight) return 'OVERLOADED'
    if ((running.get(peer) ?? 0) >= limits.maxRunningPerPeer) return 'OVERLOADED'
    // One for the frame, so that decoding has its price, too; the other items are taken when they are known.
    if (!takeQuota(peer, method.row.quota, clock.now(), 1)) return 'OVERLOADED'
    return undefined
  }

  /** What only the params say. */
  #laterRefusal(method: BoundMethod, { scope, cost }: DecodedCall): WireErrorCode | undefined {
    const { authorize, takeQuota, clock } = this.#core
    const peer = this.#stream.peerId
    if (method.isScopedByParams && authorize(peer, method.name, scope) !== 'granted') return 'NOT_GRANTED'
    if (cost > 1 && !takeQuota(peer, method.row.quota, clock.now(), cost - 1)) return 'OVERLOADED'
    return undefined
  }

  /** Never rejects. */
  async #run(method: BoundMethod, call: DecodedCall, request: OpenRequest): Promise<void> {
    const { running, limits, logger } = this.#core
    const { peer } = request
    running.set(peer, (running.get(peer) ?? 0) + 1)
    try {
      const { bytes } = await call.run(request)
      const frame = encodeResult(request.id, bytes)
      if (frame.length > limits.maxAnswerFrameBytes) throw new Error('the answer is larger than a frame')
      if (request.claim()) this.#send(frame, method, 'ok')
    } catch (error) {
      const failure = wireFailure(error)
      if (failure !== undefined) {
        if (request.claim()) this.#finish(request.id, method, failure.code, failure.details)
      } else if (request.claim()) {
        logger.error('rpc handler failed', { method: method.name, peer, error: describeError(error) })
        this.#finish(request.id, method, 'INTERNAL')
      } else logger.debug('rpc handler failed after its answer', { method: method.name, error: describeError(error) })
    } finally {
      const left = (running.get(peer) ?? 1) - 1
      if (left === 0) running.delete(peer)
      else running.set(peer, left)
    }
  }

  #finish(id: number, method: BoundMethod | undefined, code: WireErrorCode, details?: Partial<ErrorDetails>): void {
    this.#send(encodeError(id, code, details), method, code)
  }
  #answerError(id: number, code: WireErrorCode, details?: Partial<ErrorDetails>): void {
    this.#answers.push(encodeError(id, code, details))
  }
  #send(frame: Uint8Array, method: BoundMethod | undefined, outcome: WireErrorCode | 'ok'): void {
    this.#core.metrics.requests.inc({ method: method?.name ?? 'unknown', outcome })
    this.#answers.push(frame)
  }

  onExpired(request: OpenRequest): void {
    if (request.claimAndAbort('DEADLINE')) this.#finish(request.id, request.method, 'DEADLINE')
  }
  onAnswered(request: OpenRequest): void {
    this.#open.delete(request.id)
    this.#deadlines.remove(request)
    if (this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
  #allAnswered(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}
