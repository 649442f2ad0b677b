import type { GroupKey, PublicKey } from '../base/index.ts'

/** Public half of a FROST key. Members are named by their registered keys; identifiers are a function of those (incident 34). */
export interface PublicKeyPackage {
  readonly threshold: number
  /** Sorted by bytes. */
  readonly members: readonly PublicKey[]
  /** Commitments of the joint polynomial, `threshold` points of 33 bytes; [0] is the group key of R2, as a point. */
  readonly commitments: readonly Uint8Array[]
  /** 33-byte verifying share of each member. */
  readonly verifyingShares: ReadonlyMap<PublicKey, Uint8Array>
  /** x-only form of commitments[0]. */
  readonly groupKey: GroupKey
}

/** One member's key material. `signingShare` is 32 secret bytes. */
export interface KeyPackage {
  readonly public: PublicKeyPackage
  readonly owner: PublicKey
  readonly signingShare: Uint8Array
}

/**
 * What a signature is made under. `none`: the group key as it stands on chain. `key`: the group key P tweaked with a merkle
 * root, Q = P + H_TapTweak(x(P) ‖ root)·G (BIP341); root null = the empty root.
 */
export type Tweak = { readonly kind: 'none' } | { readonly kind: 'key'; readonly merkleRoot: Uint8Array | null }

/** Public nonce commitments of one signer for one signature: two points of 33 bytes. */
export interface NonceCommitment {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}
