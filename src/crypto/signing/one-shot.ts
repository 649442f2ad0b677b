import { CodedError, type PublicKey } from '../../base/index.ts'
import type { KeyPackage, NonceCommitment, PublicKeyPackage, Tweak } from '../types.ts'
import { freshNonces, type RNG, type SecretNonces } from './nonces.ts'
import { type Aggregate, type Commitments, SigningSession } from './signing-session.ts'

/** A fresh nonce pair of this member for one signature (R25). `rng` swaps the entropy, never the policy. */
export function commitNonces(
  key: KeyPackage,
  rng?: RNG,
): { readonly nonces: SecretNonces; readonly commitment: NonceCommitment } {
  const nonces = freshNonces(key.signingShare, rng)
  return { nonces, commitment: nonces.commitment }
}

/** `SigningSession.share` of a session that is opened for this one share. */
export function signShare(
  key: KeyPackage,
  nonces: SecretNonces,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
): Uint8Array {
  const opened = SigningSession.open(key.public, commitments, digest, tweak)
  if (!opened.ok)
    throw new CodedError('PACKAGE_INVALID', `the package can't be signed (${opened.fault.code}): ask for another`)
  return opened.session.share(key, nonces)
}

/** `SigningSession.verifyShare` of a session that is opened for this one share; false if there is none. */
export function verifyShare(
  pub: PublicKeyPackage,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
  member: PublicKey,
  share: Uint8Array,
): boolean {
  const opened = SigningSession.open(pub, commitments, digest, tweak)
  return opened.ok && opened.session.verifyShare(member, share)
}

/** `SigningSession.aggregate`; commitments that are no points name their authors. */
export function aggregate(
  pub: PublicKeyPackage,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
  shares: ReadonlyMap<PublicKey, Uint8Array>,
): Aggregate {
  const opened = SigningSession.open(pub, commitments, digest, tweak)
  if (opened.ok) return opened.session.aggregate(shares)
  return { ok: false, cheaters: opened.fault.code === 'bad_commitments' ? opened.fault.members : [] }
}
