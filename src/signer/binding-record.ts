import { concatBytes, encodeFields, LIMITS } from '../base/index.ts'
import { SignerError } from './errors.ts'
import { decodeFields, decodeNumber } from './fields.ts'

/** A binding that is on disk. */
export interface Binding {
  /** `hashOfItems` of what the request id stands for, 32 bytes. */
  readonly itemsHash: Uint8Array
  /** First signatures that were verified for it (R28), 64 bytes for each item: all or none. */
  readonly signatures: readonly Uint8Array[] | undefined
  /** Unix ms from which this operator's consent no longer stands, as last given; undefined: without end. The binding itself stays. */
  readonly untilMs: number | undefined
}

export const SIGNATURE_BYTES = 64
/** On disk: a consent that no time ends. */
const NO_END = 0
export const encodeBinding = ({ itemsHash, signatures = [], untilMs }: Binding): Uint8Array =>
  encodeFields(itemsHash, concatBytes(...signatures), untilMs ?? NO_END)

/** Throws `BINDINGS_UNREADABLE`. */
export function decodeBinding(key: string, bytes: Uint8Array): Binding {
  // Records of two fields are older than the ends of consents.
  const [itemsHash, joined, until] = decodeFields(bytes, 3) ?? decodeFields(bytes, 2) ?? []
  const untilMs = until === undefined ? NO_END : decodeNumber(until)
  if (itemsHash?.length !== 32 || joined === undefined || untilMs === undefined || !isListOfSignatures(joined))
    throw new SignerError('BINDINGS_UNREADABLE', `the stored binding ${key} is malformed; restore the data folder`, {
      key,
    })
  return {
    itemsHash: itemsHash.slice(),
    signatures: joined.length === 0 ? undefined : split(joined),
    untilMs: untilMs === NO_END ? undefined : untilMs,
  }
}

const isListOfSignatures = (joined: Uint8Array): boolean =>
  joined.length % SIGNATURE_BYTES === 0 && joined.length <= LIMITS.maxSignItems * SIGNATURE_BYTES

const split = (joined: Uint8Array): Uint8Array[] =>
  Array.from({ length: joined.length / SIGNATURE_BYTES }, (_, i) =>
    joined.slice(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES),
  )
