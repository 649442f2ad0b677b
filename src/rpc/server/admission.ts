import type { PeerIdStr } from '../../base/index.ts'
import type { ErrorDetails, WireErrorCode } from '../wire/index.ts'
import type { ServerCore } from './core.ts'
import type { BoundMethod, DecodedCall } from './dispatch.ts'
import { wireFailure } from './failures.ts'

export interface Refusal {
  readonly code: WireErrorCode
  readonly details?: Partial<ErrorDetails>
  /** If the params could be read. */
  readonly call?: DecodedCall
}

/** The decoded request, or why it is not begun. `open` = unanswered requests of its stream. */
export function admit(
  core: ServerCore,
  peer: PeerIdStr,
  open: number,
  method: BoundMethod,
  params: Uint8Array,
): DecodedCall | Refusal {
  const early = refusalOf(core, peer, open, method, params)
  if (early !== undefined) return { code: early }
  let call: DecodedCall
  try {
    call = method.decode(params)
  } catch (error) {
    return wireFailure(error) ?? { code: 'INTERNAL' }
  }
  const late = laterRefusalOf(core, peer, method, call)
  return late === undefined ? call : { code: late, call }
}

/** What is known before the params are decoded. */
function refusalOf(
  { authorize, takeQuota, limits, running, clock, audit, hasRoom }: ServerCore,
  peer: PeerIdStr,
  open: number,
  { name, row, scope }: BoundMethod,
  params: Uint8Array,
): WireErrorCode | undefined {
  if (row.right === 'granted' && authorize(peer, name, scope) !== 'granted') return 'NOT_GRANTED'
  if (params.length > row.maxRequestBytes) return 'TOO_LARGE'
  if (open >= limits.maxInFlight) return 'OVERLOADED'
  if ((running.get(peer) ?? 0) >= limits.maxRunningPerPeer) return 'OVERLOADED'
  // One for the frame, so that decoding has its price, too; the other items are taken when they are known.
  if (!takeQuota(peer, row.quota, clock.now(), 1)) return 'OVERLOADED'
  // Signing with the other members goes on: it keeps no records for good, and much depends on it.
  if (row.audited && row.quota !== 'sign' && !hasRoom()) return 'OVERLOADED'
  // Nothing is done that could not be recorded afterwards.
  return row.audited && audit?.isFailing === true ? 'INTERNAL' : undefined
}

/** What only the params say. */
function laterRefusalOf(
  { authorize, takeQuota, takeDaily, clock }: ServerCore,
  peer: PeerIdStr,
  { name, row, isScopedByParams }: BoundMethod,
  { scope, items, cost }: DecodedCall,
): WireErrorCode | undefined {
  if ((isScopedByParams || scope.raw) && authorize(peer, name, scope) !== 'granted') return 'NOT_GRANTED'
  if (cost > 1 && !takeQuota(peer, row.quota, clock.now(), cost, 1)) return 'OVERLOADED'
  // What leaves lines and records behind, however slowly it comes.
  if (row.audited && !takeDaily(peer, row.quota, clock.now(), items)) return 'OVERLOADED'
  return undefined
}
