import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, type PeerIdStr, toHex } from '../../../src/base/index.ts'
import {
  curve,
  KeyPair,
  keyOfPeerId,
  liftEven,
  parsePeerId,
  parsePublicKey,
  peerIdOfKey,
  publicKeyBytes,
  verifyTagged,
  xOnly,
} from '../../../src/curve/index.ts'

const G = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
const FIELD = 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'

const vectors: { readonly new_keys: readonly string[]; readonly peer_ids: Readonly<Record<string, string>> } =
  JSON.parse(readFileSync(new URL('../../vectors/registry.json', import.meta.url), 'utf8'))

describe('parsePublicKey', () => {
  it('should take the keys of a real rotation, from hex and from bytes alike', () => {
    expect(vectors.new_keys).toHaveLength(3)
    for (const hex of vectors.new_keys) {
      expect(parsePublicKey(hex)).toBe(hex)
      expect(parsePublicKey(fromHex(hex))).toBe(hex)
      expect(publicKeyBytes(parsePublicKey(hex))).toEqual(fromHex(hex))
    }
  })

  for (const [defect, input] of Object.entries<string | Uint8Array>({
    empty: '',
    'in upper case': G.toUpperCase(),
    'with a 0x prefix': `0x${G}`,
    'x-only': G.slice(2),
    'a digit short': G.slice(0, -1),
    'a byte long': `${G}00`,
    'with prefix 04': `04${G.slice(2)}`,
    'with prefix 00': `00${G.slice(2)}`,
    'of prefix 06 (hybrid)': `06${G.slice(2)}`,
    'with x beyond the field': `02${FIELD}`,
    'with x = 0, which is on no point': `02${'00'.repeat(32)}`,
    'with x = 5, which is on no point': `02${'05'.padStart(64, '0')}`,
    'not hex': 'zz'.repeat(33),
    'no bytes': new Uint8Array(0),
    '32 bytes': fromHex(G).subarray(1),
    '65 bytes of an uncompressed point': new Uint8Array(65).fill(4),
    'one zero byte, the identity': new Uint8Array(1),
    '33 zero bytes': new Uint8Array(33),
  }))
    it(`should refuse a key that is ${defect}`, () => {
      expect(() => parsePublicKey(input)).toThrow(TypeError)
    })
})

describe('PeerIDs', () => {
  it('should be those that the reference publishes', () => {
    expect(Object.keys(vectors.peer_ids)).toHaveLength(2)
    for (const [key, peerId] of Object.entries(vectors.peer_ids)) {
      expect(peerIdOfKey(parsePublicKey(key))).toBe(peerId)
      expect(keyOfPeerId(peerId)).toBe(key)
      expect(parsePeerId(peerId)).toBe(peerId)
    }
  })

  const good = Object.values(vectors.peer_ids)[0] ?? ''
  for (const [defect, text] of Object.entries({
    empty: '',
    'cut short': good.slice(0, -1),
    'a character longer': `${good}1`,
    'with a changed last character': `${good.slice(0, -1)}${good.endsWith('6') ? '7' : '6'}x`,
    'with a leading 1, another spelling of zero bytes': `1${good}`,
    'of an ed25519 key': '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA',
    'of an RSA key': 'QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC',
    'with characters outside base58': good.replace('A', '0'),
    'with a space before it': ` ${good}`,
    'a CIDv1': 'bafzaajaiaejcbzdibmxyzdjbtjslsuczv4mzb5rm5dfurkw4grsrqovrqkqk4n5f',
    'a kilobyte of digits': '1'.repeat(1024),
  }))
    it(`should be refused, never thrown at, ${defect}`, () => {
      expect(keyOfPeerId(text)).toBeUndefined()
      expect(() => parsePeerId(text)).toThrow(TypeError)
    })

  it('should hold a point: 33 bytes that are none are no key', () => {
    const onNoPoint = peerIdOfKey(`02${'05'.padStart(64, '0')}` as Parameters<typeof peerIdOfKey>[0])
    expect(onNoPoint.startsWith('16Uiu2HA')).toBe(true)
    expect(keyOfPeerId(onNoPoint)).toBeUndefined()
  })
})

describe('KeyPair', () => {
  const one = fromHex('01'.padStart(64, '0'))

  it('should have the key of its secret, and the PeerID of its key', () => {
    const pair = KeyPair.fromSecret(one)
    expect(pair.publicKey).toBe(G)
    expect(pair.peerId).toBe(peerIdOfKey(pair.publicKey) satisfies PeerIdStr)
  })

  for (const [defect, secret] of Object.entries({
    zero: new Uint8Array(32),
    'the group order': fromHex(ORDER),
    'beyond the group order': new Uint8Array(32).fill(255),
    '31 bytes': one.subarray(1),
    '33 bytes': Uint8Array.of(0, ...one),
    empty: new Uint8Array(0),
  }))
    it(`should refuse a secret that is ${defect}`, () => {
      expect(() => KeyPair.fromSecret(secret)).toThrow(TypeError)
    })

  it('should keep a copy: zeroing what it was made of changes nothing', () => {
    const secret = Uint8Array.from(one)
    const pair = KeyPair.fromSecret(secret)
    secret.fill(0)
    expect(pair.exposeSecret()).toEqual(one)
    pair.exposeSecret().fill(0)
    expect(pair.exposeSecret()).toEqual(one)
  })

  it('should be useless once destroyed', () => {
    const pair = KeyPair.fromSecret(one)
    pair.destroy()
    expect(pair.exposeSecret()).toEqual(new Uint8Array(32))
    expect(() => pair.sign('tag', one)).toThrow()
  })

  it('should never render its secret', () => {
    const pair = KeyPair.generate()
    const secret = toHex(pair.exposeSecret())
    expect(JSON.stringify({ pair })).toBe(JSON.stringify({ pair: pair.publicKey }))
    expect(Object.values(pair).join()).not.toContain(secret)
  })

  it('should sign for one tag, message and key only', () => {
    const pair = KeyPair.fromSecret(one)
    const message = Uint8Array.of(1, 2, 3)
    const key = publicKeyBytes(pair.publicKey)
    const signature = pair.sign('countersign/test', message)
    expect(signature).toHaveLength(64)
    expect(verifyTagged('countersign/test', message, signature, key)).toBe(true)
    expect(verifyTagged('countersign/other', message, signature, key)).toBe(false)
    expect(verifyTagged('countersign/test', Uint8Array.of(1, 2), signature, key)).toBe(false)
    expect(verifyTagged('countersign/test', message, signature, publicKeyBytes(KeyPair.generate().publicKey))).toBe(
      false,
    )
  })

  it('should be plain false, never throw, for malformed signatures and keys', () => {
    const pair = KeyPair.fromSecret(one)
    const message = Uint8Array.of(1)
    const key = publicKeyBytes(pair.publicKey)
    const signature = pair.sign('t', message)
    expect(verifyTagged('t', message, signature, key)).toBe(true)
    for (const bad of [
      new Uint8Array(0),
      signature.subarray(1),
      Uint8Array.of(...signature, 0),
      new Uint8Array(64),
      new Uint8Array(64).fill(255),
    ])
      expect(verifyTagged('t', message, bad, key)).toBe(false)
    for (const bad of [new Uint8Array(0), key.subarray(1), new Uint8Array(33), new Uint8Array(65).fill(4)])
      expect(verifyTagged('t', message, signature, bad)).toBe(false)
  })

  it('R12: should refuse the high-s form of a valid signature', () => {
    const pair = KeyPair.fromSecret(one)
    const signature = pair.sign('t', one)
    const high = Uint8Array.of(...signature.subarray(0, 32), ...curve.negateScalar(signature.subarray(32)))
    expect(verifyTagged('t', one, signature, publicKeyBytes(pair.publicKey))).toBe(true)
    expect(verifyTagged('t', one, high, publicKeyBytes(pair.publicKey))).toBe(false)
  })
})

describe('the curve port', () => {
  it('should refuse malformed points and scalars in arithmetic with TypeError', () => {
    const g = fromHex(G)
    const scalar = fromHex('02'.padStart(64, '0'))
    for (const bad of [new Uint8Array(33), g.subarray(1), new Uint8Array(65).fill(4), Uint8Array.of(0)]) {
      expect(() => curve.addPoints(g, bad)).toThrow(TypeError)
      expect(() => curve.negatePoint(bad)).toThrow(TypeError)
      expect(() => curve.mulPointPublic(bad, scalar)).toThrow(TypeError)
      expect(curve.isPoint(bad)).toBe(false)
    }
    for (const bad of [fromHex(ORDER), scalar.subarray(1), Uint8Array.of(0, ...scalar)]) {
      expect(() => curve.addScalars(scalar, bad)).toThrow(TypeError)
      expect(() => curve.negateScalar(bad)).toThrow(TypeError)
      expect(() => curve.mulPointPublic(g, bad)).toThrow(TypeError)
    }
  })

  it('should agree with itself: (a + b)·G = a·G + b·G, and −P has the other parity', () => {
    const [a, b] = [curve.randomScalar(), curve.randomScalar()]
    const sum = curve.publicKeyOf(curve.addScalars(a, b))
    expect(sum).toEqual(curve.addPoints(curve.publicKeyOf(a), curve.publicKeyOf(b)))
    expect(curve.publicKeyOf(curve.negateScalar(a))).toEqual(curve.negatePoint(curve.publicKeyOf(a)))
    expect(curve.negatePoint(sum)[0]).not.toBe(sum[0])
    expect(xOnly(curve.negatePoint(sum))).toEqual(xOnly(sum))
    expect(liftEven(xOnly(sum))[0]).toBe(2)
    expect(curve.mulPointPublic(fromHex(G), a)).toEqual(curve.publicKeyOf(a))
  })
})
