/** The same work by `@noble/curves` alone, as its documentation has it: what our figures are held against. */
import type { DKG_Round1, DKG_Round2, FrostPublic, NonceCommitments } from '@noble/curves/abstract/frost.js'
import { schnorr_FROST } from '@noble/curves/secp256k1.js'

const { DKG } = schnorr_FROST

/** Checks every share singly, then aggregates, which verifies the sum. */
export function verifyAndAggregate(
  pub: FrostPublic,
  commitments: NonceCommitments[],
  digest: Uint8Array,
  shares: Readonly<Record<string, Uint8Array>>,
): Uint8Array {
  for (const [id, share] of Object.entries(shares))
    if (!schnorr_FROST.verifyShare(pub, commitments, digest, id, share)) throw new Error('baseline: a share is wrong')
  return schnorr_FROST.aggregate(pub, commitments, digest, { ...shares })
}

export interface NobleGroup {
  readonly ids: readonly string[]
  readonly signers: { readonly min: number; readonly max: number }
  /** Everyone's dealing but the first's, and what they deal to the first. */
  readonly others: DKG_Round1[]
  readonly shares: DKG_Round2[]
}

/** A group whose first member is the one measured. The others' shares come from round 2 of a dealer that knows all. */
export function dealtGroup(min: number, max: number): NobleGroup {
  const ids = Array.from({ length: max }, (_, i) => schnorr_FROST.Identifier.fromNumber(i + 1))
  const { Fn } = schnorr_FROST.utils
  const signers = { min, max }
  const dealt = ids.slice(1).map((id) => DKG.round1(id, signers))
  // Horner at 1: round 2 of every dealer would check everyone else's proof first.
  const shares = dealt.map(({ public: { identifier }, secret }) => ({
    identifier,
    signingShare: Uint8Array.from(Fn.toBytes((secret.coefficients ?? []).reduce((a, c) => Fn.add(a, c), Fn.ZERO))),
  }))
  return { ids, signers, others: dealt.map((d) => d.public), shares }
}

/** All that one participant computes. */
export function keygen({ ids, signers, others, shares }: NobleGroup): Uint8Array {
  const { secret } = DKG.round1(ids[0] ?? '', signers)
  DKG.round2(secret, others)
  const key = DKG.round3(secret, others, shares)
  return key.public.commitments[0] ?? new Uint8Array()
}
