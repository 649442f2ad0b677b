import { type Clock, Deadlines, Expiring, LIMITS, type PeerIdStr } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import { decodeServerFrame, encodeCancel, encodeRequest, RpcError } from '../wire/index.ts'
import { Pending } from './pending.ts'

export interface Wait {
  /** Until when the caller waits, Unix ms. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** Who is told of a call's end: one of both, once. */
export interface Asker {
  resolve(result: Uint8Array): void
  reject(error: RpcError): void
}

/** The server answers at its deadline at the latest; the answer then still has to travel. */
const ANSWER_GRACE_MS = 1_000

/** A request, waiting to be sent or on its way, and how its caller is told. One object each: nothing else is made per call. */
class Call extends Expiring {
  readonly method: string
  readonly params: Uint8Array
  readonly wait: Wait
  readonly asker: Asker
  readonly #giveUp: (call: Call, error: RpcError) => void
  /** 0 until it is sent. */
  id = 0
  /** Answers of the session when it was sent. */
  heardBefore = 0

  constructor(
    method: string,
    params: Uint8Array,
    wait: Wait,
    asker: Asker,
    giveUp: (call: Call, error: RpcError) => void,
  ) {
    super()
    this.method = method
    this.params = params
    this.wait = wait
    this.asker = asker
    this.#giveUp = giveUp
  }

  onExpired(): void {
    this.#giveUp(this, new RpcError('DEADLINE', {}, { requestId: this.id }))
  }
  /** For the caller's signal. */
  handleEvent(): void {
    this.#giveUp(this, new RpcError('CANCELLED', {}, { requestId: this.id, cause: this.wait.signal?.reason }))
  }
}

/** One stream to the server, shared by many calls: requests leave as they come, answers are matched by id. */
export class Session {
  readonly #stream: FrameStream
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #pending = new Pending<Call>()
  readonly #queue = new Set<Call>()
  #maxInFlight: number = LIMITS.maxRpcInFlight
  #pumping = false
  #failure: RpcError | undefined
  /** Answers so far. */
  #heard = 0
  #doubtful = false
  #written: Promise<void> | undefined

  constructor(stream: FrameStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    this.#deadlines = new Deadlines(clock)
  }

  get peer(): PeerIdStr {
    return this.#stream.peerId
  }

  /** A request stayed without its answer, and nothing else was heard since it was sent: the server may be gone unnoticed. */
  get doubtful(): boolean {
    return this.#doubtful
  }

  /** False once the stream has died: the next call needs another session. */
  get alive(): boolean {
    return this.#failure === undefined
  }

  get isUsable(): boolean {
    return this.#failure === undefined && !this.#doubtful
  }

  /** As the server's hello says; more requests wait here instead of being refused there. */
  allowInFlight(count: number): void {
    this.#maxInFlight = Math.max(1, count)
    this.#pump()
  }

  /** Reads answers until the stream ends. Never rejects: every pending call is told instead. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const bytes = this.#stream.readNow?.() ?? (await this.#stream.read())
        if (bytes === undefined) return this.fail(new RpcError('DISCONNECTED'))
        this.#onAnswer(bytes)
      }
    } catch (cause) {
      this.fail(new RpcError('DISCONNECTED', {}, { cause }))
    }
  }

  /** Encoded params in, encoded result out. Rejects with RpcError only. */
  request(method: string, params: Uint8Array, wait: Wait): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.start(method, params, wait, { resolve, reject }))
  }

  /** As `request`, for an asker that needs no promise of its own. */
  start(method: string, params: Uint8Array, wait: Wait, asker: Asker): void {
    const { signal } = wait
    const refusal =
      this.#failure ?? (signal?.aborted ? new RpcError('CANCELLED', {}, { cause: signal.reason }) : undefined)
    if (refusal !== undefined) {
      asker.reject(refusal)
      return
    }
    const call = new Call(method, params, wait, asker, this.#giveUp)
    signal?.addEventListener('abort', call, { once: true })
    const timeoutMs = wait.deadlineMs - this.#clock.now()
    this.#deadlines.add(call, Math.max(0, timeoutMs) + ANSWER_GRACE_MS)
    if (this.#queue.size === 0 && this.#pending.size < this.#maxInFlight) this.#send(call, timeoutMs)
    else this.#queue.add(call)
  }

  readonly #giveUp = (call: Call, error: RpcError): void => {
    if (error.code === 'DEADLINE' && call.id !== 0 && call.heardBefore === this.#heard) this.#doubtful = true
    if (call.id !== 0 && this.#failure === undefined) this.#write(encodeCancel(call.id))
    this.#settle(call)
    call.asker.reject(error)
  }

  /** The call is over: the next one may go. */
  #settle(call: Call): void {
    if (call.id === 0) this.#queue.delete(call)
    else this.#pending.delete(call)
    this.#deadlines.remove(call)
    call.wait.signal?.removeEventListener('abort', call)
    this.#pump()
  }

  #send(call: Call, timeoutMs: number): void {
    if (timeoutMs < 1) {
      this.#settle(call)
      call.asker.reject(new RpcError('DEADLINE'))
      return
    }
    call.heardBefore = this.#heard
    this.#pending.add(call)
    this.#write(encodeRequest(call.id, call.method, call.params, Math.floor(timeoutMs)))
  }

  /** Tells the server to stop working for us, then ends the stream. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return
    for (const { id } of this.#pending.all()) this.#write(encodeCancel(id))
    const closed = this.#stream.close()
    this.#end(new RpcError('CLOSED'))
    await closed
  }

  /** The first failure stands; every caller gets it, and the stream is not used again. */
  fail(error: RpcError): void {
    if (this.#failure !== undefined) return
    this.#end(error)
    this.#stream.abort(error)
  }

  #end(error: RpcError): void {
    this.#failure = error
    for (const call of [...this.#pending.all(), ...this.#queue]) {
      this.#settle(call)
      call.asker.reject(error)
    }
  }

  /** Sends what may be sent. What is rejected on the way calls back in here, hence the guard. */
  #pump(): void {
    if (this.#queue.size === 0 || this.#pumping || this.#failure !== undefined) return
    this.#pumping = true
    for (const call of this.#queue) {
      if (this.#pending.size >= this.#maxInFlight) break
      this.#queue.delete(call)
      this.#send(call, call.wait.deadlineMs - this.#clock.now())
    }
    this.#pumping = false
  }

  /** Frames that leave together share a promise, which is listened to once. */
  #write(frame: Uint8Array): void {
    const written = this.#stream.write(frame)
    if (written === this.#written) return
    this.#written = written
    written.catch((cause: unknown) => this.fail(new RpcError('DISCONNECTED', {}, { cause })))
  }

  #onAnswer(bytes: Uint8Array): void {
    this.#heard++
    this.#doubtful = false
    const answer = decodeServerFrame(bytes)
    // Id 0 = a frame of ours that the server could not read: which call it was can't be known, so all are told.
    if (answer.kind === 'malformed' || answer.id === 0) {
      this.fail(answer.kind === 'error' ? answer.error : new RpcError('BAD_ANSWER'))
      return
    }
    // No such call: it was given up, and its answer was already on the way.
    const call = this.#pending.get(answer.id)
    if (call === undefined) return
    this.#settle(call)
    if (answer.kind === 'result') call.asker.resolve(answer.result)
    else call.asker.reject(answer.error)
  }
}
