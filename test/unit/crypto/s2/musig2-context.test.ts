import { describe, expect, it } from 'vitest'
import { concatBytes, LIMITS, toHex } from '../../../../src/base/index.ts'
import {
  aggregateKeys,
  MUSIG_CODES,
  type MusigTweak,
  openMusig,
  openMusigKeys,
  tweakKey,
  weightOf,
} from '../../../../src/crypto/index.ts'
import { nobleCurve, taggedHash, xOnly } from '../../../../src/curve/index.ts'
import { BACKENDS, bytes32, FIELD, inBuffer, ORDER } from '../../curve/values.ts'
import { bytes, codeOf, contextOf, KEY, madeUp, others, SCRIPT } from './musig2-fixtures.ts'

describe.each(BACKENDS)('a MuSig2 context on $name', (port) => {
  const keys = madeUp(1, port)
  const [a = bytes(32), b = bytes(32)] = others(2)
  const open = (orderedPublicKeys: readonly Uint8Array[], tweak: MusigTweak = KEY) =>
    openMusig({ orderedPublicKeys, tweak }, keys.xOnly, port)

  it.each([
    ['no keys', 'NO_KEYS', []],
    ['a key of 33 bytes', 'KEY_LENGTH', [a, keys.publicKey]],
    ['a key of 31 bytes', 'KEY_LENGTH', [a.subarray(1), keys.xOnly]],
    ['an empty key', 'KEY_LENGTH', [keys.xOnly, new Uint8Array(0)]],
    ['a key on no point', 'KEY_INVALID', [keys.xOnly, bytes32(5n)]],
    ['a key beyond the field', 'KEY_INVALID', [keys.xOnly, bytes32(FIELD)]],
    ['a key that is a point once reduced', 'KEY_INVALID', [keys.xOnly, bytes32(FIELD + 1n)]],
    ['a key of zeros', 'KEY_INVALID', [keys.xOnly, new Uint8Array(32)]],
    ["another's key twice", 'DUPLICATE_KEY', [a, keys.xOnly, a]],
    ['the own key twice', 'DUPLICATE_KEY', [keys.xOnly, a, keys.xOnly]],
    ['no own key', 'OUR_PUB_KEY_IS_NOT_IN_PARAMS', [a, b]],
    ["somebody else's key alone", 'OUR_PUB_KEY_IS_NOT_IN_PARAMS', [a]],
  ] as const)('should not be opened with %s', (_what, code, list) => {
    expect(codeOf(() => open(list))).toBe(code)
    expect(MUSIG_CODES).toContain(code)
  })
  it('should say whose key it was', () => {
    expect(() => open([a, keys.xOnly, bytes32(5n)])).toThrow(expect.objectContaining({ data: { signer: 2 } }))
    expect(() => open([a, keys.xOnly, a])).toThrow(expect.objectContaining({ data: { signer: 2 } }))
  })
  it('should not be opened with more keys than the limit, and with as many', () => {
    const most = others(LIMITS.maxMusigKeys)
    expect(codeOf(() => open([keys.xOnly, ...most]))).toBe('TOO_MANY_KEYS')
    expect(open([keys.xOnly, ...most.slice(1)]).ownIndex).toBe(0)
  })
  it('should count keys before it looks at them', () => {
    const junk = Array.from({ length: 100_000 }, () => new Uint8Array(0))
    expect(codeOf(() => open(junk))).toBe('TOO_MANY_KEYS')
  })
  it('should look for the own key before it computes', () => {
    // The others are no points, which would cost a square root each to find out.
    expect(codeOf(() => open([bytes32(5n), bytes32(FIELD)]))).toBe('OUR_PUB_KEY_IS_NOT_IN_PARAMS')
  })
  it.each([0, 31, 33, 64])('should not be opened with a merkle root of %i bytes', (length) => {
    const tweak = { kind: 'key', merkleRoot: new Uint8Array(length) } as const
    expect(codeOf(() => open([keys.xOnly, a], tweak))).toBe('MERKLE_ROOT_LENGTH')
  })
  it('should be the same for bytes off a socket, which it leaves as they are', () => {
    const list = [a, keys.xOnly, b]
    const taken = list.map(inBuffer)
    const context = openMusig({ orderedPublicKeys: taken, tweak: KEY }, inBuffer(keys.xOnly), port)
    expect(toHex(context.publicKey)).toBe(toHex(open(list).publicKey))
    expect(taken.map(toHex)).toEqual(list.map(toHex))
    for (const key of taken) key.fill(0)
    expect(context.key.keys.map(toHex)).toEqual([a, keys.xOnly, b].map((key) => `02${toHex(key)}`))
  })
  it('should be of the order of the keys, and of the tweak', () => {
    const [root, other] = [bytes(32, 7), bytes(32, 8)]
    const publicKeys = [
      open([a, keys.xOnly]),
      open([keys.xOnly, a]),
      open([a, keys.xOnly], SCRIPT),
      open([a, keys.xOnly], { kind: 'key', merkleRoot: root }),
      open([a, keys.xOnly], { kind: 'key', merkleRoot: other }),
    ].map((context) => toHex(context.publicKey))
    expect(new Set(publicKeys).size).toBe(5)
  })
  it('should tweak as BIP341 does', () => {
    const plain = open([a, keys.xOnly], SCRIPT).publicKey
    const root = bytes(32, 7)
    for (const [tweak, hashed] of [
      [KEY, plain],
      [{ kind: 'key', merkleRoot: root }, concatBytes(plain, root)],
    ] as const) {
      const t = taggedHash('TapTweak', hashed)
      const Q = nobleCurve.addPoints(concatBytes(Uint8Array.of(2), plain), nobleCurve.publicKeyOf(t))
      expect(toHex(open([a, keys.xOnly], tweak).publicKey)).toBe(toHex(xOnly(Q)))
    }
  })
  it('should hold nothing that is secret', () => {
    const secret = toHex(keys.secretKey)
    const held = JSON.stringify(contextOf(keys, port), (_key, value: unknown) =>
      value instanceof Uint8Array ? toHex(value) : value,
    )
    expect(held).not.toContain(secret)
  })
})

describe.each(BACKENDS)('an aggregate key on $name', (port) => {
  const P = nobleCurve.publicKeyOf(bytes32(3n))
  const Q = nobleCurve.publicKeyOf(bytes32(5n))
  const INSTEAD: Readonly<Record<string, Uint8Array>> = {
    'the order': bytes32(ORDER),
    'all ones': new Uint8Array(32).fill(255),
    'a byte short': bytes32(2n).subarray(1),
    'a byte long': new Uint8Array(33),
    empty: new Uint8Array(0),
  }
  for (const [what, tweak] of Object.entries(INSTEAD))
    for (const isXOnly of [true, false])
      it(`should not be tweaked with ${what}, x-only ${isXOnly}`, () => {
        expect(codeOf(() => tweakKey(aggregateKeys([P, Q], port), tweak, isXOnly, port))).toBe('TWEAK_INVALID')
      })
  it('should not be at infinity, tweaked so', () => {
    const key = aggregateKeys([P], port)
    const a = port.reduce(taggedHash('KeyAgg coefficient', key.listHash, P))
    const opposite = port.negateScalar(port.mulScalars(a, bytes32(3n)))
    expect(codeOf(() => tweakKey(key, opposite, false, port))).toBe('AGGREGATE_AT_INFINITY')
  })
  it('should not be at infinity, summed so', () => {
    // Nobody finds such keys: the coefficients are hashes of all of them. So the arithmetic is asked in their place.
    const cancelling = { ...port, linearCombination: () => undefined }
    expect(codeOf(() => aggregateKeys([P, Q], cancelling))).toBe('AGGREGATE_AT_INFINITY')
  })
  it('should stay as it is with a tweak of zero', () => {
    const key = aggregateKeys([P, Q], port)
    expect(toHex(tweakKey(key, bytes32(0n), false, port).point)).toBe(toHex(key.point))
  })
  it('should give no weight to who is no part of it', () => {
    const other = nobleCurve.publicKeyOf(bytes32(9n))
    expect(codeOf(() => weightOf(aggregateKeys([P, Q], port), other, port))).toBe('OUR_PUB_KEY_IS_NOT_IN_PARAMS')
    expect(codeOf(() => weightOf(aggregateKeys([P, Q], port), port.negatePoint(P), port))).toBe(
      'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
    )
  })
  it('should be of no keys that are no points', () => {
    for (const [key, code] of [
      [new Uint8Array(33), 'KEY_INVALID'],
      [xOnly(P), 'KEY_LENGTH'],
      [concatBytes(Uint8Array.of(4), xOnly(P)), 'KEY_INVALID'],
    ] as const)
      expect(codeOf(() => aggregateKeys([P, key], port))).toBe(code)
    expect(codeOf(() => aggregateKeys([], port))).toBe('NO_KEYS')
  })
})

describe('keys of a MuSig2 signer', () => {
  it('should be opened of the even secret alone', () => {
    const secret = madeUp(1, nobleCurve).secretKey
    const odd = nobleCurve.negateScalar(secret)
    expect(() => openMusigKeys({ musig2: odd, nonceMaterial: bytes(32) })).toThrow(TypeError)
    for (const none of [new Uint8Array(32), bytes32(ORDER), secret.subarray(1)])
      expect(() => openMusigKeys({ musig2: none, nonceMaterial: bytes(32) })).toThrow(TypeError)
  })
})
