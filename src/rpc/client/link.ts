import { create } from '@bufbuild/protobuf'
import { type Clock, codeOf, LIMITS, type PeerIdStr } from '../../base/index.ts'
import type { StreamPort } from '../../p2p/index.ts'
import { METHODS, type Result, RPC_FRAME_CAPS, RPC_PROTOCOL, RpcError } from '../wire/index.ts'
import { Session, type Wait } from './session.ts'

const CAP = { receivedBytes: RPC_FRAME_CAPS.answerBytes, sentBytes: RPC_FRAME_CAPS.requestBytes }

/** A method as the link needs it: bytes in, bytes out. */
export interface RawMethod {
  readonly name: string
  readonly idempotent: boolean
}

export interface LinkInit {
  readonly streams: StreamPort
  readonly server: PeerIdStr
  /** Our own PeerID, for the sentence that says who was not admitted. */
  readonly self: PeerIdStr
  readonly clock: Clock
  /** For jitter; 0 ≤ x < 1. */
  readonly random?: () => number
}

/** Keeps one session to one server: opened when needed, replaced when it dies. */
export class Link {
  readonly #init: LinkInit
  #session: Session | undefined
  #opening: Promise<Session> | undefined
  #failures = 0
  #notBeforeMs = 0
  #closed = false
  readonly #closing = new AbortController()

  constructor(init: LinkInit) {
    this.#init = init
  }

  /** One attempt to reach the server and to be greeted by it. */
  async connect(wait: Wait): Promise<void> {
    await this.#within(wait, this.#open())
  }

  /**
   * Calls a method. An unreachable server is tried again, with backoff, until the deadline; a request that was already sent
   * is repeated, byte for byte, only if its method is idempotent.
   */
  async call(method: RawMethod, params: Uint8Array, wait: Wait): Promise<Uint8Array> {
    for (let lost = 0; ; lost++) {
      // The first repeat is at once; a request that keeps losing its stream is repeated ever more slowly.
      if (lost > 1) await this.#pause(this.#backoffMs(lost - 2), wait)
      const session = this.#session?.alive ? this.#session : await this.#live(wait)
      try {
        return await session.request(method.name, params, wait)
      } catch (error) {
        if (codeOf(error) !== 'DISCONNECTED' || !method.idempotent) throw error
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#closing.abort(new RpcError('CLOSED'))
    await this.#session?.close()
  }

  /** The session in use, or a new one. */
  async #live(wait: Wait): Promise<Session> {
    for (;;) {
      if (this.#session?.alive) return this.#session
      await this.#pause(this.#notBeforeMs - this.#init.clock.now(), wait)
      try {
        return await this.#within(wait, this.#open())
      } catch (error) {
        if (codeOf(error) !== 'UNREACHABLE') throw error
      }
    }
  }

  /** One opening at a time, whoever waits for it. */
  #open(): Promise<Session> {
    if (this.#closed) return Promise.reject(new RpcError('CLOSED'))
    this.#opening ??= this.#dialAndGreet().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #dialAndGreet(): Promise<Session> {
    const { clock } = this.#init
    try {
      const session = await this.#dial()
      await this.#greet(session)
      if (this.#closed) {
        await session.close()
        throw new RpcError('CLOSED')
      }
      this.#failures = 0
      this.#notBeforeMs = 0
      this.#session = session
      return session
    } catch (error) {
      this.#notBeforeMs = clock.now() + this.#backoffMs(this.#failures++)
      throw error
    }
  }

  async #dial(): Promise<Session> {
    const { streams, server, clock } = this.#init
    try {
      const stream = await streams.open(server, RPC_PROTOCOL, CAP, this.#closing.signal)
      const session = new Session(stream, clock)
      void session.run()
      return session
    } catch (cause) {
      if (this.#closed) throw new RpcError('CLOSED', {}, { cause })
      if (codeOf(cause) === 'NOT_ADMITTED') throw this.#notAdmitted(cause)
      throw new RpcError('UNREACHABLE', {}, { cause })
    }
  }

  /**
   * hello first, on every stream: a refused peer's dial resolves and only then is it cut off, so silence before the first
   * answer is how "not admitted" looks from outside.
   */
  async #greet(session: Session): Promise<void> {
    const { clock, server } = this.#init
    const { request, response, defaultTimeoutMs } = METHODS.hello
    const wait = { deadlineMs: clock.now() + defaultTimeoutMs }
    try {
      const bytes = await session.request('hello', request.encode(create(request.desc)), wait)
      const hello: Result<'hello'> = response.decode(bytes, 'skip')
      if (hello.peerId !== server) throw new RpcError('BAD_ANSWER')
      session.allowInFlight(hello.limits?.maxInFlight ?? 1)
    } catch (cause) {
      const code = codeOf(cause)
      const error =
        code === 'DISCONNECTED' || code === 'NOT_ADMITTED'
          ? this.#notAdmitted(cause)
          : cause instanceof RpcError && code !== 'BAD_REQUEST'
            ? cause
            : new RpcError('BAD_ANSWER', {}, { cause })
      session.fail(error)
      throw error
    }
  }

  #notAdmitted(cause: unknown): RpcError {
    const message = `Not admitted: the server closed the connection before it answered hello. Ask its operator to add this client's PeerID ${this.#init.self} under [[bridge]].`
    return new RpcError('NOT_ADMITTED', {}, { message, cause })
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
