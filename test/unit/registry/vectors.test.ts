import {
  AddressHashMode,
  AddressVersion,
  addressFromPublicKeys,
  addressToString,
  createStacksPublicKey,
} from '@stacks/transactions'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { hash160, parsePublicKey, peerIdOfKey } from '../../../src/curve/index.ts'
import {
  decodeAddress,
  encodeAddress,
  MAINNET_CHAIN_ID,
  parseContractId,
  principalOf,
  redeemScript,
  TESTNET_CHAIN_ID,
} from '../../../src/registry/index.ts'
import vectors from '../../vectors/registry.json' with { type: 'json' }
import { publicKeys } from './support/fixtures.ts'

const KEYS = vectors.new_keys.map(parsePublicKey)

describe('registry vectors', () => {
  it('should compute the principal hash of the real rotation', () => {
    expect(toHex(hash160(redeemScript(KEYS, 2)))).toBe(vectors.new_address_hash160)
    expect(toHex(decodeAddress(principalOf(TESTNET_CHAIN_ID, KEYS, 2)).hash)).toBe(vectors.new_address_hash160)
  })

  it('should depend on the order of the keys', () => {
    expect(principalOf(TESTNET_CHAIN_ID, KEYS.toReversed(), 2)).not.toBe(principalOf(TESTNET_CHAIN_ID, KEYS, 2))
  })

  it('should use version 0x14 on mainnet and 0x15 elsewhere', () => {
    expect(decodeAddress(principalOf(MAINNET_CHAIN_ID, KEYS, 2)).version).toBe(0x14)
    expect(decodeAddress(principalOf(TESTNET_CHAIN_ID, KEYS, 2)).version).toBe(0x15)
    expect(decodeAddress(principalOf(7, KEYS, 2)).version).toBe(0x15)
  })

  it('should agree with the Stacks library on multisig addresses', () => {
    for (const [n, m] of [
      [2, 2],
      [5, 3],
      [9, 5],
      [15, 15],
    ] as const) {
      const keys = publicKeys(n)
      const wire = keys.map((k) => createStacksPublicKey(k))
      const theirs = addressFromPublicKeys(AddressVersion.MainnetMultiSig, AddressHashMode.P2SHNonSequential, m, wire)
      expect(principalOf(MAINNET_CHAIN_ID, keys, m)).toBe(addressToString(theirs))
    }
  })

  it.each([
    [
      '0280badf5208c6a1cdcd90ead9ee3af7fcd8f75fb80342cf31f015af61100d3809',
      '16Uiu2HAm46BSFWYYWzMjhTRDRwXHpDWpQ32iu93nzDwd1F4Tt256',
    ],
    [
      '020811f5bd7d889fd9bb7dbaacff9677f42527ce44b7f836c602f4acc3e2d11e21',
      '16Uiu2HAkuyB8ECXxACm8hzQj4vZ2iWrYMF3xcKNf1oJJ1NuQEMvQ',
    ],
    [
      '02095c2f105999815604dd2a1a700488f9bebc67991a0458f84b64fde1ef22868a',
      '16Uiu2HAkv4DBE9f9eg53RoRYsfuzJXdoAvRU91gb6oii5pTseo1j',
    ],
    ...Object.entries(vectors.peer_ids),
  ])('should derive the PeerID of %s', (key, peerId) => {
    expect(peerIdOfKey(parsePublicKey(key))).toBe(peerId)
  })
})

describe('c32check addresses', () => {
  it('should encode and decode any hash under any version', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31 }), fc.uint8Array({ minLength: 20, maxLength: 20 }), (version, hash) => {
        const address = encodeAddress(version, hash)
        expect(decodeAddress(address)).toEqual({ version, hash })
        const theirs = addressToString({ type: 0, version, hash160: toHex(hash) } as Parameters<
          typeof addressToString
        >[0])
        expect(address).toBe(theirs)
      }),
      { numRuns: 200 },
    )
  })

  it('should agree with the library on leading zero bytes', () => {
    for (const zeros of [1, 2, 8, 19, 20]) {
      const hash = new Uint8Array(20).fill(0xab, zeros)
      const theirs = addressToString({ type: 0, version: 21, hash160: toHex(hash) } as Parameters<
        typeof addressToString
      >[0])
      expect(encodeAddress(21, hash)).toBe(theirs)
      expect(decodeAddress(theirs).hash).toEqual(hash)
    }
  })

  const GOOD = 'SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4'
  it('should read the mainnet deployer', () => {
    expect(decodeAddress(GOOD).version).toBe(20)
    expect(encodeAddress(20, decodeAddress(GOOD).hash)).toBe(GOOD)
  })
  it.each([
    ['a mistyped character', GOOD.replace('X32', 'X33')],
    ['another version', `SP${GOOD.slice(2)}`],
    ['lower case', GOOD.toLowerCase()],
    ['a letter outside the alphabet', GOOD.replace('K', 'L')],
    ['a character too many', `${GOOD}0`],
    ['a character too few', GOOD.slice(0, -1)],
    ['a spare leading zero', `SM0${GOOD.slice(2)}`],
    ['nothing', ''],
    ['one letter', 'S'],
    ['a very long text', `SM${'0'.repeat(10_000)}`],
  ])('should refuse %s', (_what, address) => {
    expect(() => decodeAddress(address)).toThrow(TypeError)
  })
  it('should refuse a hash of another length, and a version beyond 31', () => {
    expect(() => encodeAddress(20, fromHex('00'.repeat(19)))).toThrow(TypeError)
    expect(() => encodeAddress(32, fromHex('00'.repeat(20)))).toThrow(TypeError)
  })

  it('should read a contract id, and refuse what is none', () => {
    expect(parseContractId(`${GOOD}.sbtc-registry`)).toEqual({ address: GOOD, name: 'sbtc-registry' })
    for (const bad of [
      GOOD,
      `${GOOD}.`,
      `${GOOD}.a.b`,
      `${GOOD}.../v2`,
      `${GOOD}.a/b`,
      `${GOOD}.1a`,
      `x.${GOOD}`,
      `${GOOD}.a?b`,
    ])
      expect(() => parseContractId(bad), bad).toThrow(TypeError)
  })
})

describe('R3: principals', () => {
  it('should make one for 16 keys of which 16 must sign', () => {
    expect(principalOf(TESTNET_CHAIN_ID, publicKeys(16), 16)).toMatch(/^SN/)
  })
  it.each([
    [17, 9],
    [17, 17],
    [128, 65],
  ])('R3: should refuse %i keys with threshold %i', (n, m) => {
    const act = () => principalOf(TESTNET_CHAIN_ID, publicKeys(n), m)
    expect(act).toThrow(expect.objectContaining({ code: 'SET_TOO_LARGE_FOR_PRINCIPAL' }))
  })
  it('R3: should refuse a threshold above 16 whatever the keys', () => {
    const act = () => principalOf(TESTNET_CHAIN_ID, publicKeys(3), 17)
    expect(act).toThrow(expect.objectContaining({ code: 'SET_TOO_LARGE_FOR_PRINCIPAL' }))
  })
  it.each([0, 4, 1.5, -1])('should refuse threshold %d of 3 keys', (m) => {
    const act = () => principalOf(TESTNET_CHAIN_ID, publicKeys(3), m)
    expect(act).toThrow(expect.objectContaining({ code: 'INVALID_THRESHOLD' }))
  })
})
