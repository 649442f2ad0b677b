import type { PublicKey } from '../../base/index.ts'
import { busyMembers, declinedIn, membersOut } from './coordinator.ts'
import { type KnownRound, unheard } from './known.ts'
import type { SignEffect, SignFailed } from './types.ts'

/** What is told of a round that came to nothing: who said nothing, who declined, who cheated. `self` is never named as missing. */
export function failedRound(r: KnownRound, code: SignFailed['code'], self: PublicKey): SignEffect {
  const { round, request, coordinator } = r
  const begun = { requestId: request.requestId, unreliable: coordinator ? membersOut(coordinator, 'unreliable') : [] }
  const cheaters = coordinator ? membersOut(coordinator, 'cheated') : []
  const owing = coordinator ? busyMembers(coordinator) : []
  const missing = new Set([...unheard(r), ...owing].filter((m) => m !== self && !cheaters.includes(m)))
  const declined = new Map([...r.declined, ...(coordinator ? declinedIn(coordinator) : [])])
  return { kind: 'failed', round, code, missing: [...missing], cheaters, declined, begun }
}
