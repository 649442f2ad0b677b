import { describe, expect, it } from 'vitest'
import { type Bip340Parts, bip340Sign, bip340Verify } from '../../../src/curve/bip340.ts'
import { nobleCurve } from '../../../src/curve/index.ts'
import { bytes32, ORDER } from './values.ts'

/** The parts that the fast backend brings, made of noble. */
const PARTS: Bip340Parts = {
  ...nobleCurve,
  reduce: (bytes) => bytes32(BigInt(`0x${Buffer.from(bytes).toString('hex')}`) % ORDER),
}
const MESSAGE = new Uint8Array(32).fill(1)
const SECRET = bytes32(6n)
const KEY = nobleCurve.publicKeyOf(SECRET).subarray(1)
const AUX = new Uint8Array(32)

describe('BIP340 from parts', () => {
  it('should be that of noble', () => {
    const signature = bip340Sign(PARTS, MESSAGE, SECRET, AUX)
    expect(signature).toEqual(nobleCurve.schnorrSign(MESSAGE, SECRET, AUX))
    expect(bip340Verify(PARTS, signature, MESSAGE, KEY)).toBe(true)
  })
  it.each(['mulScalars', 'addScalars'] as const)(
    'should give no signature away when %s computes wrongly: it could reveal the key',
    (name) => {
      const wrong: Bip340Parts = { ...PARTS, [name]: () => bytes32(5n) }
      expect(() => bip340Sign(wrong, MESSAGE, SECRET, AUX)).toThrow('BIP340')
    },
  )
  it('should refuse a nonce of zero', () => {
    expect(() => bip340Sign({ ...PARTS, reduce: () => bytes32(0n) }, MESSAGE, SECRET, AUX)).toThrow(TypeError)
  })
  it('should sign and verify under a challenge of zero, which is not the nonce', () => {
    let calls = 0
    const signing: Bip340Parts = { ...PARTS, reduce: (b) => (calls++ === 0 ? PARTS.reduce(b) : bytes32(0n)) }
    const signature = bip340Sign(signing, MESSAGE, SECRET, AUX)
    expect(bip340Verify({ ...PARTS, reduce: () => bytes32(0n) }, signature, MESSAGE, KEY)).toBe(true)
    expect(bip340Verify(PARTS, signature, MESSAGE, KEY)).toBe(false)
  })
  it('should be false for s = 0 under a challenge of zero: R is at infinity', () => {
    const zero: Bip340Parts = { ...PARTS, reduce: () => bytes32(0n) }
    expect(bip340Verify(zero, new Uint8Array(64), MESSAGE, KEY)).toBe(false)
  })
})
