import type { Connection } from '@libp2p/interface'
import { CodedError, LIMITS } from '../base/index.ts'

/** An abort is followed by the event at once; beyond this the library has lost the event, and nobody shall wait for it. */
const GIVE_UP_MS = 2 * LIMITS.closeGraceMs

/** Closes connections, politely for `LIMITS.closeGraceMs`, then not. Resolves with how many there were, when all are closed. */
export async function closeConnections(connections: readonly Connection[]): Promise<number> {
  await Promise.all(connections.map(closeOne))
  return connections.length
}

async function closeOne(connection: Connection): Promise<void> {
  if (connection.status !== 'open' && connection.status !== 'closing') return
  const closed = Promise.withResolvers<void>()
  connection.addEventListener('close', () => closed.resolve(), { once: true })
  const abort = () => connection.abort(new CodedError('PEER_CLOSED', 'the peer may no longer be connected'))
  const timers = [setTimeout(abort, LIMITS.closeGraceMs), setTimeout(closed.resolve, GIVE_UP_MS)]
  connection.close({ signal: AbortSignal.timeout(LIMITS.closeGraceMs) }).catch(abort)
  await closed.promise
  for (const timer of timers) clearTimeout(timer)
}
