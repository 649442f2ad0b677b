import type { Connection } from '@libp2p/interface'
import { CodedError } from '../base/index.ts'

/** An abort is followed by the event at once; beyond this the library has lost the event, and nobody shall wait for it. */
const GIVE_UP_MS = 500

/**
 * Closes connections of a peer that lost its right to them, without the courtesy of a graceful close: waiting for the
 * answer of somebody who may no longer speak would only leave him connected longer. Resolves with how many there were,
 * when all are closed.
 */
export async function closeConnections(connections: readonly Connection[]): Promise<number> {
  await Promise.all(connections.map(closeOne))
  return connections.length
}

async function closeOne(connection: Connection): Promise<void> {
  if (connection.status !== 'open' && connection.status !== 'closing') return
  const closed = Promise.withResolvers<void>()
  connection.addEventListener('close', () => closed.resolve(), { once: true })
  const giveUp = setTimeout(closed.resolve, GIVE_UP_MS)
  connection.abort(new CodedError('PEER_CLOSED', 'the peer may no longer be connected'))
  await closed.promise
  clearTimeout(giveUp)
}
