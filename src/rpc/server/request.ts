import type { Expiring, PeerIdStr } from '../../base/index.ts'
import { RpcError } from '../wire/index.ts'
import type { BoundMethod } from './dispatch.ts'
import type { CallContext } from './types.ts'

/** Told of a request's end. One for all requests of a stream: nothing is made per request that isn't needed. */
export interface RequestOwner {
  /** It has its answer, or will have none. */
  onAnswered(request: OpenRequest): void
  onExpired(request: OpenRequest): void
}

/** One request between its arrival and its answer: there is exactly one answer, whoever makes it first. */
export class OpenRequest implements CallContext, Expiring {
  readonly id: number
  readonly method: BoundMethod
  readonly peer: PeerIdStr
  readonly deadlineMs: number
  readonly #owner: RequestOwner
  #controller: AbortController | undefined
  #closed = false
  #abortReason: unknown

  constructor(id: number, method: BoundMethod, peer: PeerIdStr, deadlineMs: number, owner: RequestOwner) {
    this.id = id
    this.method = method
    this.peer = peer
    this.deadlineMs = deadlineMs
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
