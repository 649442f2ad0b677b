import type { Startable } from '../base/index.ts'

/** A named part of the store. Keys are text, values bytes; every write is synced before it resolves. */
export interface Space {
  get(key: string): Promise<Uint8Array | undefined>
  /** In one read, in the order of the keys. */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  put(key: string, value: Uint8Array): Promise<void>
  delete(key: string): Promise<void>
  /** All entries, in order of their keys. */
  entries(): Promise<readonly (readonly [string, Uint8Array])[]>
  /** The first `limit` entries behind `after`, in order of their keys: for spaces too large to be read at once. */
  page(after: string, limit: number): Promise<readonly (readonly [string, Uint8Array])[]>
}

/** Durable state of one node. A second process that opens it fails with `STORE_LOCKED`. */
export interface Store extends Startable {
  space(name: string): Space
  /** Since when a write to the disk has been under way, unix ms; undefined while none is. */
  syncingSinceMs(): number | undefined
}

/** How a key file is opened. Secrets come from files, never from argv or the environment. */
export type Unlock =
  | { readonly kind: 'passphrase'; readonly file: string }
  | { readonly kind: 'identity'; readonly file: string }

/** Seals records to this node's own storage key (X25519; made with the key file), and opens them again. */
export interface Sealer {
  /** The age recipient (`age1…`) whose boxes it opens; no secret. */
  readonly recipient: string
  seal(plaintext: Uint8Array): Promise<Uint8Array>
  /** Throws `SEALED_RECORD_UNREADABLE`. */
  open(box: Uint8Array): Promise<Uint8Array>
}
