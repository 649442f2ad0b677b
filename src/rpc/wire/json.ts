import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf'
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect'
import { fromHex, isHex, toHex } from '../../base/index.ts'
import { badRequest } from './errors.ts'
import type { Shape } from './shape.ts'

/**
 * The JSON face of every message, derived from its descriptor: snake_case names, bytes as lower-case hex, 64-bit numbers
 * as decimal text, words of an enum in lower case, an unset `optional` field as null, and a message that is one oneof `kind` as `{"kind": case, …fields}`.
 */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type JsonObject = { readonly [key: string]: JsonValue }

export function toJson<D extends DescMessage>(shape: Shape<D>, message: MessageShape<D>): JsonObject {
  return render(reflect(shape.desc, message))
}

/** Strict: unknown and missing keys, wrong types and broken rules throw RpcError BAD_REQUEST naming the field. */
export function fromJson<D extends DescMessage>(shape: Shape<D>, json: unknown): MessageShape<D> {
  const message = create(shape.desc)
  fill(reflect(shape.desc, message), json, '')
  shape.assert(message)
  return message
}

function render(message: ReflectMessage): JsonObject {
  const out: Record<string, JsonValue> = {}
  const oneof = message.oneofs[0]
  if (oneof !== undefined) {
    const chosen = message.oneofCase(oneof)
    if (chosen?.fieldKind !== 'message') return { kind: null }
    return { kind: chosen.name, ...render(message.get(chosen)) }
  }
  for (const field of message.fields) out[field.name] = renderField(message, field)
  return out
}

function renderField(message: ReflectMessage, field: DescField): JsonValue {
  if (field.fieldKind === 'list') {
    const items: unknown[] = [...message.get(field)]
    return items.map((item) => renderItem(item, field.enum))
  }
  if (!message.isSet(field) && field.presence !== IMPLICIT) return null
  return renderItem(message.get(field), field.enum)
}
/** FieldDescriptorProto presence of a plain proto3 scalar: its zero value is a value like any other. */
const IMPLICIT = 2

function renderItem(item: unknown, words: DescEnum | undefined): JsonValue {
  if (words !== undefined) return words.values.find((v) => v.number === item)?.localName.toLowerCase() ?? null
  if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') return item
  if (typeof item === 'bigint') return item.toString()
  if (item instanceof Uint8Array) return toHex(item)
  if (isReflectMessage(item)) return render(item)
  throw new TypeError('a field kind that the JSON face does not have')
}

const isReflectMessage = (item: unknown): item is ReflectMessage =>
  typeof item === 'object' && item !== null && 'oneofs' in item

function fill(message: ReflectMessage, json: unknown, at: string): void {
  const keys = new Map(entriesOf(json, at))
  const oneof = message.oneofs[0]
  if (oneof !== undefined) {
    const kind = keys.get('kind')
    const chosen = oneof.fields.find((f) => f.name === kind)
    const names = oneof.fields.map((f) => `"${f.name}"`).join(' or ')
    if (chosen?.fieldKind !== 'message') throw badRequest(under(at, 'kind'), names)
    const { kind: _, ...rest } = Object.fromEntries(keys)
    const inner = reflect(chosen.message, create(chosen.message))
    fill(inner, rest, at)
    message.set(chosen, inner)
    return
  }
  for (const field of message.fields) {
    const value = keys.get(field.name)
    keys.delete(field.name)
    fillField(message, field, value, under(at, field.name))
  }
  const [unknown] = keys.keys()
  // The key itself is the caller's text: it is not repeated.
  if (unknown !== undefined) throw badRequest(at === '' ? 'params' : at, onlyKeysOf(message.fields))
}

function fillField(message: ReflectMessage, field: DescField, value: unknown, at: string): void {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) throw badRequest(at, 'a list')
    const list = message.get(field)
    for (const [i, item] of value.entries()) {
      if (field.listKind === 'scalar') list.add(readScalar(field.scalar, item, `${at}[${i}]`))
      else if (field.listKind === 'enum') list.add(readWord(field.enum, item, `${at}[${i}]`))
      else if (field.listKind === 'message') list.add(readMessage(field.message, item, `${at}[${i}]`))
    }
    return
  }
  if (value === undefined || value === null) {
    if (field.presence !== IMPLICIT && field.fieldKind !== 'message') return
    throw badRequest(at, 'a value')
  }
  if (field.fieldKind === 'scalar') message.set(field, readScalar(field.scalar, value, at))
  else if (field.fieldKind === 'enum') message.set(field, readWord(field.enum, value, at))
  else if (field.fieldKind === 'message') message.set(field, readMessage(field.message, value, at))
}

function readMessage(desc: DescMessage, value: unknown, at: string): ReflectMessage {
  const inner = reflect(desc, create(desc))
  fill(inner, value, at)
  return inner
}

/** The zero of an enum has no word: it means that none was given. */
function readWord(desc: DescEnum, value: unknown, at: string): number {
  const known = desc.values.filter((v) => v.number !== 0)
  const found = known.find((v) => v.localName.toLowerCase() === value)
  if (found === undefined) throw badRequest(at, known.map((v) => `"${v.localName.toLowerCase()}"`).join(' or '))
  return found.number
}

function readScalar(type: ScalarType, value: unknown, at: string): string | number | bigint | boolean | Uint8Array {
  switch (type) {
    case ScalarType.BYTES:
      if (typeof value === 'string' && isHex(value)) return fromHex(value)
      throw badRequest(at, 'lower-case hex')
    case ScalarType.STRING:
      if (typeof value === 'string' && value.isWellFormed()) return value
      throw badRequest(at, 'text')
    case ScalarType.BOOL:
      if (typeof value === 'boolean') return value
      throw badRequest(at, 'true or false')
    case ScalarType.UINT32:
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value
      throw badRequest(at, 'an unsigned 32-bit number')
    case ScalarType.UINT64:
      if (typeof value === 'string' && /^(0|[1-9]\d{0,19})$/.test(value) && BigInt(value) < 1n << 64n)
        return BigInt(value)
      throw badRequest(at, 'an unsigned 64-bit number as decimal text')
    default:
      throw new TypeError('a scalar type that the JSON face does not have')
  }
}

const under = (at: string, name: string): string => (at === '' ? name : `${at}.${name}`)
/** A form of one word, as `{"kind": "script"}`, has no keys beside that word. */
const onlyKeysOf = (fields: readonly DescField[]): string =>
  fields.length === 0 ? 'no other keys' : `no other keys than ${fields.map((f) => f.name).join(', ')}`

function entriesOf(json: unknown, at: string): [string, unknown][] {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw badRequest(at === '' ? 'params' : at, 'an object')
  return Object.entries(json)
}
