import { codeOf, Deadlines, describeError } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import { decodeClientFrame, type ErrorDetails, encodeError, encodeResult, type WireErrorCode } from '../wire/index.ts'
import { admit, type Refusal } from './admission.ts'
import { AnswerQueue } from './answers.ts'
import type { Asked } from './audit.ts'
import type { ServerCore } from './core.ts'
import type { BoundMethod, CallResult, DecodedCall } from './dispatch.ts'
import { wireFailure } from './failures.ts'
import { handlerMarginMs } from './limits.ts'
import { OpenRequest, type RequestOwner } from './request.ts'

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
  /** Refusals that are answered once they are written down. */
  #writing = 0
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
      this.#forgetAll()
      this.#answers.dispose()
    }
  }

  /** Nobody is there to take an answer: the work stops. */
  #forgetAll(): void {
    for (const request of [...this.#open.values()]) this.#giveUp(request, 'CANCELLED')
  }

  /** Answers what is open with STOPPED, then ends the stream. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const request of [...this.#open.values()]) this.#giveUp(request, 'STOPPED')
    await this.#allAnswered()
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
      if (code === 'FRAME_TOO_SLOW') this.#core.metrics.malformed.inc({})
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
      const request = this.#open.get(frame.id)
      if (request !== undefined) this.#giveUp(request, 'CANCELLED')
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
    const admitted = admit(this.#core, this.#stream.peerId, this.#open.size, method, frame.params)
    if ('code' in admitted) this.#refuse(frame, method, admitted)
    else this.#begin(frame, method, admitted)
  }

  /** Refusals by right are written down whatever the method is. */
  #refuse(frame: Request, method: BoundMethod, { code, details, call }: Refusal): void {
    const isTold = method.row.audited || code === 'NOT_GRANTED'
    const asked = isTold ? askedOf(method, frame.params, call) : undefined
    const written = asked && this.#core.audit?.refused(this.#stream.peerId, asked, code)
    this.#answerAfter(written, frame.id, method, code, details)
  }

  #begin(frame: Request, method: BoundMethod, call: DecodedCall): void {
    const { clock } = this.#core
    const { defaultTimeoutMs, maxTimeoutMs, audited } = method.row
    const timeoutMs = frame.timeoutMs === 0 ? defaultTimeoutMs : Math.min(frame.timeoutMs, maxTimeoutMs)
    const request = new OpenRequest(
      {
        id: frame.id,
        method,
        peer: this.#stream.peerId,
        deadlineMs: clock.now() + timeoutMs - handlerMarginMs(timeoutMs),
        asked: audited ? askedOf(method, frame.params, call) : undefined,
        promisedBytes: call.maxAnswerBytes,
      },
      this,
    )
    const result = started(call, request)
    // Nothing could come between the request and its answer, so nothing has to watch over it.
    if (!(result instanceof Promise) && !audited) {
      const answer = encodeResult(frame.id, result.bytes)
      if (answer.length <= this.#core.limits.maxAnswerFrameBytes) {
        this.#answered(answer, method)
        return
      }
    }
    this.#open.set(frame.id, request)
    this.#answers.promise(request.promisedBytes)
    this.#deadlines.add(request, timeoutMs)
    void this.#run(result, request)
  }

  /** Never rejects. */
  async #run(result: CallResult | Promise<CallResult>, request: OpenRequest): Promise<void> {
    const { running, limits, audit } = this.#core
    const { peer, asked } = request
    running.set(peer, (running.get(peer) ?? 0) + 1)
    try {
      const { bytes, refusedItems } = await result
      const frame = encodeResult(request.id, bytes)
      if (frame.length > limits.maxAnswerFrameBytes) throw new Error('the answer is larger than a frame')
      if (audit !== undefined && asked !== undefined) {
        request.isDecided = true
        await audit.served(peer, asked, refusedItems, !request.isClosed)
      }
      if (request.claim()) this.#answered(frame, request.method)
    } catch (error) {
      await this.#onFailure(request, error)
    } finally {
      const left = (running.get(peer) ?? 1) - 1
      if (left === 0) running.delete(peer)
      else running.set(peer, left)
    }
  }

  /** What was begun has a line of its own, whatever came of it, and whether or not anybody waits. Resolves when that is written. */
  async #onFailure(request: OpenRequest, error: unknown): Promise<void> {
    const { id, method, peer, asked, isDecided } = request
    const failure = wireFailure(error)
    // What was decided and could not be written down is answered by nothing else.
    const { code, details } = failure === undefined || isDecided ? INTERNAL : failure
    const isFirst = request.claim()
    const written = isDecided || asked === undefined ? undefined : this.#core.audit?.failed(peer, asked, code, isFirst)
    if (!isFirst) {
      if (failure === undefined)
        this.#core.logger.debug('rpc handler failed after its answer', {
          method: method.name,
          error: describeError(error),
        })
      return written?.catch(() => {})
    }
    if (failure === undefined && !isDecided)
      this.#core.logger.error('rpc handler failed', { method: method.name, peer, error: describeError(error) })
    this.#answerAfter(written, id, method, code, details)
  }

  /** Nobody waits for its result any more. It is written down when the handler has ended: only then is known what it did. */
  #giveUp(request: OpenRequest, code: 'CANCELLED' | 'DEADLINE' | 'STOPPED'): void {
    if (!request.claimAndAbort(code)) return
    this.#finish(request.id, request.method, code)
  }

  /** Answers an error once it is `written` in the audit log, or INTERNAL if that takes nothing. */
  #answerAfter(
    written: Promise<void> | undefined,
    id: number,
    method: BoundMethod,
    code: WireErrorCode,
    details?: Partial<ErrorDetails>,
  ): void {
    if (written === undefined) {
      this.#finish(id, method, code, details)
      return
    }
    this.#writing++
    const answered = (as: WireErrorCode, with_?: Partial<ErrorDetails>) => {
      this.#writing--
      this.#finish(id, method, as, with_)
      this.#tellIdle()
    }
    written.then(
      () => answered(code, details),
      () => answered('INTERNAL'),
    )
  }

  #finish(id: number, method: BoundMethod | undefined, code: WireErrorCode, details?: Partial<ErrorDetails>): void {
    this.#core.metrics.requests.inc({ method: method?.name ?? 'unknown', outcome: code })
    this.#answers.push(encodeError(id, code, details))
  }
  #answerError(id: number, code: WireErrorCode, details?: Partial<ErrorDetails>): void {
    this.#answers.push(encodeError(id, code, details))
  }
  #answered(frame: Uint8Array, method: BoundMethod): void {
    this.#core.metrics.requests.inc(method.ok)
    this.#answers.push(frame)
  }

  onExpired(request: OpenRequest): void {
    this.#giveUp(request, 'DEADLINE')
  }
  onAnswered(request: OpenRequest): void {
    this.#open.delete(request.id)
    this.#answers.release(request.promisedBytes)
    this.#deadlines.remove(request)
    this.#tellIdle()
  }
  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve()
  }
  get #isIdle(): boolean {
    return this.#open.size === 0 && this.#writing === 0
  }
  #allAnswered(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}

/** What a handler throws before it waits for anything is no other failure than what it throws later. */
function started(call: DecodedCall, request: OpenRequest): CallResult | Promise<CallResult> {
  try {
    return call.run(request)
  } catch (error) {
    return Promise.reject(error)
  }
}

const INTERNAL = { code: 'INTERNAL', details: {} } as const

const askedOf = (method: BoundMethod, params: Uint8Array, call?: DecodedCall): Asked => ({
  method: method.name,
  key: (call?.scope ?? method.scope).key,
  items: call?.items ?? 1,
  params,
})
