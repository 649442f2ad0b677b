import { describe, expect, it } from 'vitest'
import { codeOf, fromHex, toHex } from '../../../src/base/index.ts'
import { decodeKeyPackage, encodeKeyPackage, type KeyPackage } from '../../../src/crypto/index.ts'
import { curve, KeyPair } from '../../../src/curve/index.ts'
import { keygen } from './keygen-fixtures.ts'

const [key, second] = keygen(3, 2) as [KeyPackage, KeyPackage]
const [foreign] = keygen(3, 2) as [KeyPackage]
const codeFrom = (act: () => unknown): string | undefined => {
  try {
    act()
    return undefined
  } catch (error) {
    return codeOf(error) ?? 'not a coded error'
  }
}
const refused = (bytes: Uint8Array) => expect(codeFrom(() => decodeKeyPackage(bytes))).toBe('KEY_PACKAGE_INVALID')
const changed = (at: number, to: Uint8Array): Uint8Array => {
  const bytes = encodeKeyPackage(key)
  bytes.set(to, at)
  return bytes
}
/** 3 members, 2 commitments, 3 verifying shares, owner, share. */
const OFFSET = { members: 3, commitments: 3 + 3 * 33, shares: 3 + 5 * 33, owner: 3 + 8 * 33, share: 3 + 9 * 33 }

describe('the key package on disk', () => {
  it('should come back as it was', () => {
    for (const k of keygen(4, 3)) expect(decodeKeyPackage(encodeKeyPackage(k))).toEqual(k)
  })
  it('should refuse another version', () => refused(changed(0, Uint8Array.of(2))))
  it('should refuse no bytes', () => refused(new Uint8Array()))
  it('should refuse every length but its own', () => {
    const bytes = encodeKeyPackage(key)
    for (const n of [1, 2, 3, 33, bytes.length - 1]) refused(bytes.subarray(0, n))
    refused(Uint8Array.of(...bytes, 0))
  })
  it('should refuse no members and no commitments', () => {
    const bytes = new Uint8Array(3 + 33 + 32)
    bytes.set([1, 0, 0])
    refused(bytes)
  })
  it('should refuse a threshold of one', () => {
    const bytes = encodeKeyPackage(key)
    refused(Uint8Array.of(1, 1, 3, ...bytes.subarray(3, OFFSET.commitments + 33), ...bytes.subarray(OFFSET.shares)))
  })
  it('should refuse members out of order', () => {
    const [a, b] = key.public.members.map(fromHex) as [Uint8Array, Uint8Array]
    refused(changed(OFFSET.members, Uint8Array.of(...b, ...a)))
  })
  it('should refuse a member twice', () => {
    const [a] = key.public.members.map(fromHex) as [Uint8Array]
    refused(changed(OFFSET.members, Uint8Array.of(...a, ...a)))
  })
  it('should refuse a member that is no key', () => refused(changed(OFFSET.members, new Uint8Array(33).fill(2, 0, 1))))
  it('should refuse a commitment that is no point', () => refused(changed(OFFSET.commitments + 33, new Uint8Array(33))))
  it('should refuse a verifying share that is no point', () => refused(changed(OFFSET.shares, new Uint8Array(33))))
  it('should refuse commitments of another key', () =>
    refused(changed(OFFSET.commitments, Uint8Array.of(...foreign.public.commitments.flatMap((c) => [...c])))))
  it('should refuse a higher commitment of another key', () =>
    refused(changed(OFFSET.commitments + 33, foreign.public.commitments[1] ?? new Uint8Array())))
  it('should refuse a verifying share of another key, though it is not the owner’s', () =>
    refused(changed(OFFSET.shares + 2 * 33, [...foreign.public.verifyingShares.values()][2] ?? new Uint8Array())))
  it('should refuse two verifying shares in each other’s place', () => {
    const [, a, b] = [...key.public.verifyingShares.values()] as [Uint8Array, Uint8Array, Uint8Array]
    refused(changed(OFFSET.shares + 33, Uint8Array.of(...b, ...a)))
  })
  it('should refuse a group key of odd Y', () => {
    const negated: KeyPackage = {
      ...key,
      signingShare: curve.negateScalar(key.signingShare),
      public: {
        ...key.public,
        commitments: key.public.commitments.map(curve.negatePoint),
        verifyingShares: new Map([...key.public.verifyingShares].map(([m, v]) => [m, curve.negatePoint(v)])),
      },
    }
    refused(encodeKeyPackage(negated))
  })
  it('should refuse an owner who is no member', () =>
    refused(changed(OFFSET.owner, fromHex(KeyPair.generate().publicKey))))
  it('should refuse the share of another member', () => refused(changed(OFFSET.share, second.signingShare)))
  it('should refuse a share of zero', () => refused(changed(OFFSET.share, new Uint8Array(32))))
  it('should refuse a share beyond the order', () => refused(changed(OFFSET.share, new Uint8Array(32).fill(0xff))))
  it('should not tell the share in its errors', () => {
    const bytes = changed(OFFSET.commitments + 33, foreign.public.commitments[1] ?? new Uint8Array())
    let told = ''
    try {
      decodeKeyPackage(bytes)
    } catch (error) {
      told = String(error) + JSON.stringify(error)
    }
    expect(told).not.toBe('')
    expect(told).not.toContain(toHex(key.signingShare))
  })
})
