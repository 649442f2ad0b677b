import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { badRequest, RpcError } from './errors.ts'
import { flatCodec } from './flat-codec.ts'
import { delimited, type Rule, type Violation } from './rules.ts'

type FieldOf<D extends DescMessage> = Extract<Exclude<keyof MessageShape<D>, '$typeName' | '$unknown'>, string>
/** One rule per field, kept total by the compiler: a field added to the .proto without a rule does not build. */
export type Rules<D extends DescMessage> = { readonly [K in FieldOf<D>]-?: Rule<MessageShape<D>[K]> }

/** A protobuf message with its rules; as a rule itself it checks a nested message. */
export interface Shape<D extends DescMessage = DescMessage> extends Rule<MessageShape<D>> {
  readonly desc: D
  /** [name on the wire and in JSON, what is expected] of each field, for the docs. */
  readonly fields: readonly (readonly [name: string, says: string])[]
  /**
   * Decodes and checks. A server refuses unknown fields of a request, because one that it doesn't know may change what is
   * asked; a client skips those of an answer, so that answers can grow. Throws RpcError BAD_REQUEST naming the field.
   */
  decode(bytes: Uint8Array, unknownFields: 'refuse' | 'skip'): MessageShape<D>
  /** Throws RpcError BAD_REQUEST naming the first field that breaks a rule. */
  assert(message: MessageShape<D>): void
  encode(message: MessageShape<D>): Uint8Array
}

interface FieldCheck<D extends DescMessage> {
  readonly name: string
  readonly says: string
  /** With tag and length. */
  readonly maxBytes: number
  check(message: MessageShape<D>, at: string): Violation | undefined
}

/** `together` is asked last, about what fields say only together. */
export function shape<D extends DescMessage>(
  desc: D,
  rules: Rules<D>,
  together?: (message: MessageShape<D>, at: string) => Violation | undefined,
): Shape<D> {
  const fieldCheck = <K extends FieldOf<D>>(key: K): FieldCheck<D> => {
    const fieldRule: Rule<MessageShape<D>[K]> = rules[key]
    const member = desc.members.find((m) => m.localName === key)
    const name = member?.name ?? key
    // Lists and oneofs count the tags of what they hold themselves.
    const isCounted = member?.kind === 'oneof' || member?.fieldKind === 'list'
    return {
      name,
      says: fieldRule.says,
      maxBytes: isCounted ? fieldRule.maxBytes : delimited(fieldRule.maxBytes),
      check: (message, at) => fieldRule.check(message[key], at === '' ? name : `${at}.${name}`),
    }
  }
  const isField = (key: string): key is FieldOf<D> => Object.hasOwn(rules, key)
  const checks = Object.keys(rules).filter(isField).map(fieldCheck)

  const check = (message: MessageShape<D>, at: string): Violation | undefined => {
    if (message.$unknown !== undefined) return { field: at === '' ? 'params' : at, expected: 'no unknown fields' }
    for (const c of checks) {
      const violation = c.check(message, at)
      if (violation) return violation
    }
    return together?.(message, at)
  }
  const assert = (message: MessageShape<D>): void => {
    const violation = check(message, '')
    if (violation) throw badRequest(violation.field, violation.expected)
  }
  const flat = flatCodec(desc)
  return {
    desc,
    says: desc.name,
    maxBytes: checks.reduce((sum, c) => sum + c.maxBytes, 0),
    fields: checks.map((c) => [c.name, c.says] as const),
    check,
    decode(bytes, unknownFields) {
      const message = flat.decode(bytes) ?? parse(desc, bytes, unknownFields === 'refuse')
      assert(message)
      return message
    },
    assert,
    encode: (message) => (desc.fields.length === 0 ? NOTHING : (flat.encode(message) ?? toBinary(desc, message))),
  }
}

/** Every encoding of a message without fields. */
const NOTHING = new Uint8Array(0)

function parse<D extends DescMessage>(desc: D, bytes: Uint8Array, readUnknownFields: boolean): MessageShape<D> {
  try {
    return fromBinary(desc, bytes, { readUnknownFields })
  } catch (cause) {
    throw new RpcError('BAD_REQUEST', { field: 'params', expected: `a protobuf ${desc.name}` }, { cause })
  }
}
