/** Inverse of `encodeFields` for records of exactly `count` fields; undefined if it is anything else. Views, not copies. */
export function decodeFields(bytes: Uint8Array, count: number): readonly Uint8Array[] | undefined {
  const fields = decodeFieldList(bytes, count)
  return fields?.length === count ? fields : undefined
}

/** Inverse of `encodeFields` for records of at most `most` fields; undefined if it is anything else. Views, not copies. */
export function decodeFieldList(bytes: Uint8Array, most: number): readonly Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: Uint8Array[] = []
  let at = 0
  while (at + 4 <= bytes.length && fields.length < most) {
    const end = at + 4 + view.getUint32(at)
    if (end > bytes.length) return undefined
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return at === bytes.length ? fields : undefined
}

/** A number as `encodeFields` writes it (u64, big-endian); undefined beyond what JavaScript holds exactly. */
export function decodeNumber(field: Uint8Array): number | undefined {
  if (field.length !== 8) return undefined
  const value = Number(new DataView(field.buffer, field.byteOffset, 8).getBigUint64(0))
  return Number.isSafeInteger(value) ? value : undefined
}
