import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../../src/base/index.ts'
import {
  closeS2Keys,
  openS2Keys,
  stakePreimage,
  type WotsBits,
  wotsPublicKey,
  wotsSecretKey,
  wotsSign,
  wotsVerify,
} from '../../../../src/crypto/index.ts'
import { curve, sha256, xOnly } from '../../../../src/curve/index.ts'

interface WotsCase {
  readonly bits: WotsBits
  readonly txid?: string
  readonly vout?: number
  readonly index?: number
  readonly msg: string
  readonly secret_key: string
  readonly public_key: string
  readonly signature: string
}
interface PreimageCase {
  readonly txid: string
  readonly vout: number
  readonly stake_index: number
  readonly preimage: string
  readonly 'sha256(preimage)': string
}
const VECTORS = JSON.parse(readFileSync(join(import.meta.dirname, '../../../vectors/s2.json'), 'utf8')) as {
  readonly seed: string
  readonly keys: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly preimages: readonly PreimageCase[]
  readonly wots: readonly WotsCase[]
}
const open = () => openS2Keys(fromHex(VECTORS.seed))
const keyIn = (name: string): Readonly<Record<string, string>> => {
  const found = Object.entries(VECTORS.keys).find(([path]) => path.startsWith(name))
  if (found === undefined) throw new Error(name)
  return found[1]
}
const publicKeyOf = (secret: Uint8Array): string => toHex(xOnly(curve.publicKeyOf(secret)))

describe('keys of the secret-service interfaces', () => {
  it.each([
    ['musig2', 'musig2 '],
    ['general', 'general '],
    ['stakechain', 'stakechain_or_reserved '],
    ['p2p', 'p2p_secp256k1 '],
  ] as const)('should be derived as others do: %s', (key, name) => {
    const secret = open()[key]
    expect(toHex(secret)).toBe(keyIn(name).even_sk)
    expect(publicKeyOf(secret)).toBe(keyIn(name).xonly_pub)
    expect(curve.publicKeyOf(secret)[0]).toBe(2)
  })

  it.each([
    ['nonceMaterial', 'musig2_nonce '],
    ['wots128Material', 'wots128 '],
    ['wots256Material', 'wots256 '],
    ['preimageMaterial', 'preimage '],
  ] as const)('should be derived as others do: %s', (key, name) => {
    const [, material] = Object.entries(keyIn('ikm')).find(([path]) => path.startsWith(name)) ?? []
    expect(toHex(open()[key])).toBe(material)
  })

  it('should be derived as others do: p2pEd25519', () => {
    expect(toHex(open().p2pEd25519)).toBe(keyIn('p2p_ed25519 ').seed)
  })

  it.each([
    [
      '195a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
      'ac407ba319846e25d69c1c0cb2a845ab75ef93ad2e9e846cdc5cf6da766e00b2',
    ],
    [
      '175a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409',
      'c8200b381f7dd57f4c474d2bea56747fdfba32f2d20463f4269a1cf06a1acd77',
    ],
  ])('should have the public key that was published of seed %s', (seed, musig2) => {
    expect(publicKeyOf(openS2Keys(fromHex(seed)).musig2)).toBe(musig2)
  })

  it.each([0, 16, 31, 33, 64])('should be made of no seed of %i bytes', (length) => {
    expect(() => openS2Keys(new Uint8Array(length))).toThrow(TypeError)
  })

  it('should be gone when they are closed, and leave the seed as it was', () => {
    const seed = fromHex(VECTORS.seed)
    const keys = openS2Keys(seed)
    closeS2Keys(keys)
    for (const key of Object.values(keys)) expect(key).toEqual(new Uint8Array(32))
    expect(toHex(seed)).toBe(VECTORS.seed)
  })
})

describe('preimages of stakes', () => {
  it.each(VECTORS.preimages)('should be derived as others do: vout $vout, stake $stake_index', (c) => {
    const stake = { txid: fromHex(c.txid), vout: c.vout, index: c.stake_index }
    const preimage = stakePreimage(open().preimageMaterial, stake)
    expect([toHex(preimage), toHex(sha256(preimage))]).toEqual([c.preimage, c['sha256(preimage)']])
  })

  it.each([
    ['a txid of 31 bytes', { txid: new Uint8Array(31), vout: 0, index: 0 }],
    ['a vout of 33 bits', { txid: new Uint8Array(32), vout: 2 ** 32, index: 0 }],
    ['a vout below zero', { txid: new Uint8Array(32), vout: -1, index: 0 }],
    ['half an index', { txid: new Uint8Array(32), vout: 0, index: 0.5 }],
  ])('should be made of no %s', (_what, stake) => {
    expect(() => stakePreimage(open().preimageMaterial, stake)).toThrow(TypeError)
  })
})

describe('Winternitz one-time signatures', () => {
  it.each(VECTORS.wots)('should be as others make them: $bits bits, message $msg', (c) => {
    const { wots128Material, wots256Material } = open()
    const material = c.bits === 128 ? wots128Material : wots256Material
    if (c.txid !== undefined) {
      const place = { txid: fromHex(c.txid), vout: c.vout ?? -1, index: c.index ?? -1 }
      expect(toHex(wotsSecretKey(material, c.bits, place))).toBe(c.secret_key)
    }
    const [secretKey, message] = [fromHex(c.secret_key), fromHex(c.msg)]
    const signature = wotsSign(secretKey, message)
    expect([toHex(wotsPublicKey(secretKey)), toHex(signature)]).toEqual([c.public_key, c.signature])
    expect(wotsVerify(signature, message, fromHex(c.public_key))).toBe(true)
  })

  const [one] = VECTORS.wots
  const example = () => {
    if (one === undefined) throw new Error('no vectors')
    return { secretKey: fromHex(one.secret_key), publicKey: fromHex(one.public_key), message: fromHex(one.msg) }
  }

  it('should not verify once any byte of them is another', () => {
    const { secretKey, publicKey, message } = example()
    const signature = wotsSign(secretKey, message)
    for (const i of [0, 19, 20, 21, signature.length - 1]) {
      const other = signature.slice()
      other[i] = (other[i] ?? 0) ^ 1
      expect(wotsVerify(other, message, publicKey), `byte ${i}`).toBe(false)
    }
  })

  it('should not verify for another message, nor under another key', () => {
    const { secretKey, publicKey, message } = example()
    const signature = wotsSign(secretKey, message)
    const other = message.slice()
    other[0] = 1
    expect(wotsVerify(signature, other, publicKey)).toBe(false)
    expect(wotsVerify(signature, message, secretKey)).toBe(false)
  })

  it('should not let digits be raised: the checksum would have to fall', () => {
    const { secretKey, publicKey, message } = example()
    const raised = message.slice()
    raised[15] = 0x10
    const signature = wotsSign(secretKey, message)
    // What anybody can do with it: hash an element on, and name the higher digit.
    const forged = signature.slice()
    forged.set(wotsSign(secretKey, raised).subarray(0, 21), 0)
    expect(wotsVerify(forged, raised, publicKey)).toBe(false)
  })

  it.each([
    ['a short message', 15],
    ['a message of the other length', 32],
    ['none', 0],
  ])('should not be made for %s', (_what, length) => {
    expect(() => wotsSign(example().secretKey, new Uint8Array(length))).toThrow(TypeError)
    expect(
      wotsVerify(wotsSign(example().secretKey, example().message), new Uint8Array(length), example().publicKey),
    ).toBe(false)
  })

  it.each([0, 719, 721, 1359])('should have no key of %i bytes', (length) => {
    expect(() => wotsPublicKey(new Uint8Array(length))).toThrow(TypeError)
  })
})
