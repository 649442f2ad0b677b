import type { Connection } from '@libp2p/interface'
import { CodedError, type Counter, LIMITS, type Metrics } from '../base/index.ts'

/**
 * No peer may hold more connections than it can need: the table of all connections is shared, and one admitted key must not
 * fill it for the others. The newest goes, so that nobody loses a link that works to somebody who only shows up again.
 */
export class ConnectionCap {
  readonly #refused: Counter<never>
  readonly #refusals = new WeakSet<Connection>()
  constructor(metrics: Metrics) {
    this.#refused = metrics.counter(
      'p2p_connections_over_cap_total',
      'Connections aborted because their peer already holds as many as a peer may',
    )
  }

  /** Judges a connection that has just opened, and aborts it if there are enough. `held`: all of this peer in the table. */
  admits(opened: Connection, held: readonly Connection[]): boolean {
    const others = held.filter((c) => c.id !== opened.id)
    if (others.length < LIMITS.maxConnectionsPerPeer) return true
    this.#refusals.add(opened)
    this.#refused.inc({})
    opened.abort(new CodedError('TOO_MANY_CONNECTIONS', 'the peer holds as many connections as a peer may'))
    return false
  }

  /** Was this connection never announced as open? */
  hasRefused(connection: Connection): boolean {
    return this.#refusals.has(connection)
  }
}
