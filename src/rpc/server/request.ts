import { Expiring, type PeerIdStr } from '../../base/index.ts'
import { RpcError } from '../wire/index.ts'
import type { Asked } from './audit.ts'
import type { BoundMethod } from './dispatch.ts'
import type { CallContext } from './types.ts'

/** Told of a request's end. One for all requests of a stream: nothing is made per request that isn't needed. */
export interface RequestOwner {
  /** It has its answer, or will have none. */
  onAnswered(request: OpenRequest): void
  onExpired(request: OpenRequest): void
}

/** One request between its arrival and its answer: there is exactly one answer, whoever makes it first. */
export class OpenRequest extends Expiring implements CallContext {
  readonly id: number
  readonly method: BoundMethod
  readonly peer: PeerIdStr
  readonly deadlineMs: number
  /** What the audit log is told of it; undefined = nothing. */
  readonly asked: Asked | undefined
  /** Kept free for its answer. */
  readonly promisedBytes: number
  /** The audit log has been told what came of it. */
  isDecided = false
  readonly #owner: RequestOwner
  #controller: AbortController | undefined
  #closed = false
  #abortReason: unknown

  constructor(
    init: Pick<OpenRequest, 'id' | 'method' | 'peer' | 'deadlineMs' | 'asked' | 'promisedBytes'>,
    owner: RequestOwner,
  ) {
    super()
    this.id = init.id
    this.method = init.method
    this.peer = init.peer
    this.deadlineMs = init.deadlineMs
    this.asked = init.asked
    this.promisedBytes = init.promisedBytes
    this.#owner = owner
  }

  /** Made on first use: most handlers answer before anything is aborted. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  onExpired(): void {
    this.#owner.onExpired(this)
  }

  /** Somebody has made the answer. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** True for the first caller only, who then writes the answer. */
  claim(): boolean {
    if (this.#closed) return false
    this.#closed = true
    this.#owner.onAnswered(this)
    return true
  }

  /** Claims the answer and tells the handler that nobody waits any more. */
  claimAndAbort(code: 'CANCELLED' | 'DEADLINE' | 'STOPPED'): boolean {
    if (!this.claim()) return false
    this.#abortReason = new RpcError(code, {}, { requestId: this.id })
    this.#controller?.abort(this.#abortReason)
    return true
  }
}
