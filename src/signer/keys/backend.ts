import type { Startable } from '../../base/index.ts'
import type { KeyScheme, KeySpec, KeyType } from './types.ts'

/** What one version of a key is; stands inside its seal, where there is one (R38). */
export interface KeyLabel extends KeySpec {
  /** Of the key, the same for all its versions: 32 lower-case hex digits. */
  readonly id: string
  readonly version: number
  readonly createdAtMs: number
}

/** One version of a key at a backend. The service keeps it, and hands it back whole, so that a backend can check what it finds (R38). */
export interface KeyHandle extends KeyLabel {
  /** What the backend calls it: 1 to 128 printable ASCII characters, never given to another secret. */
  readonly ref: string
  readonly publicKey: Uint8Array
}

/** What a backend can do; what it can't is refused with `KEY_NOT_CAPABLE` before it is asked. */
export interface BackendAbilities {
  /** For logs, like "file". */
  readonly name: string
  /** Types that it generates. */
  readonly types: readonly KeyType[]
  readonly schemes: readonly KeyScheme[]
  readonly agree: boolean
  /** Seals secrets to somebody else. */
  readonly export: boolean
  /** Takes secrets that were sealed to it. */
  readonly import: boolean
}

/**
 * Where secrets are and where all computing with them is done: files, an HSM, a cloud's KMS. Nothing here returns one. A `KeyError` says
 * what it means; everything else that is thrown is a failure of the backend. Calls for different keys, and for one key, may overlap.
 */
export interface KeyBackend extends Startable {
  readonly can: BackendAbilities
  /** Makes a secret; durable when it resolves. */
  generate(label: KeyLabel): Promise<KeyHandle>
  /** Does it have that secret still, and is it the one that the handle says? Rejects if not. */
  check(handle: KeyHandle): Promise<void>
  /** Over 32 bytes, as they are; 64 bytes: BIP340, ECDSA (compact, low-s), or Ed25519 of them as its message. */
  sign(handle: KeyHandle, scheme: KeyScheme, digest: Uint8Array): Promise<Uint8Array>
  /** X25519, unhashed, 32 bytes; the caller hashes and erases it. `BAD_REQUEST` on a peer's key of small order. */
  agree(handle: KeyHandle, peerPublicKey: Uint8Array): Promise<Uint8Array>
  /** Versions of one key, sealed to an age recipient in the format of docs/KEYS.md. `BAD_REQUEST` on what is no recipient. */
  exportSealed(handles: readonly KeyHandle[], recipient: string): Promise<Uint8Array>
  /** What `importSealed` opens is sealed to this, `age1…`. */
  recipient(): Promise<string>
  /**
   * Opens what `exportSealed` made, and keeps its versions; durable when it resolves. `admit` is told what they are before anything is
   * kept, and refuses by throwing. `KEY_UNREADABLE`.
   */
  importSealed(sealed: Uint8Array, admit: (labels: readonly KeyLabel[]) => void): Promise<readonly KeyHandle[]>
  /** Erases a secret for good; one that isn't there is no error. */
  destroy(ref: string): Promise<void>
  /** Everything that it holds for this node. */
  refs(): Promise<readonly string[]>
}
