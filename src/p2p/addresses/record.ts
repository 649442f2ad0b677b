import type { Outcome, PeerIdStr } from '../../base/index.ts'

/** Where a peer says that it is, in words that it signed (libp2p's signed peer record, RFC 0002 and 0003). */
export interface AddressRecord {
  readonly peer: PeerIdStr
  /** The greater of two is the newer. */
  readonly seq: number
  /** Usable ones only, without `/p2p/…`; may be empty. */
  readonly addresses: readonly string[]
  /** The signed bytes, as they are given on. */
  readonly wire: Uint8Array
}

/** Decoded under limits; its signature has not been looked at. */
export interface UncheckedRecord extends AddressRecord {
  /** Is it signed with the key of the peer that it names? Never throws. */
  verify(): Promise<boolean>
}

/** Port: makes and reads signed records, so that everything around them runs without libp2p. */
export interface RecordCodec {
  /** Signs this node's own addresses. */
  seal(seq: number, addresses: readonly string[]): Promise<AddressRecord>
  /** Whose it claims to be and how new, read without any work on keys or addresses. Nothing of it is proven. */
  peek(wire: Uint8Array): Outcome<Pick<AddressRecord, 'peer' | 'seq'>, 'malformed' | 'oversized'>
  decode(wire: Uint8Array): Outcome<UncheckedRecord, 'malformed' | 'oversized'>
}
