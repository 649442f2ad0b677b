import { type PublicKey, zeroize } from '../../base/index.ts'
import { type Curve, curve } from '../../curve/index.ts'
import { identifierOf } from '../identifier.ts'
import type { KeyPackage } from '../types.ts'
import { jointCommitments, jointKey, vanishingIn } from './combine.ts'
import { faultOfDealing, faultOfProof, shareMatches } from './dealing.ts'
import { packageOf } from './package.ts'
import type { Dealing, DealingFault, KeygenGroup } from './types.ts'

/** All that a member's key is made of, as data: for whoever makes it on another thread. */
export interface KeyMaterial {
  readonly group: KeygenGroup
  readonly self: PublicKey
  /** In the order of the members, this one's own among them. */
  readonly dealings: readonly Dealing[]
  /** What each member dealt to this one, its own among them: 32 secret bytes per member in their order, zeroed by `makeKey`. */
  readonly shares: Uint8Array
}

export type MadeKey =
  | { readonly kind: 'key'; readonly key: KeyPackage }
  | { readonly kind: 'bad_dealings'; readonly faults: ReadonlyMap<PublicKey, DealingFault> }
  | { readonly kind: 'bad_shares'; readonly members: readonly PublicKey[] }
  /** The dealings cancel out. `vanishing`: whose share would be zero; empty if it is not that. */
  | { readonly kind: 'unusable'; readonly vanishing: readonly PublicKey[] }

const SHARE_BYTES = 32

/** `checkDealings` and `combineShares` in one, without the polynomial: the same checks, the same key. Throws what `port` throws. */
export function makeKey({ group, self, dealings, shares }: KeyMaterial, port: Curve = curve): MadeKey {
  try {
    const { members, threshold } = group
    const joint = jointCommitments(dealings, threshold, port)
    const faults = new Map<PublicKey, DealingFault>()
    for (const [member, dealing] of byMember(members, dealings)) {
      if (member === self) continue
      const id = identifierOf(member)
      const fault = joint.wellFormed ? faultOfProof(id, dealing, port) : faultOfDealing(id, threshold, dealing, port)
      if (fault !== undefined) faults.set(member, fault)
    }
    if (faults.size > 0) return { kind: 'bad_dealings', faults }
    const parts = members.map((_, i) => shares.subarray(SHARE_BYTES * i, SHARE_BYTES * (i + 1)))
    if (
      joint.wellFormed &&
      joint.sums !== undefined &&
      parts.every((s) => s.length === SHARE_BYTES && port.isSecret(s))
    ) {
      const raw = jointKey(identifierOf(self), members.map(identifierOf), joint.sums, parts, port)
      if (raw !== undefined) return { kind: 'key', key: packageOf(group, self, raw) }
    }
    const bad = byMember(members, dealings).filter(
      ([member, d], i) => member !== self && !shareMatches(identifierOf(self), d, parts[i] ?? NONE, port),
    )
    if (bad.length > 0) return { kind: 'bad_shares', members: bad.map(([member]) => member) }
    const ids =
      joint.wellFormed && joint.sums !== undefined ? vanishingIn(members.map(identifierOf), joint.sums, curve) : []
    return { kind: 'unusable', vanishing: members.filter((m) => ids.includes(identifierOf(m))) }
  } finally {
    zeroize(shares)
  }
}

const NONE = new Uint8Array(0)

function byMember(
  members: readonly PublicKey[],
  dealings: readonly Dealing[],
): readonly (readonly [PublicKey, Dealing])[] {
  if (dealings.length !== members.length) throw new TypeError('keygen: expected a dealing of every member')
  return members.flatMap((m, i) => {
    const dealing = dealings[i]
    return dealing === undefined ? [] : [[m, dealing] as const]
  })
}
