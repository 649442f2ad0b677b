import { concatBytes } from '../../../src/base/index.ts'
import type { Random } from '../../simulator/random.ts'
import { below, bytesOf, pick } from './draw.ts'

/** A field of a protobuf message as it stands on the wire. */
interface RawField {
  readonly number: number
  readonly type: number
  readonly value: Uint8Array
}

const VARINT = 0
const DELIMITED = 2
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 }

export function varint(n: bigint): Uint8Array {
  const out: number[] = []
  let rest = n
  do {
    const more = rest > 0x7fn
    out.push(Number(rest & 0x7fn) | (more ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Uint8Array.from(out)
}

const write = ({ number, type, value }: RawField): Uint8Array =>
  concatBytes(
    varint(BigInt(number * 8 + type)),
    type === DELIMITED ? varint(BigInt(value.length)) : new Uint8Array(0),
    value,
  )

/** The fields of bytes that are a message; undefined for any other. */
function fieldsOf(bytes: Uint8Array): RawField[] | undefined {
  const fields: RawField[] = []
  let at = 0
  const varintAt = (): Uint8Array | undefined => {
    const from = at
    while (at < bytes.length && at - from < 10) if ((bytes[at++] ?? 0) < 0x80) return bytes.slice(from, at)
    return undefined
  }
  const numberOf = (varintBytes: Uint8Array): number =>
    varintBytes.reduce((sum, b, i) => sum + (b & 0x7f) * 2 ** (7 * i), 0)
  while (at < bytes.length) {
    const tag = varintAt()
    if (tag === undefined) return undefined
    const [number, type] = [Math.floor(numberOf(tag) / 8), numberOf(tag) % 8]
    const length = type === DELIMITED ? varintAt() : undefined
    const size = length === undefined ? FIXED_BYTES[type] : numberOf(length)
    const from = at
    const value = type === VARINT ? varintAt() : size === undefined ? undefined : bytes.slice(from, from + size)
    if (value === undefined || (type !== VARINT && value.length !== size)) return undefined
    if (type !== VARINT) at = from + value.length
    fields.push({ number, type, value })
  }
  return fields
}

const HUGE = [
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x10),
  Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x00),
  new Uint8Array(11).fill(0xff),
]

/** The message with one thing wrong, somewhere in it or in what it holds. */
export function spoiled(random: Random, bytes: Uint8Array, depth = 0): Uint8Array {
  const fields = fieldsOf(bytes)
  if (fields === undefined || fields.length === 0) return concatBytes(bytes, bytesOf(random, 1 + below(random, 4)))
  const at = below(random, fields.length)
  const field = fields[at]
  if (field === undefined) return bytes
  const put = (...instead: readonly RawField[]): Uint8Array =>
    concatBytes(...fields.toSpliced(at, 1, ...instead).map(write))
  if (field.type === DELIMITED && depth < 5 && random.chance(0.6))
    return put({ ...field, value: spoiled(random, field.value, depth + 1) })
  switch (below(random, 8)) {
    case 0:
      return put()
    case 1:
      return put(field, field)
    case 2:
      return put(field, { number: pick(random, [15, 16, 99, 536_870_911]), type: VARINT, value: Uint8Array.of(1) })
    case 3:
      return put({ ...field, type: pick(random, [0, 1, 2, 3, 4, 5, 6, 7]) })
    case 4:
      return put({ number: field.number, type: VARINT, value: pick(random, HUGE) })
    case 5:
      return concatBytes(...random.shuffled(fields).map(write))
    case 6:
      return put({ ...field, value: bytesOf(random, below(random, 80)) })
    default:
      return put({ ...field, number: 0 })
  }
}
