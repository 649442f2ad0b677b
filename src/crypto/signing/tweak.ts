import { zeroize } from '../../base/index.ts'
import { type Curve, curve, taggedHash, xOnly } from '../../curve/index.ts'
import { neg, reduced } from '../public-scalars.ts'
import type { Tweak } from '../types.ts'

/** Public half of a key as the library wants it: members by identifier. */
export interface FrostPublic {
  readonly signers: { readonly min: number; readonly max: number }
  readonly commitments: Uint8Array[]
  readonly verifyingShares: Record<string, Uint8Array>
}
export interface FrostSecret {
  readonly identifier: string
  readonly signingShare: Uint8Array
}

const EMPTY = new Uint8Array(0)
const MINUS_ONE = neg(1n)

/** True for what BIP341 knows: no tweak, the empty root, or a root of 32 bytes. */
export const isTweak = (tweak: Tweak): boolean =>
  tweak.kind === 'none' || tweak.merkleRoot === null || tweak.merkleRoot.length === 32

/**
 * t = int(H_TapTweak(x(P) ‖ root)), 32 bytes (BIP341). A hash beyond the group order is refused by the curve port's
 * arithmetic with TypeError, as the BIP asks; nobody can make one.
 */
export function tweakScalar(internal: Uint8Array, merkleRoot: Uint8Array | null): Uint8Array {
  if (merkleRoot !== null && merkleRoot.length !== 32) throw new TypeError('merkle root: expected 32 bytes')
  return taggedHash('TapTweak', xOnly(internal), merkleRoot ?? EMPTY)
}

const isOdd = (point: Uint8Array): boolean => point[0] === 0x03
const evenIf = (odd: boolean, point: Uint8Array, port: Curve): Uint8Array => (odd ? port.negatePoint(point) : point)

/** ±P + T. Nobody can make it the point at infinity: t is a hash of P. */
function moved(odd: boolean, point: Uint8Array, T: Uint8Array, port: Curve): Uint8Array {
  const sum = port.sumPoints([evenIf(odd, point, port), T])
  if (sum === undefined) throw new TypeError('tweak: the point at infinity')
  return sum
}

/** Q as a point of either parity; for `none` the group key as it stands. */
export function tweakPoint(groupKey: Uint8Array, tweak: Tweak, port: Curve = curve): Uint8Array {
  if (tweak.kind === 'none') return groupKey
  const t = tweakScalar(groupKey, tweak.merkleRoot)
  return moved(isOdd(groupKey), groupKey, port.publicKeyOf(t), port) // P_even + t·G
}

/** What a session signs under: x(Q), and how a member's share s becomes one of the even Q: sign·s + offset, both public. */
export interface SigningKey {
  /** 32 bytes. */
  readonly xOnly: Uint8Array
  /** 1 or −1 modulo the order. */
  readonly sign: bigint
  readonly offset: bigint
}

/** undefined for a tweak that BIP341 doesn't know. `groupKey` is a point of either parity. */
export function signingKeyOf(groupKey: Uint8Array, tweak: Tweak, port: Curve): SigningKey | undefined {
  const first = isOdd(groupKey) ? MINUS_ONE : 1n
  if (tweak.kind === 'none') return { xOnly: xOnly(groupKey), sign: first, offset: 0n }
  if (!isTweak(tweak)) return undefined
  const t = tweakScalar(groupKey, tweak.merkleRoot)
  if (!port.isSecret(t)) return undefined // beyond the order: no such tweak (BIP341)
  const Q = moved(isOdd(groupKey), groupKey, port.publicKeyOf(t), port)
  const second = isOdd(Q) ? MINUS_ONE : 1n
  return { xOnly: xOnly(Q), sign: first === second ? 1n : MINUS_ONE, offset: isOdd(Q) ? neg(reduced(t)) : reduced(t) }
}

/**
 * The package under the tweaked key. BIP341 tweaks the even form of P, so an odd group key is negated first with every
 * share; adding t to the constant term of the joint polynomial then adds t·G to each verifying share and to [0] alone.
 */
export function tweakPublic(pub: FrostPublic, tweak: Tweak, port: Curve = curve): FrostPublic {
  if (tweak.kind === 'none') return pub
  const P = groupPoint(pub)
  const odd = isOdd(P)
  const T = port.publicKeyOf(tweakScalar(P, tweak.merkleRoot)) // t·G
  return {
    signers: pub.signers,
    commitments: pub.commitments.map((c, i) =>
      i === 0 ? moved(odd, c, T, port) : Uint8Array.from(evenIf(odd, c, port)),
    ),
    verifyingShares: Object.fromEntries(
      Object.entries(pub.verifyingShares).map(([id, v]) => [id, moved(odd, v, T, port)]),
    ),
  }
}

/** The secret share under the tweaked key: a fresh copy that its maker zeroes. */
export function tweakSecret(secret: FrostSecret, pub: FrostPublic, tweak: Tweak, port: Curve = curve): FrostSecret {
  const share = Uint8Array.from(secret.signingShare)
  if (tweak.kind === 'none') return { identifier: secret.identifier, signingShare: share }
  const P = groupPoint(pub)
  const t = tweakScalar(P, tweak.merkleRoot)
  const even = isOdd(P) ? port.negateScalar(share) : share
  const signingShare = port.addScalars(even, t)
  zeroize(share, even)
  return { identifier: secret.identifier, signingShare }
}

function groupPoint(pub: FrostPublic): Uint8Array {
  const point = pub.commitments[0]
  if (point === undefined) throw new TypeError('public key package has no commitments')
  return point
}
