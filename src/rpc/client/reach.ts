import { create } from '@bufbuild/protobuf'
import { type Clock, CodedError, codeOf, LIMITS, type PeerIdStr, toHex, withDeadline } from '../../base/index.ts'
import { parsePublicKey, peerIdOfKey } from '../../curve/index.ts'
import type { FrameStream, StreamPort } from '../../p2p/index.ts'
import { METHODS, type Result, RPC_FRAME_CAPS, RPC_PROTOCOL, RpcError } from '../wire/index.ts'
import type { Server } from './address.ts'
import type { Servers, SignerChange } from './servers.ts'
import { Session } from './session.ts'

/** What stands under a client: a way to open streams to the servers it trusts. */
export interface ClientHost {
  readonly streams: StreamPort
  /** From now on this server is dialled, and the link to it kept; the one before is let go of. */
  use?(server: Server): Promise<void>
  /** The link to this server is dead, whatever it looks like. */
  drop?(server: PeerIdStr): Promise<void>
  stop(): Promise<void>
}

export interface ReachInit {
  readonly host: Pick<ClientHost, 'streams' | 'use' | 'drop'>
  readonly servers: Servers
  /** Our own PeerID, for the sentence that says who was not admitted. */
  readonly self: PeerIdStr
  readonly clock: Clock
  readonly onSignerChanged?: ((change: SignerChange) => void) | undefined
}

const CAP = { receivedBytes: RPC_FRAME_CAPS.answerBytes, sentBytes: RPC_FRAME_CAPS.requestBytes }

/** No server answered. `error` tells most; `isAnyAway`: one of them may only be down, so that another attempt makes sense. */
export class NobodyReached extends Error {
  readonly error: RpcError
  readonly isAnyAway: boolean
  constructor(failures: readonly RpcError[]) {
    super('no server was reached')
    this.isAnyAway = failures.some((f) => f.code === 'UNREACHABLE')
    this.error = failures.find((f) => f.code !== 'UNREACHABLE') ?? failures[0] ?? new RpcError('UNREACHABLE')
  }
}

/** With others to turn to, a server that doesn't take the call this soon is passed by: a dial alone may take twice as long. */
export const SERVER_TRY_MS = LIMITS.dialTimeoutMs / 2

/** Finds one server that answers, of those that are trusted. */
export class Reach {
  readonly #c: ReachInit

  constructor(init: ReachInit) {
    this.#c = init
  }

  /** One attempt at each, in order; the first that answers `hello` is the one. Throws NobodyReached. */
  async once(closing: AbortSignal): Promise<Session> {
    const candidates = this.#c.servers.candidates()
    const failures: RpcError[] = []
    for (const server of candidates) {
      const timeoutMs = candidates.length > 1 ? SERVER_TRY_MS : undefined
      try {
        const session = await this.#dial(server, timeoutMs, closing)
        this.#heed(server.peerId, await this.#greet(session, server.peerId, timeoutMs))
        return session
      } catch (error) {
        if (closing.aborted) throw new RpcError('CLOSED', {}, { cause: error })
        failures.push(error instanceof RpcError ? error : new RpcError('BAD_ANSWER', {}, { cause: error }))
      }
    }
    throw new NobodyReached(failures)
  }

  /** Is this session's server still there? If it says nothing, the session and the link under it are given up. */
  async recheck(session: Session): Promise<void> {
    try {
      await this.#hello(session, SERVER_TRY_MS)
    } catch (cause) {
      // Something else was heard of it meanwhile.
      if (!session.doubtful) return
      session.fail(new RpcError('DISCONNECTED', {}, { cause }))
      await this.#c.host.drop?.(session.peer)
    }
  }

  async #dial(server: Server, timeoutMs: number | undefined, closing: AbortSignal): Promise<Session> {
    const { host, clock } = this.#c
    const { peerId } = server
    const open = async (signal: AbortSignal): Promise<FrameStream> => {
      await host.use?.(server)
      const stream = await host.streams.open(peerId, RPC_PROTOCOL, CAP, signal)
      if (signal.aborted) stream.abort(new RpcError('CLOSED'))
      return stream
    }
    try {
      const stream =
        timeoutMs === undefined
          ? await open(closing)
          : await withDeadline('reaching one of several servers', timeoutMs, open, closing, clock)
      const session = new Session(stream, clock)
      void session.run()
      return session
    } catch (cause) {
      if (codeOf(cause) === 'NOT_ADMITTED') throw this.#notAdmitted(cause)
      throw isOtherKey(cause) ? otherKey(peerId, cause) : new RpcError('UNREACHABLE', {}, { cause })
    }
  }

  /**
   * hello first, on every stream: a refused peer's dial resolves and only then is it cut off, so silence before the first
   * answer is how "not admitted" looks from outside.
   */
  async #greet(session: Session, server: PeerIdStr, timeoutMs: number | undefined): Promise<Result<'hello'>> {
    try {
      const hello = await this.#hello(session, timeoutMs)
      if (hello.peerId !== server) throw new RpcError('BAD_ANSWER')
      session.allowInFlight(hello.limits?.maxInFlight ?? 1)
      return hello
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

  async #hello(session: Session, timeoutMs: number = METHODS.hello.defaultTimeoutMs): Promise<Result<'hello'>> {
    const { request, response } = METHODS.hello
    const wait = { deadlineMs: this.#c.clock.now() + timeoutMs }
    const bytes = await session.request('hello', request.encode(create(request.desc)), wait)
    return response.decode(bytes, 'skip')
  }

  /** Said over a connection that only the server's own key could open. */
  #heed(server: PeerIdStr, { nextPublicKey }: Result<'hello'>): void {
    const { servers, onSignerChanged } = this.#c
    // Not from here: what a listener throws is its application's error, and none of this connection's.
    for (const change of servers.greeted(server, nextPublicKey === undefined ? undefined : peerIdIn(nextPublicKey)))
      queueMicrotask(() => onSignerChanged?.(change))
  }

  #notAdmitted(cause: unknown): RpcError {
    const { self } = this.#c
    // From outside both look the same: the server can say nothing to whom it doesn't admit.
    const message = `Not admitted: the server closed the connection before it answered hello. Ask its operator to add this client's PeerID ${self} under [[bridge]]; or this PeerID has too many connections open there (at most ${LIMITS.maxConnectionsPerPeer}): share one, or give each process a key of its own.`
    return new RpcError('NOT_ADMITTED', {}, { message, cause })
  }
}

const isOtherKey = (error: unknown): boolean => {
  const { isOtherKey: says } = error instanceof CodedError ? error.data : {}
  return says === true
}

/** Most often the PeerID is an old one, or one of another node: to look at the port would help nobody. */
const otherKey = (server: PeerIdStr, cause: unknown): RpcError =>
  new RpcError(
    'UNREACHABLE',
    {},
    { message: `Another key answers at an address of ${server}: check the PeerID that you expect there.`, cause },
  )

/** Undefined for what is no point of the curve: nobody could ever answer with it. */
function peerIdIn(publicKey: Uint8Array): PeerIdStr | undefined {
  try {
    return peerIdOfKey(parsePublicKey(toHex(publicKey)))
  } catch {
    return undefined
  }
}
