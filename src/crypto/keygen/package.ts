import {
  asGroupKey,
  concatBytes,
  equalBytes,
  fromHex,
  type PublicKey,
  toHex,
  u32be,
  zeroize,
} from '../../base/index.ts'
import { type Curve, curve, liftEven, parsePublicKey, taggedHash, xOnly } from '../../curve/index.ts'
import { identifierOf, parseIdentifier } from '../identifier.ts'
import { add, mul, neg, reduced, toScalarBytes } from '../public-scalars.ts'
import type { KeyPackage, PublicKeyPackage } from '../types.ts'
import type { KeygenGroup, RawKey } from './types.ts'

/** On-chain aggregate key of a package: the point of even Y (R2). */
export const aggregatePublicKey = (pub: PublicKeyPackage): PublicKey => parsePublicKey(liftEven(fromHex(pub.groupKey)))

/**
 * A raw key with its members named, and the group key of even Y: the chain and BIP340 know only x, so the whole package
 * is negated where Y is odd, once and for all. Takes over `raw.signingShare`.
 */
export function packageOf(group: KeygenGroup, owner: PublicKey, raw: RawKey): KeyPackage {
  const P = at(raw.commitments, 0)
  const odd = P[0] === 0x03
  const even = (point: Uint8Array) => (odd ? curve.negatePoint(point) : Uint8Array.from(point))
  const verifyingShares = new Map(
    group.members.map((m) => {
      const share = raw.verifyingShares.get(identifierOf(m))
      if (share === undefined) throw new TypeError('raw key: a member has no verifying share')
      return [m, even(share)] as const
    }),
  )
  const signingShare = odd ? negated(raw.signingShare, curve) : raw.signingShare
  return {
    owner,
    signingShare,
    public: {
      threshold: group.threshold,
      members: [...group.members],
      commitments: raw.commitments.map(even),
      verifyingShares,
      groupKey: asGroupKey(toHex(xOnly(P))),
    },
  }
}

/** What contradicts itself in a package, as one sentence; undefined if it is whole. Points are checked before anything else. */
export function defectOf(key: KeyPackage, port: Curve = curve): string | undefined {
  const pub = key.public
  if (pub.threshold < 2 || pub.threshold > pub.members.length) return 'threshold: expected 2 to the number of members'
  if (pub.members.some((m, i) => i > 0 && (pub.members[i - 1] ?? '') >= m)) return 'members: not sorted, or doubled'
  if (!pub.members.every((m) => port.isPoint(fromHex(m)))) return 'members: not a public key'
  if (pub.commitments.length !== pub.threshold) return 'commitments: expected as many as the threshold'
  const shares = pub.members.map((m) => pub.verifyingShares.get(m) ?? new Uint8Array(0))
  if (![...pub.commitments, ...shares].every(port.isPoint)) return 'commitments or verifying shares: not a point'
  const P = at(pub.commitments, 0)
  if (P[0] !== 0x02 || toHex(xOnly(P)) !== pub.groupKey) return 'group key: not the first commitment with even Y'
  if (pub.verifyingShares.size !== shares.length || !onPolynomial(pub, shares, port))
    return 'verifying shares: not those of the commitments'
  const own = pub.verifyingShares.get(key.owner)
  if (own === undefined) return 'owner: not a member'
  return isShareOf(own, key.signingShare, port) ? undefined : 'signing share: not that of its verifying share'
}

/** −s; s is zeroed. */
function negated(secret: Uint8Array, port: Curve): Uint8Array {
  const negative = port.negateScalar(secret)
  zeroize(secret)
  return negative
}

const isShareOf = (verifyingShare: Uint8Array, signingShare: Uint8Array, port: Curve): boolean =>
  port.isSecret(signingShare) && equalBytes(port.publicKeyOf(signingShare), verifyingShare)

/**
 * Vᵢ = Σₖ Cₖ·xᵢᵏ for every member, as one sum: Σᵢ rᵢ·Vᵢ = Σₖ (Σᵢ rᵢ·xᵢᵏ)·Cₖ with weights that hash the whole claim,
 * so it takes n + t multiplications of public values instead of n·t.
 */
function onPolynomial(pub: PublicKeyPackage, shares: readonly Uint8Array[], port: Curve): boolean {
  const claim = taggedHash('countersign/verifying-shares', ...pub.commitments, ...shares)
  const weights = shares.map((_, i) => reduced(taggedHash('countersign/weight', concatBytes(claim, u32be(i)))))
  const xs = pub.members.map((m) => parseIdentifier(identifierOf(m)).scalar)
  let powers: readonly bigint[] = weights // rᵢ·xᵢᵏ
  const forCommitments = pub.commitments.map((point) => {
    const total = powers.reduce(add)
    powers = powers.map((p, i) => mul(p, xs[i] ?? 0n))
    return { scalar: toScalarBytes(neg(total)), point }
  })
  const forShares = shares.map((point, i) => ({ scalar: toScalarBytes(weights[i] ?? 0n), point }))
  return port.linearCombination([...forShares, ...forCommitments]) === undefined
}

function at(points: readonly Uint8Array[], index: number): Uint8Array {
  const point = points[index]
  if (point === undefined) throw new TypeError('key package: no commitments')
  return point
}
