import type {
  AbortOptions,
  Connection,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
  StreamHandlerRecord,
  StreamMiddleware,
  Topology,
} from '@libp2p/interface'
import type { ping } from '@libp2p/ping'
import { CodedError } from '../base/index.ts'
import { InboundGossip } from './inbound-gossip.ts'
import { isGossipProtocol } from './protocols.ts'
import type { StreamGuard } from './stream-guard.ts'

/** The registrar's type, by way of a package that this project names. */
export type Registrar = Parameters<ReturnType<typeof ping>>[0]['registrar']

/**
 * libp2p's registrar as its services get it: every inbound stream and every announcement of a peer passes the guard.
 * Not `registrar.use`: libp2p 3.3 appends the handler to the registered middleware itself, once more per stream.
 */
export class GuardedRegistrar implements Registrar {
  readonly #inner: Registrar
  readonly #guard: StreamGuard
  readonly #topologies = new Map<string, Topology>()
  readonly #inbound = new InboundGossip()
  #onGossipStream: (stream: Stream, connection: Connection) => void = () => {}

  constructor(inner: Registrar, guard: StreamGuard) {
    this.#inner = inner
    this.#guard = guard
  }

  handle(protocol: string, handler: StreamHandler, options?: StreamHandlerOptions): Promise<void> {
    const guarded: StreamHandler = (stream, connection) => {
      if (!this.#guard.allows(connection, protocol, 'inbound'))
        return stream.abort(new CodedError('NOT_ADMITTED', 'no right to this protocol'))
      if (!isGossipProtocol(protocol)) return handler(stream, connection)
      // By then the library reads it.
      setImmediate(() => this.#onGossipStream(stream, connection))
      return this.#inbound.hand(stream, connection, () => handler(stream, this.#guard.bounded(connection)))
    }
    return this.#inner.handle(protocol, guarded, options)
  }

  /** Told of every inbound gossip stream after it was handed on. */
  onGossipStream(listener: (stream: Stream, connection: Connection) => void): void {
    this.#onGossipStream = listener
  }

  async register(protocol: string, topology: Topology, options?: AbortOptions): Promise<string> {
    const guarded: Topology = {
      ...topology,
      onConnect: (peer, connection) => {
        if (this.#guard.allows(connection, protocol, 'outbound'))
          return topology.onConnect?.(peer, this.#guard.bounded(connection))
      },
    }
    const id = await this.#inner.register(protocol, guarded, options)
    this.#topologies.set(id, guarded)
    return id
  }
  unregister(id: string): void {
    this.#topologies.delete(id)
    this.#inner.unregister(id)
  }

  /** Tells the services of a peer again: the library does so only after identify, once per connection. */
  announce(peer: PeerId, connection: Connection): void {
    const [topology] = this.#topologies.values()
    void topology?.onConnect?.(peer, connection)
  }
  /** Makes the services forget a peer; harmless if they already have. */
  forget(peer: PeerId): void {
    const [topology] = this.#topologies.values()
    void topology?.onDisconnect?.(peer)
  }

  getProtocols(): string[] {
    return this.#inner.getProtocols()
  }
  unhandle(protocol: string, options?: AbortOptions): Promise<void> {
    return this.#inner.unhandle(protocol, options)
  }
  getHandler(protocol: string): StreamHandlerRecord {
    return this.#inner.getHandler(protocol)
  }
  getTopologies(protocol: string): Topology[] {
    return this.#inner.getTopologies(protocol)
  }
  use(protocol: string, middleware: StreamMiddleware[]): void {
    this.#inner.use(protocol, middleware)
  }
  unuse(protocol: string): void {
    this.#inner.unuse(protocol)
  }
  getMiddleware(protocol: string): StreamMiddleware[] {
    return this.#inner.getMiddleware(protocol)
  }
}
