import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { CodedError, equalBytes, zeroize } from '../../base/index.ts'
import { curve } from '../../curve/index.ts'
import type { NonceCommitment, Tweak } from '../types.ts'
import { SecretNonces } from './nonces.ts'
import { type FrostPublic, type FrostSecret, isTweak, tweakPublic, tweakSecret } from './tweak.ts'

/** A commitment and whose it is, as the library wants it. */
export interface NonceCommitments extends NonceCommitment {
  readonly identifier: string
}
/** Source of random bytes. */
export type RNG = (lengthBytes?: number) => Uint8Array

/**
 * FROST(secp256k1, SHA-256) with taproot output over identifiers as FROST knows them; `session.ts` speaks of members.
 * The one adapter around the library: what it throws ends here.
 */
export type AggregateByIdentifier =
  | { readonly ok: true; readonly signature: Uint8Array }
  | { readonly ok: false; readonly cheaters: readonly string[] }

/** RFC 9591 §5.1 `commit`: nonces hedged with the signing share, so a weak generator alone does not reveal it (R25). */
export function commit(secret: FrostSecret, rng?: RNG): SecretNonces {
  const made = schnorr_FROST.commit(secret, rng)
  const { hiding, binding } = made.commitments
  return new SecretNonces(made.nonces.hiding, made.nonces.binding, { hiding, binding })
}

/**
 * RFC 9591 §5.2 `sign`. Everything is validated before the pair is taken: a refused package leaves it unspent (R25).
 * Throws `NONCE_SPENT`, and `PACKAGE_INVALID` for commitments nobody could have made honestly.
 */
export function share(
  secret: FrostSecret,
  pub: FrostPublic,
  nonces: SecretNonces,
  list: readonly NonceCommitments[],
  message: Uint8Array,
  tweak: Tweak,
): Uint8Array {
  const mine = list.find((c) => c.identifier === secret.identifier)
  if (mine === undefined || !sameCommitment(mine, nonces.commitment))
    throw new CodedError('PACKAGE_INVALID', 'the package does not hold our own commitment as we made it')
  if (!isListFor(pub, list) || !isTweak(tweak))
    throw new CodedError('PACKAGE_INVALID', 'the package has malformed, doubled, too few or too many commitments')
  const tweaked = tweakSecret(secret, pub, tweak)
  const taken = nonces.take()
  try {
    return schnorr_FROST.signShare(tweaked, tweakPublic(pub, tweak), taken, [...list], message)
  } finally {
    zeroize(taken.hiding, taken.binding, tweaked.signingShare)
  }
}

/** RFC 9591 §5.4 `verify_signature_share`. False for anything malformed. */
export function verifyShare(
  pub: FrostPublic,
  list: readonly NonceCommitments[],
  message: Uint8Array,
  tweak: Tweak,
  identifier: string,
  signatureShare: Uint8Array,
): boolean {
  if (!isListFor(pub, list) || !isTweak(tweak)) return false
  try {
    return schnorr_FROST.verifyShare(tweakPublic(pub, tweak), [...list], message, identifier, signatureShare)
  } catch {
    return false
  }
}

/**
 * RFC 9591 §5.3 `aggregate`: the sum is verified first, single shares only if it fails. `cheaters` is empty where nobody
 * can be named: shares and commitments that don't belong together are the caller's doing.
 */
export function aggregate(
  pub: FrostPublic,
  list: readonly NonceCommitments[],
  message: Uint8Array,
  tweak: Tweak,
  shares: Readonly<Record<string, Uint8Array>>,
): AggregateByIdentifier {
  const malformed = list.filter((c) => !isNonceCommitment(c) || !isShare(shares[c.identifier])).map((c) => c.identifier)
  if (malformed.length > 0) return { ok: false, cheaters: malformed }
  if (!isListFor(pub, list) || !isTweak(tweak)) return { ok: false, cheaters: [] }
  try {
    return {
      ok: true,
      signature: schnorr_FROST.aggregate(tweakPublic(pub, tweak), [...list], message, { ...shares }),
    }
  } catch (error) {
    return { ok: false, cheaters: cheatersOf(error) }
  }
}

/** Two points of 33 bytes, neither the identity (RFC 9591 §3.1). */
export const isNonceCommitment = (c: NonceCommitment): boolean => curve.isPoint(c.hiding) && curve.isPoint(c.binding)

export const sameCommitment = (a: NonceCommitment, b: NonceCommitment): boolean =>
  equalBytes(a.hiding, b.hiding) && equalBytes(a.binding, b.binding)

/** 32 bytes of a canonical scalar; zero is one (RFC 9591 has no rule against it). */
function isShare(share: Uint8Array | undefined): boolean {
  return share?.length === 32 && (curve.isSecret(share) || share.every((b) => b === 0))
}

/** Between t and n commitments, one per known identifier. */
function isListFor(pub: FrostPublic, list: readonly NonceCommitments[]): boolean {
  return (
    list.length >= pub.signers.min &&
    list.length <= pub.signers.max &&
    new Set(list.map((c) => c.identifier)).size === list.length &&
    list.every((c) => Object.hasOwn(pub.verifyingShares, c.identifier) && isNonceCommitment(c))
  )
}

/** The library's error class is not exported; its field is. */
function cheatersOf(error: unknown): readonly string[] {
  if (!(error instanceof Error) || !('cheaters' in error) || !Array.isArray(error.cheaters)) return []
  return error.cheaters.filter((id) => typeof id === 'string')
}
