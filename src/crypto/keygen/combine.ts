import { equalBytes, zeroize } from '../../base/index.ts'
import type { Curve } from '../../curve/index.ts'
import { parseIdentifier } from '../identifier.ts'
import { tweakPublic, tweakSecret } from '../signing/tweak.ts'
import type { Tweak } from '../types.ts'
import { evaluateInExponent } from './polynomial.ts'
import type { Dealing, Identifier, RawKey } from './types.ts'

/** R2: as `frost-secp256k1-tr` does. The sum before it lives in this file only. */
const EMPTY_ROOT: Tweak = { kind: 'key', merkleRoot: null }

/** `sums` is undefined if a rushing dealer made one of them cancel out. */
export type JointCommitments =
  | { readonly wellFormed: true; readonly sums: readonly Uint8Array[] | undefined }
  | { readonly wellFormed: false }

/** Commitments to the joint polynomial before R2's tweak. Not well-formed: one dealing has too many or too few, or something is no point. */
export function jointCommitments(dealings: readonly Dealing[], threshold: number, port: Curve): JointCommitments {
  if (dealings.some((d) => d.commitments.length !== threshold)) return { wellFormed: false }
  const columns = Array.from({ length: threshold }, (_, k) => dealings.flatMap((d) => d.commitments[k] ?? []))
  try {
    const sums = columns.map(port.sumPoints)
    const finite = sums.filter((p) => p !== undefined)
    return { wellFormed: true, sums: finite.length === threshold ? finite : undefined }
  } catch (error) {
    if (error instanceof TypeError) return { wellFormed: false }
    throw error
  }
}

/**
 * The key of `members` out of the sums of their commitments, and the share that `shares` of all of them give `owner`. undefined
 * if these contradict each other, or if something in the key is the point at infinity. Does not zero the shares.
 */
export function jointKey(
  owner: Identifier,
  members: readonly Identifier[],
  sums: readonly Uint8Array[],
  shares: readonly Uint8Array[],
  port: Curve,
): RawKey | undefined {
  const plain = { signers: { min: sums.length, max: members.length }, commitments: [...sums], verifyingShares: {} }
  const { commitments } = tweakPublic(plain, EMPTY_ROOT, port)
  const verifyingShares = new Map<Identifier, Uint8Array>()
  for (const id of members) {
    const share = evaluateInExponent(commitments, parseIdentifier(id).scalar, port)
    if (share === undefined) return undefined
    verifyingShares.set(id, share)
  }
  const sum = sumOfSecrets(shares, port)
  const { signingShare } = tweakSecret({ identifier: owner, signingShare: sum }, plain, EMPTY_ROOT, port)
  zeroize(sum)
  const own = verifyingShares.get(owner)
  if (own !== undefined && port.isSecret(signingShare) && equalBytes(port.publicKeyOf(signingShare), own))
    return { commitments, verifyingShares, signingShare }
  zeroize(signingShare)
  return undefined
}

/**
 * Whose verifying share would be the point at infinity in the key of these sums: a share of zero. Whoever deals last can give
 * itself one. To give one to somebody else it takes what others dealt to that member, which `threshold` members together know.
 */
export function vanishingIn(
  members: readonly Identifier[],
  sums: readonly Uint8Array[],
  port: Curve,
): readonly Identifier[] {
  const plain = { signers: { min: sums.length, max: members.length }, commitments: [...sums], verifyingShares: {} }
  const { commitments } = tweakPublic(plain, EMPTY_ROOT, port)
  return members.filter((id) => evaluateInExponent(commitments, parseIdentifier(id).scalar, port) === undefined)
}

function sumOfSecrets(secrets: readonly Uint8Array[], port: Curve): Uint8Array {
  return secrets.reduce((sum, secret) => {
    const next = port.addScalars(sum, secret)
    zeroize(sum)
    return next
  }, new Uint8Array(32))
}
