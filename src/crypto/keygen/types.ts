import type { PublicKey } from '../../base/index.ts'

/** Source of random bytes; replaces the entropy, never the policy. */
export type Rng = (lengthBytes?: number) => Uint8Array

/** A FROST identifier: canonical non-zero scalar, 64 hex digits. Members' are made by `identifierOf`. */
export type Identifier = string

/** Who makes a key together. */
export interface KeygenGroup {
  /** Sorted by bytes, without duplicates; 2 or more. */
  readonly members: readonly PublicKey[]
  /** 2 ≤ threshold ≤ members. */
  readonly threshold: number
}

/** What a dealer says to all: commitments to its polynomial, `threshold` points of 33 bytes, and a proof that it knows the constant term, 64 bytes. */
export interface Dealing {
  readonly commitments: readonly Uint8Array[]
  readonly proofOfKnowledge: Uint8Array
}

/** Why a dealing is not one; publicly checkable. `malformed`: something in it is no point or no scalar. */
export type DealingFault = 'wrong_commitment_count' | 'malformed' | 'bad_proof_of_knowledge'

/** A key by identifiers, as FROST knows it; `package.ts` names the members. Points 33 bytes, the share 32 secret bytes. */
export interface RawKey {
  readonly commitments: readonly Uint8Array[]
  readonly verifyingShares: ReadonlyMap<Identifier, Uint8Array>
  readonly signingShare: Uint8Array
}
