import { asGroupKey, fromHex, type PublicKey, toHex } from '../../base/index.ts'
import { curve, xOnly } from '../../curve/index.ts'
import { identifierOf } from '../identifier.ts'
import type { PublicKeyPackage } from '../types.ts'

/** vᵢ·G of a member on the joint polynomial: Σₖ xᵏ·Cₖ, 33 bytes. undefined if a commitment is no point, or the sum is none. */
export function verifyingShareOf(member: PublicKey, commitments: readonly Uint8Array[]): Uint8Array | undefined {
  if (commitments.length === 0 || !commitments.every(curve.isPoint)) return undefined
  const x = fromHex(identifierOf(member))
  let power: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0))
  const terms = commitments.map((point) => {
    const scalar = power
    power = curve.mulScalars(power, x)
    return { scalar, point }
  })
  return curve.linearCombination(terms)
}

/**
 * A public package that is good for judging shares of `member`, and of nobody else: the verifying shares of the others are not
 * worked out, for their multiplications would cost seconds in a large set. undefined if there can be no such key.
 */
export function packageToJudge(
  member: PublicKey,
  members: readonly PublicKey[],
  commitments: readonly Uint8Array[],
): PublicKeyPackage | undefined {
  const share = verifyingShareOf(member, commitments)
  const point = commitments[0]
  if (share === undefined || point?.[0] !== 0x02) return undefined
  return {
    threshold: commitments.length,
    members,
    commitments,
    verifyingShares: new Map(members.map((m) => [m, share])),
    groupKey: asGroupKey(toHex(xOnly(point))),
  }
}
