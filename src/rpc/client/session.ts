import { type Cancel, type Clock, LIMITS } from '../../base/index.ts'
import type { FrameStream } from '../../p2p/index.ts'
import { decodeServerFrame, encodeCancel, encodeRequest, RpcError } from '../wire/index.ts'

/** A request on its way, and how its caller is told. */
interface Pending {
  readonly resolve: (result: Uint8Array) => void
  readonly reject: (error: RpcError) => void
}

export interface Wait {
  /** Until when the caller waits, Unix ms. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** The server answers at its deadline at the latest; the answer then still has to travel. */
const ANSWER_GRACE_MS = 1_000

/** One stream to the server, shared by many calls: requests leave as they come, answers are matched by id. */
export class Session {
  readonly #stream: FrameStream
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()
  readonly #queue: Array<() => void> = []
  #maxInFlight: number = LIMITS.maxRpcInFlight
  #lastId = 0
  #pumping = false
  #failure: RpcError | undefined

  constructor(stream: FrameStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  /** False once the stream has died: the next call needs another session. */
  get alive(): boolean {
    return this.#failure === undefined
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
        const bytes = await this.#stream.read()
        if (bytes === undefined) return this.fail(new RpcError('DISCONNECTED'))
        this.#onAnswer(bytes)
      }
    } catch (cause) {
      this.fail(new RpcError('DISCONNECTED', {}, { cause }))
    }
  }

  /** Encoded params in, encoded result out. Rejects with RpcError only. */
  request(method: string, params: Uint8Array, wait: Wait): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      if (wait.signal?.aborted) return reject(new RpcError('CANCELLED', {}, { cause: wait.signal.reason }))
      let id = 0
      let disarm: Cancel = () => {}
      const settle = () => {
        this.#pending.delete(id)
        disarm()
        wait.signal?.removeEventListener('abort', onAbort)
        this.#pump()
      }
      const give = {
        resolve: (result: Uint8Array) => {
          settle()
          resolve(result)
        },
        reject: (error: RpcError) => {
          settle()
          reject(error)
        },
      }
      const giveUp = (error: RpcError) => {
        const at = this.#queue.indexOf(send)
        if (at !== -1) this.#queue.splice(at, 1)
        if (id !== 0 && this.#failure === undefined) this.#write(encodeCancel(id))
        give.reject(error)
      }
      const onAbort = () => giveUp(new RpcError('CANCELLED', {}, { requestId: id, cause: wait.signal?.reason }))
      const send = () => {
        const timeoutMs = wait.deadlineMs - this.#clock.now()
        if (this.#failure !== undefined) return give.reject(this.#failure)
        if (timeoutMs < 1) return give.reject(new RpcError('DEADLINE'))
        id = this.#nextId()
        this.#pending.set(id, give)
        this.#write(encodeRequest(id, method, params, Math.floor(timeoutMs)))
      }
      wait.signal?.addEventListener('abort', onAbort, { once: true })
      disarm = this.#clock.after(Math.max(0, wait.deadlineMs - this.#clock.now()) + ANSWER_GRACE_MS, () =>
        giveUp(new RpcError('DEADLINE', {}, { requestId: id })),
      )
      this.#queue.push(send)
      this.#pump()
    })
  }

  /** Tells the server to stop working for us, then ends the stream. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return
    for (const id of this.#pending.keys()) this.#write(encodeCancel(id))
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
    for (const pending of [...this.#pending.values()]) pending.reject(error)
    for (const send of this.#queue.splice(0)) send()
  }

  /** Sends what may be sent. What is rejected on the way calls back in here, hence the guard. */
  #pump(): void {
    if (this.#pumping || this.#failure !== undefined) return
    this.#pumping = true
    while (this.#pending.size < this.#maxInFlight) {
      const send = this.#queue.shift()
      if (send === undefined) break
      send()
    }
    this.#pumping = false
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1
    while (this.#pending.has(this.#lastId))
    return this.#lastId
  }

  #write(frame: Uint8Array): void {
    this.#stream.write(frame).catch((cause: unknown) => this.fail(new RpcError('DISCONNECTED', {}, { cause })))
  }

  #onAnswer(bytes: Uint8Array): void {
    const answer = decodeServerFrame(bytes)
    // Id 0 = a frame of ours that the server could not read: which call it was can't be known, so all are told.
    if (answer.kind === 'malformed' || answer.id === 0) {
      this.fail(answer.kind === 'error' ? answer.error : new RpcError('BAD_ANSWER'))
      return
    }
    // No such call: it was given up, and its answer was already on the way.
    const pending = this.#pending.get(answer.id)
    if (answer.kind === 'result') pending?.resolve(answer.result)
    else pending?.reject(answer.error)
  }
}
