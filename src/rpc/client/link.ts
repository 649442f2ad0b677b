import { codeOf, LIMITS } from '../../base/index.ts'
import { RpcError } from '../wire/index.ts'
import { NobodyReached, Reach, type ReachInit } from './reach.ts'
import type { Session, Wait } from './session.ts'

/** A method as the link needs it: bytes in, bytes out. */
export interface RawMethod {
  readonly name: string
  readonly idempotent: boolean
}

export interface LinkInit extends ReachInit {
  /** For jitter; 0 ≤ x < 1. */
  readonly random?: () => number
}

/** Between the last answers of a server that stops and the end of its streams. */
const STOPPING_MS = 250

/** Keeps one session to one of the trusted servers: opened when needed, replaced when it dies, there or at the next one. */
export class Link {
  readonly #init: LinkInit
  readonly #reach: Reach
  #session: Session | undefined
  #opening: Promise<Session> | undefined
  #rechecking: Promise<void> | undefined
  #failures = 0
  #notBeforeMs = 0
  #closed = false
  readonly #closing = new AbortController()

  constructor(init: LinkInit) {
    this.#init = init
    this.#reach = new Reach(init)
  }

  /** One attempt to reach a server and to be greeted by it. */
  async connect(wait: Wait): Promise<void> {
    try {
      await this.#within(wait, this.#open())
    } catch (error) {
      throw error instanceof NobodyReached ? error.error : error
    }
  }

  /**
   * Calls a method. Where no server is reached, they are tried again, with backoff, until the deadline; a request that was
   * already sent is repeated, byte for byte, only if its method is idempotent. `read` makes the result of its bytes; what it
   * throws, the call rejects with.
   */
  call<T>(method: RawMethod, params: Uint8Array, wait: Wait, read: (result: Uint8Array) => T): Promise<T> {
    const session = this.#session
    if (!session?.isUsable) return this.#repeat(method, params, wait, 0).then(read)
    return new Promise((resolve, reject) => {
      session.start(method.name, params, wait, {
        resolve: (result) => {
          try {
            resolve(read(result))
          } catch (error) {
            reject(error)
          }
        },
        reject: (error) => resolve(this.#again(session, error, method, params, wait).then(read)),
      })
    })
  }

  async #again(session: Session, error: RpcError, method: RawMethod, params: Uint8Array, wait: Wait) {
    await this.#orThrow(session, error, method, wait)
    return this.#repeat(method, params, wait, 1)
  }

  /** Resolves when the request may be sent again; else throws why it failed. */
  async #orThrow(session: Session, error: unknown, method: RawMethod, wait: Wait): Promise<void> {
    if (!method.idempotent || !(await this.#isLost(session, error, wait))) throw error
  }

  /** Until it has an answer; `lost` = streams that were lost with it before. */
  async #repeat(method: RawMethod, params: Uint8Array, wait: Wait, lostBefore: number): Promise<Uint8Array> {
    for (let lost = lostBefore; ; lost++) {
      // The first repeat is at once; a request that keeps losing its stream is repeated ever more slowly.
      if (lost > 1) await this.#pause(this.#backoffMs(lost - 2), wait)
      const session = this.#session?.isUsable ? this.#session : await this.#live(wait)
      try {
        return await session.request(method.name, params, wait)
      } catch (error) {
        await this.#orThrow(session, error, method, wait)
      }
    }
  }

  /** Did the request fail because its server is gone? */
  async #isLost(session: Session, error: unknown, wait: Wait): Promise<boolean> {
    if (codeOf(error) === 'DISCONNECTED') return true
    if (codeOf(error) !== 'STOPPED') return false
    // A server that stops says so, and ends the stream a moment later; one whose signer set has changed stays.
    await this.#pause(STOPPING_MS, wait).catch(() => {})
    return !session.alive
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#closing.abort(new RpcError('CLOSED'))
    await this.#session?.close()
  }

  /** The session in use, or a new one. */
  async #live(wait: Wait): Promise<Session> {
    let why: RpcError | undefined
    for (;;) {
      const session = this.#session
      if (session?.isUsable) return session
      try {
        if (session?.alive) await this.#within(wait, this.#recheck(session))
        else {
          await this.#pause(this.#notBeforeMs - this.#init.clock.now(), wait)
          return await this.#within(wait, this.#open())
        }
      } catch (error) {
        if (error instanceof NobodyReached) {
          if (!error.isAnyAway) throw error.error
          why = error.error
          // Out of time: why nobody was reached says more than that.
        } else throw codeOf(error) === 'DEADLINE' && why !== undefined && why.code !== 'UNREACHABLE' ? why : error
      }
    }
  }

  #recheck(session: Session): Promise<void> {
    this.#rechecking ??= this.#reach.recheck(session).finally(() => {
      this.#rechecking = undefined
    })
    return this.#rechecking
  }

  /** One opening at a time, whoever waits for it. */
  #open(): Promise<Session> {
    if (this.#closed) return Promise.reject(new RpcError('CLOSED'))
    this.#opening ??= this.#reachOne().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #reachOne(): Promise<Session> {
    try {
      const session = await this.#reach.once(this.#closing.signal)
      if (this.#closed) {
        await session.close()
        throw new RpcError('CLOSED')
      }
      this.#failures = 0
      this.#notBeforeMs = 0
      this.#session = session
      return session
    } catch (error) {
      this.#notBeforeMs = this.#init.clock.now() + this.#backoffMs(this.#failures++)
      throw error
    }
  }

  /** Waits for `work`, which goes on for others when this caller gives up. */
  #within<T>({ deadlineMs, signal }: Wait, work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { clock } = this.#init
      const closing = this.#closing.signal
      const onAbort = () => done(() => reject(new RpcError('CANCELLED', {}, { cause: signal?.reason })))
      const onClosed = () => done(() => reject(new RpcError('CLOSED')))
      const disarm = clock.after(Math.max(0, deadlineMs - clock.now()), () =>
        done(() => reject(new RpcError('DEADLINE'))),
      )
      const done = (tell: () => void) => {
        disarm()
        signal?.removeEventListener('abort', onAbort)
        closing.removeEventListener('abort', onClosed)
        tell()
      }
      work.then(
        (value) => done(() => resolve(value)),
        (error: unknown) => done(() => reject(error)),
      )
      if (closing.aborted) return onClosed()
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
      closing.addEventListener('abort', onClosed, { once: true })
    })
  }

  /** Doubling, capped, with jitter so that many clients of a restarted node do not come at once. */
  #backoffMs(failures: number): number {
    const { random = Math.random } = this.#init
    return Math.min(LIMITS.redialMaxMs, LIMITS.redialMinMs * 2 ** Math.min(failures, 16)) * (0.5 + random() / 2)
  }

  async #pause(delayMs: number, wait: Wait): Promise<void> {
    if (delayMs <= 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const disarm = this.#init.clock.after(delayMs, resolve)
    try {
      await this.#within(wait, promise)
    } finally {
      disarm()
    }
  }
}
