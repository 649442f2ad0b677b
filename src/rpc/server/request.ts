import type { Cancel, PeerIdStr } from '../../base/index.ts'
import { RpcError } from '../wire/index.ts'
import type { CallContext } from './types.ts'

/** One request between its arrival and its answer: there is exactly one answer, whoever makes it first. */
export class OpenRequest implements CallContext {
  readonly id: number
  readonly peer: PeerIdStr
  readonly deadlineMs: number
  readonly #answered: (request: OpenRequest) => void
  #disarm: Cancel | undefined
  #controller: AbortController | undefined
  #closed = false
  #abortReason: unknown

  constructor(id: number, peer: PeerIdStr, deadlineMs: number, answered: (request: OpenRequest) => void) {
    this.id = id
    this.peer = peer
    this.deadlineMs = deadlineMs
    this.#answered = answered
  }

  /** Made on first use: most handlers answer before anything is aborted. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  arm(disarm: Cancel): void {
    this.#disarm = disarm
  }

  /** True for the first caller only, who then writes the answer. */
  claim(): boolean {
    if (this.#closed) return false
    this.#closed = true
    this.#disarm?.()
    this.#answered(this)
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
