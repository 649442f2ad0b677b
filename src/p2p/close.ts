import type { Connection } from '@libp2p/interface'
import { CodedError, LIMITS } from '../base/index.ts'

/** Closes connections, politely for `LIMITS.closeGraceMs`, then not. Resolves with how many there were, when all are closed. */
export async function closeConnections(connections: readonly Connection[]): Promise<number> {
  await Promise.all(connections.map(closeOne))
  return connections.length
}

async function closeOne(connection: Connection): Promise<void> {
  const closed = Promise.withResolvers<void>()
  connection.addEventListener('close', () => closed.resolve(), { once: true })
  if (connection.status === 'closed') return
  const timer = setTimeout(
    () => connection.abort(new CodedError('PEER_CLOSED', 'the peer may no longer be connected')),
    LIMITS.closeGraceMs,
  )
  try {
    await connection.close({ signal: AbortSignal.timeout(LIMITS.closeGraceMs) })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new CodedError('PEER_CLOSED', 'the connection did not close'))
  }
  // An abort is followed by the event at once; a graceful close by the other side's answer, or by the timer's abort.
  await closed.promise
  clearTimeout(timer)
}
