import { Cl, ClarityType, type TupleCV } from '@stacks/transactions'
import { describe, expect, it } from 'vitest'
import { clarityLiteral } from '../../../src/devnet/chain/clarity-literal.ts'

const ADDRESS = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS'

/** As it could come off the wire: the library checks names only when it builds a tuple. */
const tuple = (name: string): TupleCV => ({ type: ClarityType.Tuple, value: { [name]: Cl.uint(1) } })

describe('clarityLiteral', () => {
  it.each([
    ['true', Cl.bool(true)],
    ['false', Cl.bool(false)],
    ['-5', Cl.int(-5)],
    ['u5', Cl.uint(5)],
    ['0x00ff', Cl.bufferFromHex('00ff')],
    ['0x', Cl.bufferFromHex('')],
    ['none', Cl.none()],
    ['(some u1)', Cl.some(Cl.uint(1))],
    ['(ok u1)', Cl.ok(Cl.uint(1))],
    ['(err u1)', Cl.error(Cl.uint(1))],
    [`'${ADDRESS}`, Cl.principal(ADDRESS)],
    [`'${ADDRESS}.a-b`, Cl.principal(`${ADDRESS}.a-b`)],
    ['(list u1 u2)', Cl.list([Cl.uint(1), Cl.uint(2)])],
    ['{ a: u1, b-c: none }', Cl.tuple({ a: Cl.uint(1), 'b-c': Cl.none() })],
    ['"a b!"', Cl.stringAscii('a b!')],
    ['u"a\\u{22}\\u{e9}\\u{1f600}"', Cl.stringUtf8('a"é😀')],
  ])('should write %s', (text, value) => {
    expect(clarityLiteral(value)).toBe(text)
  })

  it.each([
    ['a quote in a string', Cl.stringAscii('a"b')],
    ['a backslash in a string', Cl.stringAscii('a\\b')],
    ['a line break in a string', Cl.stringAscii('a\nb')],
    ['a field name that ends the tuple', tuple('a: u1 } (print 1) { b')],
    ['an empty field name', tuple('')],
    ['a quote deep inside', Cl.list([Cl.some(Cl.tuple({ a: Cl.stringAscii('"') }))])],
  ])('should refuse %s', (_what, value) => {
    expect(() => clarityLiteral(value)).toThrow(TypeError)
  })
})
