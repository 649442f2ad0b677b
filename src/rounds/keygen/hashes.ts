import {
  asTranscriptHash,
  concatBytes,
  encodeFields,
  fromHex,
  type PendingId,
  type PublicKey,
  type TranscriptHash,
  toHex,
  u64be,
} from '../../base/index.ts'
import type { NonceCommitment } from '../../crypto/index.ts'
import { taggedHash } from '../../curve/index.ts'

/** Names one attempt and nothing else; pair secrets hang on it (R18). */
export const attemptIdOf = (p: {
  readonly network: string
  readonly pendingId: PendingId
  readonly attempt: number
  readonly epoch: number
}): Uint8Array =>
  taggedHash('countersign/keygen/attempt', encodeFields(p.network, fromHex(p.pendingId), p.attempt, p.epoch))

/**
 * What all members sign as one (R20): everything that was said to all, in the very bytes in which it was said.
 * `opens` and `deals` in member order.
 */
export function transcriptOf(
  p: {
    readonly pendingId: PendingId
    readonly attempt: number
    readonly members: readonly PublicKey[]
    readonly threshold: number
  },
  opens: readonly Uint8Array[],
  deals: readonly Uint8Array[],
): TranscriptHash {
  const lists = [p.members.map(fromHex), opens, deals].map((list) => encodeFields(...list))
  const hash = taggedHash(
    'countersign/keygen/transcript',
    encodeFields(fromHex(p.pendingId), p.attempt, p.threshold, ...lists),
  )
  return asTranscriptHash(toHex(hash))
}

/** Names the joint polynomial, 32 bytes: every member signs it in its confirm, so that its verifying share is its own word. */
export const commitmentsHash = (commitments: readonly Uint8Array[]): Uint8Array =>
  taggedHash('countersign/keygen/commitments', encodeFields(...commitments))

/** What the trial signature signs (R22): never a sighash, once per transcript. 32 bytes. */
export const trialDigestOf = (pendingId: PendingId, transcript: TranscriptHash, epoch: number): Uint8Array =>
  taggedHash('countersign/trial', concatBytes(fromHex(pendingId), fromHex(transcript), u64be(epoch)))

/**
 * What a trial share was made over, 32 bytes (R26): a share is judged only beside the commitments that its author saw, or
 * whoever committed to two things could have an honest share blamed. `commitments` of all members.
 */
export function trialPackageHash(
  members: readonly PublicKey[],
  digest: Uint8Array,
  commitments: ReadonlyMap<PublicKey, NonceCommitment>,
): Uint8Array {
  const entries = members.flatMap((m) => {
    const commitment = commitments.get(m)
    if (commitment === undefined) throw new TypeError('trial package: a member without commitment')
    return [fromHex(m), commitment.hiding, commitment.binding]
  })
  return taggedHash('countersign/keygen/trial-package', encodeFields(digest, encodeFields(...entries)))
}
