import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { METHOD_NAMES, METHODS } from '../../../src/rpc/index.ts'
import { flatCodec } from '../../../src/rpc/wire/flat-codec.ts'
import type { Shape } from '../../../src/rpc/wire/shape.ts'

const SHAPES: readonly Shape[] = METHOD_NAMES.flatMap((m): Shape[] => [METHODS[m].request, METHODS[m].response])
const NAMED = SHAPES.map(({ desc }) => ({ name: desc.typeName, desc }))

const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  bytes: fc.uint8Array({ maxLength: 200 }),
  number: fc.oneof(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xffff_ffff)),
  boolean: fc.boolean(),
  string: fc.string({ maxLength: 20 }),
  // An enum has 31 bits; the general codec writes no others.
  enum: fc.nat({ max: 5 }),
}
const kindOf = (value: unknown): string => (value instanceof Uint8Array ? 'bytes' : typeof value)

/** Messages of a type whose plain fields have any value; lists, oneofs and messages stay unset. */
function messages(desc: DescMessage) {
  const empty = create(desc) as unknown as Readonly<Record<string, unknown>>
  const isEnum = (k: string) => desc.fields.some((f) => f.localName === k && f.fieldKind === 'enum')
  const valuesOf = (k: string) => VALUES[isEnum(k) ? 'enum' : kindOf(empty[k])]
  const fields = Object.keys(empty).filter((k) => k !== '$typeName' && valuesOf(k) !== undefined)
  const values = Object.fromEntries(fields.map((f) => [f, valuesOf(f) ?? fc.constant(undefined)]))
  return fc.record(values).map((init) => create(desc, init))
}
const general = (desc: DescMessage, bytes: Uint8Array): unknown => {
  try {
    return fromBinary(desc, bytes)
  } catch {
    return 'unreadable'
  }
}

describe('flat messages against the general codec', () => {
  it.each(NAMED)('should have the same bytes, or none: $name', ({ desc }) => {
    fc.assert(
      fc.property(messages(desc), (message) => {
        const bytes = flatCodec(desc).encode(message)
        if (bytes !== undefined) expect(bytes).toEqual(toBinary(desc, message))
      }),
      { numRuns: 50 },
    )
  })

  it.each(NAMED)('should be read to the same message, or not at all, damaged ones too: $name', ({ desc }) => {
    const damage = fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 }), fc.nat({ max: 400 }))
    fc.assert(
      fc.property(messages(desc), fc.option(damage), (message, hit) => {
        let bytes = toBinary(desc, message)
        if (hit !== null) {
          const [at, value, length] = hit
          bytes[at % Math.max(1, bytes.length)] = value
          bytes = bytes.slice(0, length)
        }
        const read = flatCodec(desc).decode(bytes)
        if (read !== undefined) expect(read).toEqual(general(desc, bytes))
      }),
      { numRuns: 200 },
    )
  })

  it.each(NAMED)('should leave any bytes to the general codec that it does not read the same: $name', ({ desc }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const read = flatCodec(desc).decode(bytes)
        if (read !== undefined) expect(read).toEqual(general(desc, bytes))
      }),
      { numRuns: 300 },
    )
  })

  it('should write and read what most calls consist of', () => {
    const { desc } = METHODS['threshold.public_key'].response
    const message = create(desc, { publicKey: new Uint8Array(32).fill(7) })
    const bytes = flatCodec(desc).encode(message)
    expect(bytes).toBeDefined()
    expect(bytes && flatCodec(desc).decode(bytes)).toEqual(message)
  })

  it('should leave to the general codec what it would lose', () => {
    const { desc } = METHODS['threshold.public_key'].request
    const { encode, decode } = flatCodec(desc)
    expect(encode(create(desc, { key: new Uint8Array(0) }))).toBeUndefined()
    expect(encode({ ...create(desc), $unknown: [{ no: 9, wireType: 0, data: Uint8Array.of(1) }] })).toBeUndefined()
    expect(decode(Uint8Array.of(0x48, 1))).toBeUndefined()
  })
})
