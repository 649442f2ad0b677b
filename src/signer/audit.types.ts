import type { PeerIdStr } from '../base/index.ts'

/** One decision about a client's request. Holds no secret, no digest and no message: `requestHash` names what was asked. */
export interface AuditEntry {
  readonly atMs: number
  readonly client: PeerIdStr
  readonly method: string
  /** What it was asked of, as rights name it, like `s2/musig2` or `keys/consensus-1`. */
  readonly key: string | undefined
  /** Of a batch; 1 otherwise. */
  readonly items: number
  /** SHA-256 of the encoded params, hex. */
  readonly requestHash: string
  /** `ok`, or the code of the answer. */
  readonly outcome: string
  /** Codes of items that were refused in a batch that was answered, with how many. */
  readonly refusedItems: Readonly<Record<string, number>>
  /** The client was told something else (CANCELLED, DEADLINE, STOPPED) or was gone when this came of its request. */
  readonly answered?: false
}

/** Append-only, hash-chained. */
export interface AuditLog {
  /** Resolves when the entry is on disk, many entries to a sync. Rejects when nothing can be written any more: the request must then not be answered. */
  append(entry: AuditEntry): Promise<void>
  /** Nothing can be written any more, so nothing that needs a line may be begun. */
  isFailed?(): boolean
}
