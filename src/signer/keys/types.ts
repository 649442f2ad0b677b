import type { Startable } from '../../base/index.ts'

export const KEY_TYPES = ['secp256k1', 'ed25519', 'x25519'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** What a key may be used for; fixed when it is made. */
export const KEY_CAPABILITIES = ['sign', 'agree', 'export'] as const
export type KeyCapability = (typeof KEY_CAPABILITIES)[number]

/** How a key signs: `schnorr` is BIP340 and `ecdsa` is low-s, both of secp256k1 keys. */
export const KEY_SCHEMES = ['schnorr', 'ecdsa', 'ed25519'] as const
export type KeyScheme = (typeof KEY_SCHEMES)[number]

export interface KeySpec {
  readonly type: KeyType
  /** Name among this node's keys: 1 to 64 of a-z, 0-9, `.`, `_`, `-`. Rights name keys by it. */
  readonly name: string
  /** What it is for, like "consensus": the last key of a role is not dropped. */
  readonly role: string
  readonly capabilities: readonly KeyCapability[]
}

/** One generation of a key. */
export interface KeyVersion {
  /** From 1. */
  readonly version: number
  /** 33 bytes for secp256k1, 32 for the others. */
  readonly publicKey: Uint8Array
  readonly createdAtMs: number
}

export interface KeyInfo extends KeySpec {
  /** 16 random bytes as lower-case hex; never used again. */
  readonly id: string
  /** Oldest first; the last one signs unless another is named. */
  readonly versions: readonly KeyVersion[]
  /** Set while a first `drop` waits for its second. */
  readonly dropping: boolean
}

/** A key by its name; the newest version unless one is given. */
export interface KeyRef {
  readonly name: string
  readonly version?: number
}

/** What is signed: a message under a domain of the caller's, or 32 bytes as they are, which needs a right of its own. */
export type KeyMessage =
  | { readonly kind: 'message'; readonly domain: string; readonly message: Uint8Array }
  | { readonly kind: 'raw'; readonly digest: Uint8Array }

/** Why the key service did not answer; each is a code on the wire. */
export const KEY_FAILURES = [
  'KEY_NOT_FOUND',
  'VERSION_NOT_FOUND',
  'KEY_EXISTS',
  /** The key may not be used so: its type or its capabilities. */
  'KEY_NOT_CAPABLE',
  'KEY_LAST_OF_ROLE',
  'TOO_MANY_KEYS',
  /** A sealed import that can't be opened, or holds something else. */
  'KEY_UNREADABLE',
  'BAD_REQUEST',
  /** The place where keys are kept failed; nothing was changed. */
  'KEY_BACKEND',
] as const
export type KeyFailure = (typeof KEY_FAILURES)[number]

/** A validator's keys, none of which leaves. Everything that is refused is a `KeyError`. */
export interface KeyService extends Startable {
  generate(spec: KeySpec): Promise<KeyInfo>
  /** `KEY_NOT_FOUND`, `VERSION_NOT_FOUND`. */
  publicKey(ref: KeyRef): KeyVersion & { readonly type: KeyType }
  /** 64 bytes. */
  sign(ref: KeyRef, scheme: KeyScheme, message: KeyMessage): Promise<Uint8Array>
  /** X25519 with the peer's key, 32 bytes each way, hashed together with both public keys under `context`, 32 bytes. */
  agree(ref: KeyRef, peerPublicKey: Uint8Array, context: string): Promise<Uint8Array>
  list(): readonly KeyInfo[]
  /** A new version, which signs from now on. */
  rotate(name: string): Promise<KeyInfo>
  /** All versions, sealed to an age recipient (`age1…`). */
  backup(name: string, recipient: string): Promise<Uint8Array>
  /** The recipient that backups for this node are sealed to. */
  provisionRecipient(): Promise<string>
  /** Opens a backup that was sealed to this node; `KEY_EXISTS` if it has a key of that name or id. */
  provision(sealed: Uint8Array): Promise<KeyInfo>
  /**
   * Two steps: without a token it answers one and changes nothing else; with that token, within ten minutes, the key is gone.
   * `KEY_LAST_OF_ROLE`.
   */
  drop(name: string, token?: Uint8Array): Promise<{ readonly dropped: boolean; readonly token: Uint8Array | undefined }>
}
