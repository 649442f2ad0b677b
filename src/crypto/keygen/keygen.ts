import type { PublicKey } from '../../base/index.ts'
import { identifierOf } from '../identifier.ts'
import type { KeyPackage } from '../types.ts'
import { Dealer } from './dealer.ts'
import { faultOfDealing, shareMatches } from './dealing.ts'
import { packageOf } from './package.ts'
import type { Dealing, DealingFault, Identifier, KeygenGroup, Rng } from './types.ts'

export type CheckedDealings =
  | { readonly ok: true }
  | { readonly ok: false; readonly faults: ReadonlyMap<PublicKey, DealingFault> }
export type CombinedKey =
  | { readonly ok: true; readonly key: KeyPackage }
  /** Members whose share contradicts their dealing; empty if the dealings cancel out and nobody can be named. */
  | { readonly ok: false; readonly badShares: readonly PublicKey[]; readonly vanishing: readonly PublicKey[] }

/** A fresh polynomial of this member. Throws TypeError on a group that can't be one. */
export function dealerFor(group: KeygenGroup, self: PublicKey, rng?: Rng): Dealer {
  if (!group.members.includes(self)) throw new TypeError('keygen: this node is not a member of the group')
  if (new Set(group.members).size !== group.members.length) throw new TypeError('keygen: a member is listed twice')
  return new Dealer(identifierOf(self), group.members.length, group.threshold, rng)
}

/** The dealer's secret share for a member, 32 bytes; the caller zeroes them. */
export const shareFor = (dealer: Dealer, receiver: PublicKey): Uint8Array => dealer.shareFor(identifierOf(receiver))

/** Checks the dealings of all other members at once, and names who is at fault. */
export function checkDealings(dealer: Dealer, others: ReadonlyMap<PublicKey, Dealing>): CheckedDealings {
  const checked = dealer.check(byIdentifier(others))
  if (checked.ok) return checked
  return { ok: false, faults: new Map(named(others, (id) => checked.faults.get(id))) }
}

/** Is `share` what that dealing owes the receiver? */
export const shareMatchesDealing = (receiver: PublicKey, dealing: Dealing, share: Uint8Array): boolean =>
  shareMatches(identifierOf(receiver), dealing, share)

/** This member's key from checked dealings and the shares it was dealt. The group key is R2's, with even Y. */
export function combineShares(
  group: KeygenGroup,
  self: PublicKey,
  dealer: Dealer,
  others: ReadonlyMap<PublicKey, Dealing>,
  shares: ReadonlyMap<PublicKey, Uint8Array>,
): CombinedKey {
  const combined = dealer.combine(byIdentifier(others), byIdentifier(shares))
  if (combined.ok) return { ok: true, key: packageOf(group, self, combined.key) }
  const named = (ids: readonly Identifier[]) => group.members.filter((m) => ids.includes(identifierOf(m)))
  return { ok: false, badShares: named(combined.badShares), vanishing: named(combined.vanishing) }
}

const byIdentifier = <T>(map: ReadonlyMap<PublicKey, T>): ReadonlyMap<Identifier, T> =>
  new Map([...map].map(([m, v]) => [identifierOf(m), v]))

function named<T>(
  members: ReadonlyMap<PublicKey, unknown>,
  find: (id: Identifier) => T | undefined,
): (readonly [PublicKey, T])[] {
  return [...members.keys()].flatMap((m) => {
    const found = find(identifierOf(m))
    return found === undefined ? [] : [[m, found] as const]
  })
}

/** What is wrong with a member's dealing as such, or undefined. */
export const dealingFaultOf = (dealer: PublicKey, threshold: number, dealing: Dealing): DealingFault | undefined =>
  faultOfDealing(identifierOf(dealer), threshold, dealing)
