import { asGroupKey, CodedError, type PublicKey, toHex } from '../../base/index.ts'
import { xOnly } from '../../curve/index.ts'
import { identifierOf } from '../identifier.ts'
import type { KeyPackage, NonceCommitment, PublicKeyPackage, Tweak } from '../types.ts'
import * as frost from './frost.ts'
import type { SecretNonces } from './nonces.ts'
import { type FrostPublic, tweakPoint, tweakPublic, tweakSecret } from './tweak.ts'

export type Commitments = ReadonlyMap<PublicKey, NonceCommitment>
export type Aggregate =
  | { readonly ok: true; readonly signature: Uint8Array }
  /** Members whose commitment or share was provably wrong; empty if the inputs don't belong together. */
  | { readonly ok: false; readonly cheaters: readonly PublicKey[] }

/** A fresh nonce pair of this member for one signature (R25). `rng` swaps the entropy, never the policy. */
export function commitNonces(
  key: KeyPackage,
  rng?: frost.RNG,
): { readonly nonces: SecretNonces; readonly commitment: NonceCommitment } {
  const nonces = frost.commit({ identifier: identifierOf(key.owner), signingShare: key.signingShare }, rng)
  return { nonces, commitment: nonces.commitment }
}

/**
 * This member's signature share, Uint8Array(32). `commitments` are those of the whole package, ours among them as we
 * published it. Takes the nonces and zeroes them. Throws CodedError `NONCE_SPENT`, or `PACKAGE_INVALID` with the pair unspent.
 */
export function signShare(
  key: KeyPackage,
  nonces: SecretNonces,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
): Uint8Array {
  const list = listOf(key.public, commitments)
  if (list === undefined || digest.length !== 32)
    throw new CodedError(
      'PACKAGE_INVALID',
      'the package names somebody who is no member, or its digest is not 32 bytes',
    )
  const secret = { identifier: identifierOf(key.owner), signingShare: key.signingShare }
  return frost.share(secret, publicOf(key.public, commitments), nonces, list, digest, tweak)
}

/** Is `share` what `member` owes for this package? False for anything malformed; never throws for it. */
export function verifyShare(
  pub: PublicKeyPackage,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
  member: PublicKey,
  share: Uint8Array,
): boolean {
  const list = listOf(pub, commitments)
  if (list === undefined || !commitments.has(member)) return false
  return frost.verifyShare(publicOf(pub, commitments), list, digest, tweak, identifierOf(member), share)
}

/** The BIP340 signature (64 bytes) under the tweaked group key, or who spoiled it. Never throws for what peers sent. */
export function aggregate(
  pub: PublicKeyPackage,
  commitments: Commitments,
  digest: Uint8Array,
  tweak: Tweak,
  shares: ReadonlyMap<PublicKey, Uint8Array>,
): Aggregate {
  const list = listOf(pub, commitments)
  if (list === undefined || [...shares.keys()].some((m) => !commitments.has(m))) return { ok: false, cheaters: [] }
  const byIdentifier = Object.fromEntries([...shares].map(([m, s]) => [identifierOf(m), s]))
  const made = frost.aggregate(publicOf(pub, commitments), list, digest, tweak, byIdentifier)
  if (made.ok) return made
  return { ok: false, cheaters: [...commitments.keys()].filter((m) => made.cheaters.includes(identifierOf(m))) }
}

/** x-only key that signatures under `tweak` verify with, Uint8Array(32). Throws TypeError on a root that is not 32 bytes. */
export function tweakedPublicKey(pub: PublicKeyPackage, tweak: Tweak): Uint8Array {
  const point = pub.commitments[0]
  if (point === undefined) throw new TypeError('public key package has no commitments')
  return Uint8Array.from(xOnly(tweakPoint(point, tweak)))
}

/** The same member's key material under Q: share, verifying shares and the joint polynomial's constant term moved by t (BIP341). */
export function tweakKeyPackage(key: KeyPackage, tweak: Tweak): KeyPackage {
  const secret = { identifier: identifierOf(key.owner), signingShare: key.signingShare }
  const pub = allOf(key.public)
  const tweaked = tweakPublic(pub, tweak)
  const entries = key.public.members.map((m) => [m, tweaked.verifyingShares[identifierOf(m)]] as const)
  return {
    owner: key.owner,
    signingShare: tweakSecret(secret, pub, tweak).signingShare,
    public: {
      threshold: key.public.threshold,
      members: key.public.members,
      commitments: tweaked.commitments,
      verifyingShares: new Map(entries.flatMap(([m, v]) => (v === undefined ? [] : [[m, v] as const]))),
      groupKey: asGroupKey(toHex(tweakedPublicKey(key.public, tweak))),
    },
  }
}

/** undefined if somebody in it is not a member. */
function listOf(pub: PublicKeyPackage, commitments: Commitments): readonly frost.NonceCommitments[] | undefined {
  const list: frost.NonceCommitments[] = []
  for (const [member, c] of commitments) {
    if (!pub.verifyingShares.has(member)) return undefined
    list.push({ ...c, identifier: identifierOf(member) })
  }
  return list
}

/** What one session needs: the group key and the signers' verifying shares. The rest would only be parsed and negated for nothing. */
function publicOf(pub: PublicKeyPackage, commitments: Commitments): FrostPublic {
  return packageOf(pub, pub.commitments.slice(0, 1), [...commitments.keys()])
}
const allOf = (pub: PublicKeyPackage): FrostPublic => packageOf(pub, pub.commitments, pub.members)

function packageOf(
  pub: PublicKeyPackage,
  commitments: readonly Uint8Array[],
  members: readonly PublicKey[],
): FrostPublic {
  const verifyingShares: Record<string, Uint8Array> = {}
  for (const member of members) {
    const share = pub.verifyingShares.get(member)
    if (share !== undefined) verifyingShares[identifierOf(member)] = share
  }
  return { signers: { min: pub.threshold, max: pub.members.length }, commitments: [...commitments], verifyingShares }
}
