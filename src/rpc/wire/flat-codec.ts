import { create, type DescField, type DescMessage, type MessageShape, ScalarType } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import { Cursor } from './cursor.ts'
import { bytesSize, putBytes, putScalar, scalarSize } from './put.ts'

/**
 * Messages of plain fields by hand: for each of them the general codec makes a growing buffer, a view or a text decoder, which
 * costs more than all else of a short call. Only the usual encoding is known: both answer undefined to anything odd, which the
 * general codec then reads or writes. `test/unit/rpc/flat-codec.test.ts` compares them.
 */
export interface FlatCodec<D extends DescMessage> {
  encode(message: MessageShape<D>): Uint8Array | undefined
  decode(bytes: Uint8Array): MessageShape<D> | undefined
}

interface PlainField {
  readonly name: string
  /** Field number and wire type; one byte. */
  readonly tag: number
  readonly type: ScalarType.BYTES | ScalarType.UINT32 | ScalarType.BOOL
}
type Values = Record<string, unknown>

/** A tag beyond it has two bytes. */
const MAX_NUMBER = 15
const [VARINT, DELIMITED] = [0, 2]

export function flatCodec<D extends DescMessage>(desc: D): FlatCodec<D> {
  const plain: PlainField[] = []
  const others: string[] = []
  for (const member of desc.members) {
    const field = member.kind === 'field' ? plainField(member) : undefined
    if (field === undefined) others.push(member.localName)
    else plain.push(field)
  }
  plain.sort((a, b) => a.tag - b.tag)

  const isOdd = (values: Readonly<Values>): boolean =>
    values.$unknown !== undefined || values.$typeName !== desc.typeName || others.some((name) => isSet(values[name]))
  return {
    encode(message) {
      const values = message as unknown as Readonly<Values>
      if (isOdd(values)) return undefined
      let size = 0
      for (const { name, type } of plain) {
        const fieldSize = sizeOf(values[name], type)
        if (fieldSize === undefined) return undefined
        size += fieldSize
      }
      const out = new Uint8Array(size)
      let at = 0
      for (const { name, tag } of plain) {
        const value = values[name]
        if (value instanceof Uint8Array) at = value.length === 0 ? at : putBytes(out, at, tag, value)
        else at = putScalar(out, at, tag, Number(value))
      }
      return out
    },
    decode(bytes) {
      const message = create(desc)
      const values = message as unknown as Values
      const cursor = new Cursor(bytes)
      for (const { name, tag, type } of plain) {
        if (!cursor.at(tag)) continue
        if (type === ScalarType.BYTES) values[name] = cursor.bytes(tag)
        else values[name] = type === ScalarType.BOOL ? cursor.scalar(tag) !== 0 : cursor.scalar(tag)
      }
      return cursor.complete ? message : undefined
    },
  }
}

/** Undefined for a field that is not plain, or whose zero value is written where it is set. */
function plainField(field: DescField): PlainField | undefined {
  const { fieldKind, number, localName: name, presence } = field
  if (fieldKind !== 'scalar' || field.oneof !== undefined || number > MAX_NUMBER) return undefined
  if (presence !== FeatureSet_FieldPresence.IMPLICIT) return undefined
  const type = field.scalar
  if (type === ScalarType.BYTES) return { name, type, tag: (number << 3) | DELIMITED }
  if (type === ScalarType.UINT32 || type === ScalarType.BOOL) return { name, type, tag: (number << 3) | VARINT }
  return undefined
}

/** Of a field that isn't plain: anything but what `create` makes of it when nothing is given. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === 0n) return false
  if (Array.isArray(value)) return value.length > 0
  return !(typeof value === 'object' && value !== null && 'case' in value && value.case === undefined)
}

/** Undefined for a value that isn't of the type. */
function sizeOf(value: unknown, type: PlainField['type']): number | undefined {
  if (type === ScalarType.BYTES) return value instanceof Uint8Array ? bytesSize(value.length) : undefined
  if (type === ScalarType.BOOL) return typeof value === 'boolean' ? scalarSize(Number(value)) : undefined
  const isUint = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff
  return isUint ? scalarSize(value) : undefined
}
