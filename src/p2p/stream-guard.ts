import type { Connection } from '@libp2p/interface'
import { CodedError, type Counter, type Metrics, withDeadline } from '../base/index.ts'
import { peerOf } from './connection-info.ts'
import type { RoleCheck } from './types.ts'

/** Negotiation of one outbound stream; the peer is already connected. */
const NEW_STREAM_TIMEOUT_MS = 3_000

/** Asks the roles about every stream, whoever opens it and for whichever protocol (docs/GATING.md). */
export class StreamGuard {
  readonly #roles: RoleCheck
  readonly #refused: Counter<'reason'>
  constructor(roles: RoleCheck, metrics: Metrics) {
    this.#roles = roles
    this.#refused = metrics.counter('p2p_streams_refused_total', 'Streams refused, by reason', ['reason'])
  }

  allows(connection: Connection, protocol: string, direction: 'inbound' | 'outbound'): boolean {
    const peer = peerOf(connection)
    const answer = this.#roles.mayOpenStream(peer, protocol, direction)
    if (answer.ok) return true
    this.#refused.inc({ reason: answer.reason })
    this.#roles.denied(peer, answer.reason, 'stream', connection.remoteAddr.toString())
    return false
  }

  tooMany(): void {
    this.#refused.inc({ reason: 'too_many' })
  }

  /**
   * The connection as gossipsub gets it: its streams are opened one after the other with no limit of time, so one peer
   * that grants no stream would keep all others out.
   */
  bounded(connection: Connection): Connection {
    const newStream: Connection['newStream'] = (protocols, options) =>
      withDeadline('opening a gossip stream', NEW_STREAM_TIMEOUT_MS, (signal) => {
        const [protocol = ''] = [protocols].flat()
        if (!this.allows(connection, protocol, 'outbound'))
          throw new CodedError('NOT_ADMITTED', 'this peer has no right to gossip')
        return connection.newStream(protocols, { ...options, signal })
      })
    return Object.create(connection, { newStream: { value: newStream } })
  }
}
