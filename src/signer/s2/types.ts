import type { Outcome, Startable } from '../../base/index.ts'
import type { Place, WalletTweak, WotsBits } from '../../crypto/index.ts'

/** Wallets below the secret-service seed that sign by BIP340. */
export const SCHNORR_TARGETS = ['general', 'stakechain', 'musig2'] as const
export type SchnorrTarget = (typeof SCHNORR_TARGETS)[number]

export const P2P_SCHEMES = ['bip340', 'ed25519'] as const
export type P2pScheme = (typeof P2P_SCHEMES)[number]

/** `native`: nonces take in stored randomness (R31). `reference`: byte for byte as the reference makes them (R33). */
export const NONCE_MODES = ['native', 'reference'] as const
export type NonceMode = (typeof NONCE_MODES)[number]

/** Who signs together, and under what: the same for every nonce and partial signature of a call. */
export interface MusigParams {
  /** x-only, 32 bytes each, in the order in which they are aggregated; never sorted. */
  readonly orderedPublicKeys: readonly Uint8Array[]
  readonly tweak:
    | { readonly kind: 'key'; readonly merkleRoot: Uint8Array | null }
    /** No tweak at all. */
    | { readonly kind: 'script' }
}

/** What a nonce is for. Txids are in internal byte order. */
export type MusigForm =
  | { readonly kind: 'sighash'; readonly sighash: Uint8Array }
  | { readonly kind: 'outpoint'; readonly txid: Uint8Array; readonly vout: number }

/** A partial signature that is asked for. The message of the sighash form is its sighash. */
export interface MusigPartialItem {
  readonly form: MusigForm
  /** 66 bytes. */
  readonly aggNonce: Uint8Array
  /** 32 bytes. */
  readonly message: Uint8Array
}

export interface SchnorrItem {
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly tweak: WalletTweak
}

/** A one-time key: what it signs, and where it stands. */
export interface WotsJob {
  readonly bits: WotsBits
  readonly place: Place
}

/** Why the secret service did not answer; each is a code on the wire. */
export const S2_FAILURES = [
  /** The node has no secret-service seed. */
  'NO_SEED',
  /** Not of the asked-for shape; `S2Error.data` has `field` and `expected`. */
  'BAD_REQUEST',
  'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
  'SELF_VERIFY_FAILED',
  /** A one-time secret stands for something else already (R30, R34). */
  'EQUIVOCATION',
  /** The store can't prove that it remembers what the seed was used for (R32). */
  'STATE_LOST',
  /** A partial signature was asked for whose nonce this store did not issue (R33). */
  'NONCE_NOT_ISSUED',
  'OVERLOADED',
  'STOPPED',
  'CANCELLED',
] as const
export type S2Failure = (typeof S2_FAILURES)[number]

/** Of one item of a batch; the others are not touched by it. */
export type S2Outcome = Outcome<Uint8Array, S2Failure>

/**
 * The secret-service interfaces over one seed. What is wrong with a whole call is thrown as `S2Error`; what is wrong with an item is
 * that item's outcome. Answers that use a one-time secret resolve after their binding is on disk, one sync for a call (R30).
 */
export interface S2Service extends Startable {
  readonly nonceMode: NonceMode
  /** x-only, 32 bytes, untweaked. */
  schnorrPublicKey(target: SchnorrTarget): Uint8Array
  /** 64 bytes each, in order. */
  schnorrSign(target: SchnorrTarget, items: readonly SchnorrItem[]): Promise<readonly S2Outcome[]>
  /** x-only for `bip340`, the Ed25519 key otherwise; 32 bytes. */
  p2pPublicKey(scheme: P2pScheme): Uint8Array
  /** 64 bytes. `bip340` signs the SHA-256 of the message under a tag of its own (docs/PROTOCOL.md). */
  p2pSign(scheme: P2pScheme, message: Uint8Array): Promise<Uint8Array>
  /** Public nonces, 66 bytes each, in order. The same again gets the same. */
  musigNonces(params: MusigParams, forms: readonly MusigForm[], signal?: AbortSignal): Promise<readonly S2Outcome[]>
  /** Partial signatures, 32 bytes each, in order. */
  musigPartials(
    params: MusigParams,
    items: readonly MusigPartialItem[],
    signal?: AbortSignal,
  ): Promise<readonly S2Outcome[]>
  /** 32 bytes. */
  preimage(stake: Place): Promise<Uint8Array>
  /** 720 or 1360 bytes each, in order. */
  wotsPublicKeys(jobs: readonly WotsJob[], signal?: AbortSignal): Promise<readonly Uint8Array[]>
  /** Binds the key to its export (R34). 720 or 1360 bytes. */
  wotsSecretKey(job: WotsJob): Promise<Uint8Array>
  /** Binds the key to the message (R34): 16 or 32 bytes. 756 or 1428 bytes. */
  wotsSignature(job: WotsJob, message: Uint8Array): Promise<Uint8Array>
}
