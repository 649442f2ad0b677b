import type { PendingId, PublicKey, SetHash, TranscriptHash } from '../../base/index.ts'

/** A set that is to become the signer set (R7). `currentKeys` are those who must consent to it and co-sign it. */
export interface PendingSpec {
  readonly id: PendingId
  readonly parentSetHash: SetHash
  /** Sorted by bytes. */
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  /** Chosen by the operators, so that an abandoned rotation can be approved anew. */
  readonly attempt: number
  /** Who signs rotate-keys: the current set, or at bootstrap the pending set itself (R6). In the order of the principal's redeem script. */
  readonly currentKeys: readonly PublicKey[]
  readonly currentThreshold: number
  /** Stacks address that sends rotate-keys. */
  readonly principal: string
}

/** A finished keygen as this node verified it: all n certified this transcript and key, and all n shares signed (R22, R29). */
export interface VerifiedProposal {
  readonly keygenAttempt: number
  readonly transcript: TranscriptHash
  /** 33 bytes, even Y, as it goes on chain. */
  readonly aggregateKey: PublicKey
  readonly certificate: Uint8Array
  readonly trialSignature: Uint8Array
}

/** How far this node's keygen for a pending set has come. */
export interface AttemptRecord {
  /** The last one that was begun; no number serves twice (R18, R19). */
  readonly attempt: number
  /** The last transcript whose share this node staged: it may have confirmed it (R20). */
  readonly staged?: TranscriptHash
  /** The attempt in which it did, if it has begun another one since. */
  readonly stagedIn?: number
  /** All members have confirmed it: the key may exist, so no other is made under this pending id. */
  readonly certified: boolean
}

/** The record, kept beyond a restart. */
export interface AttemptLog {
  readonly last: AttemptRecord | undefined
  /** On disk when it resolves. */
  save(record: AttemptRecord): Promise<void>
}

/** One member's signature of the rotate-keys transaction; `nonce` and `feeUstx` name the variant it signed. */
export interface Cosignature {
  readonly author: PublicKey
  readonly transcript: TranscriptHash
  readonly nonce: number
  readonly feeUstx: number
  readonly signature: Uint8Array
}

/** Everyone with a part in a pending set: the new members and those who must consent. */
export const participantsOf = (spec: PendingSpec): readonly PublicKey[] =>
  [...new Set([...spec.keys, ...spec.currentKeys])].toSorted()

/**
 * Whose approval is still missing: every new member's (keygen needs all of them), and of the current set at least as many
 * as rotate-keys needs. More are not waited for, so that a dead member can't veto its own removal.
 */
export function missingApprovals(spec: PendingSpec, approved: ReadonlySet<PublicKey>): readonly PublicKey[] {
  const missing = spec.keys.filter((k) => !approved.has(k))
  const consenting = spec.currentKeys.filter((k) => approved.has(k)).length
  if (consenting >= spec.currentThreshold) return missing
  return [...new Set([...missing, ...spec.currentKeys.filter((k) => !approved.has(k))])].toSorted()
}
