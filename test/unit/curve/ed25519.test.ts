import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/base/index.ts'
import { ed25519 as chosen, nobleEd25519, randomBytes } from '../../../src/curve/index.ts'

/** RFC 8032, 7.1: seed, public key, message, signature. */
const VECTORS = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
] as const

/** OpenSSL's, as Node has it: another maker's code for the same thing. */
const theirs = (seed: Uint8Array) =>
  createPrivateKey({
    key: Buffer.from(concatBytes(fromHex('302e020100300506032b657004220420'), seed)),
    format: 'der',
    type: 'pkcs8',
  })

describe.each([
  ['OpenSSL', chosen],
  ['noble', nobleEd25519],
] as const)('Ed25519 by %s', (_, ed25519) => {
  it.each(VECTORS)('should make what RFC 8032 publishes of seed %s', (seed, publicKey, message, signature) => {
    expect(toHex(ed25519.publicKeyOf(fromHex(seed)))).toBe(publicKey)
    expect(toHex(ed25519.sign(fromHex(message), fromHex(seed)))).toBe(signature)
    expect(ed25519.verify(fromHex(signature), fromHex(message), fromHex(publicKey))).toBe(true)
  })

  it('should sign as OpenSSL does, and verify what that signed', () => {
    for (let i = 0; i < 20; i++) {
      const [seed, message] = [randomBytes(32), randomBytes(i * 13)]
      const key = theirs(seed)
      const signature = Uint8Array.from(sign(null, message, key))
      expect(ed25519.sign(message, seed)).toEqual(signature)
      expect(ed25519.verify(signature, message, ed25519.publicKeyOf(seed))).toBe(true)
      expect(verify(null, message, createPublicKey(key), ed25519.sign(message, seed))).toBe(true)
    }
  })

  const seed = randomBytes(32)
  const message = utf8('what was agreed')
  const publicKey = ed25519.publicKeyOf(seed)
  const signature = ed25519.sign(message, seed)
  it('should refuse a signature, message or key that differs in one bit', () => {
    for (let at = 0; at < 64; at++) {
      const bent = (bytes: Uint8Array) => bytes.map((b, i) => (i === at % bytes.length ? b ^ 1 : b))
      expect(ed25519.verify(bent(signature), message, publicKey)).toBe(false)
      expect(ed25519.verify(signature, bent(message), publicKey)).toBe(false)
      expect(ed25519.verify(signature, message, bent(publicKey))).toBe(false)
    }
  })
  it('should refuse S plus the group order, which says the same of another string', () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + order
    const malleable = concatBytes(signature.slice(0, 32), fromHex(s.toString(16).padStart(64, '0')).reverse())
    expect(ed25519.verify(malleable, message, publicKey)).toBe(false)
  })
  it('should refuse a key of small order, under which a signature says nothing', () => {
    const identity = Uint8Array.of(1, ...new Uint8Array(31))
    const nothing = concatBytes(identity, new Uint8Array(32))
    expect(ed25519.verify(nothing, message, identity)).toBe(false)
  })
  it.each([0, 31, 33, 64])('should be false of a key or signature of %i bytes, without throwing', (length) => {
    expect(ed25519.verify(signature, message, new Uint8Array(length))).toBe(false)
    expect(ed25519.verify(new Uint8Array(length), message, publicKey)).toBe(false)
  })
  it.each([0, 31, 33, 64])('should throw TypeError on a seed of %i bytes', (length) => {
    expect(() => ed25519.publicKeyOf(new Uint8Array(length))).toThrow(TypeError)
    expect(() => ed25519.sign(message, new Uint8Array(length))).toThrow(TypeError)
  })
  it('should leave the seed as it was', () => {
    const before = toHex(seed)
    ed25519.sign(message, seed)
    ed25519.publicKeyOf(seed)
    expect(toHex(seed)).toBe(before)
  })
})
