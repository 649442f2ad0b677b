import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { equalBytes } from '../base/index.ts'

/** How one payload is written and read. */
export interface Codec<T> {
  encode(value: T): Uint8Array
  /** Throws on anything that `encode` would not have made. */
  decode(bytes: Uint8Array): T
}

/** Only canonical bytes count: what encoding the content again does not give back is refused, unknown fields included. */
export function codec<D extends DescMessage, T>(
  schema: D,
  write: (value: T) => MessageShape<D>,
  read: (message: MessageShape<D>) => T,
): Codec<T> {
  return {
    encode: (value) => toBinary(schema, write(value)),
    decode(bytes) {
      const value = read(fromBinary(schema, bytes, { readUnknownFields: false }))
      if (!equalBytes(toBinary(schema, write(value)), bytes)) throw new TypeError('encoding is not canonical')
      return value
    },
  }
}

export function sized(what: string, bytes: Uint8Array | undefined, length: number): Uint8Array {
  if (bytes?.length !== length) throw new TypeError(`${what}: expected ${length} bytes`)
  return bytes
}
