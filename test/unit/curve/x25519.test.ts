import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../src/base/index.ts'
import { x25519 as chosen, nobleX25519, randomBytes } from '../../../src/curve/index.ts'

/** RFC 7748, 5.2: scalar, u coordinate, result. */
const VECTORS = [
  [
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
] as const
/** The same page, 6.1. */
const ALICE = {
  secret: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  publicKey: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
}
const BOB = {
  secret: '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
  publicKey: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
}
const SHARED = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
/** Every u of small order, with the spellings beyond the field. */
const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  `${'00'.repeat(31)}80`,
]

/** OpenSSL's, as Node has it. */
const theirs = (secret: Uint8Array) =>
  createPrivateKey({
    key: Buffer.from(concatBytes(fromHex('302e020100300506032b656e04220420'), secret)),
    format: 'der',
    type: 'pkcs8',
  })

describe.each([
  ['OpenSSL', chosen],
  ['noble', nobleX25519],
] as const)('X25519 by %s', (_, x25519) => {
  it.each(VECTORS)('should make what RFC 7748 publishes of %s', (secret, u, result) => {
    expect(toHex(x25519.sharedSecret(fromHex(secret), fromHex(u)))).toBe(result)
  })
  it('should come to what RFC 7748 publishes after a thousand times', () => {
    let [k, u] = [Uint8Array.of(9, ...new Uint8Array(31)), Uint8Array.of(9, ...new Uint8Array(31))]
    for (let i = 1; i <= 1_000; i++) {
      ;[k, u] = [Uint8Array.from(x25519.sharedSecret(k, u)), k]
      if (i === 1) expect(toHex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079')
    }
    expect(toHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51')
  })
  it('should agree with itself at both ends, as published', () => {
    expect(toHex(x25519.publicKeyOf(fromHex(ALICE.secret)))).toBe(ALICE.publicKey)
    expect(toHex(x25519.publicKeyOf(fromHex(BOB.secret)))).toBe(BOB.publicKey)
    expect(toHex(x25519.sharedSecret(fromHex(ALICE.secret), fromHex(BOB.publicKey)))).toBe(SHARED)
    expect(toHex(x25519.sharedSecret(fromHex(BOB.secret), fromHex(ALICE.publicKey)))).toBe(SHARED)
  })
  it('should agree with OpenSSL', () => {
    for (let i = 0; i < 10; i++) {
      const [mine, other] = [randomBytes(32), randomBytes(32)]
      const shared = diffieHellman({ privateKey: theirs(mine), publicKey: createPublicKey(theirs(other)) })
      expect(toHex(x25519.sharedSecret(mine, x25519.publicKeyOf(other)))).toBe(shared.toString('hex'))
    }
  })

  it.each(SMALL_ORDER)('should refuse a key of small order, of which all know the result: %s', (u) => {
    expect(() => x25519.sharedSecret(randomBytes(32), fromHex(u))).toThrow(TypeError)
  })
  it.each([0, 31, 33, 64])('should throw TypeError on a secret or key of %i bytes', (length) => {
    const bad = randomBytes(length)
    expect(() => x25519.publicKeyOf(bad)).toThrow(TypeError)
    expect(() => x25519.sharedSecret(bad, fromHex(BOB.publicKey))).toThrow(TypeError)
    expect(() => x25519.sharedSecret(fromHex(ALICE.secret), bad)).toThrow(TypeError)
  })
  it('should leave the secret as it was', () => {
    const secret = randomBytes(32)
    const before = toHex(secret)
    x25519.sharedSecret(secret, fromHex(BOB.publicKey))
    expect(toHex(secret)).toBe(before)
  })
})
