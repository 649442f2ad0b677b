import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, utf8 } from '../../../src/base/index.ts'
import {
  checkEqualLogs,
  EphemeralKey,
  type EqualLogs,
  openRevealed,
  type PairContext,
  proveEqualLogs,
  revealPair,
  sealPair,
} from '../../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes } from '../../../src/curve/index.ts'

const point = () => curve.publicKeyOf(curve.randomScalar())
function example(): { secret: Uint8Array; logs: EqualLogs } {
  const secret = curve.randomScalar()
  const base = point()
  const logs = { context: utf8('here'), key: curve.publicKeyOf(secret), base, shared: curve.ecdhPoint(secret, base) }
  return { secret, logs }
}
const ORDER = Uint8Array.from(Buffer.from('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'hex'))

describe('R18: a proof that two points have one discrete logarithm', () => {
  it('should stand for what is so', () => {
    for (let i = 0; i < 5; i++) {
      const { secret, logs } = example()
      expect(checkEqualLogs(logs, proveEqualLogs(secret, logs))).toBe(true)
    }
  })
  it('should differ each time, and by its secret even where chance is broken', () => {
    const { secret, logs } = example()
    expect(proveEqualLogs(secret, logs)).not.toEqual(proveEqualLogs(secret, logs))
    const broken = () => new Uint8Array(32)
    // The nonce that a proof was made with, as its secret's holder can work it out again.
    const nonceOf = (l: EqualLogs, s = secret) => {
      const proof = proveEqualLogs(s, l, broken)
      return curve.addScalars(proof.slice(32), curve.negateScalar(curve.mulScalars(proof.slice(0, 32), s)))
    }
    // One nonce under two statements, or one that anybody can work out, would give the secret away.
    expect(nonceOf(logs)).not.toEqual(nonceOf({ ...logs, context: utf8('there') }))
    expect(nonceOf(logs)).not.toEqual(nonceOf(logs, curve.randomScalar()))
  })
  it('should stand for no other statement', () => {
    const { secret, logs } = example()
    const proof = proveEqualLogs(secret, logs)
    const others: readonly EqualLogs[] = [
      { ...logs, context: utf8('there') },
      { ...logs, key: point() },
      { ...logs, base: point() },
      { ...logs, shared: point() },
      { ...logs, shared: curve.negatePoint(logs.shared) },
      { ...logs, key: logs.base, base: logs.key },
      { ...logs, shared: new Uint8Array(33) },
      { ...logs, key: new Uint8Array(0) },
    ]
    for (const other of others) expect(checkEqualLogs(other, proof)).toBe(false)
  })
  it('should not be made for a wrong point, by the secret’s own holder', () => {
    const { secret, logs } = example()
    const wrong = { ...logs, shared: point() }
    expect(checkEqualLogs(wrong, proveEqualLogs(secret, wrong))).toBe(false)
    // A secret of the key, another one over the base.
    const second = curve.randomScalar()
    const split = { ...logs, shared: curve.ecdhPoint(second, logs.base) }
    for (const s of [secret, second]) expect(checkEqualLogs(split, proveEqualLogs(s, split))).toBe(false)
  })
  it('should be refused malformed, without throwing (property)', () => {
    const { secret, logs } = example()
    const proof = proveEqualLogs(secret, logs)
    const bad = [
      new Uint8Array(0),
      new Uint8Array(64),
      proof.subarray(1),
      concatBytes(proof, Uint8Array.of(0)),
      concatBytes(proof.slice(0, 32), ORDER),
      concatBytes(ORDER, proof.slice(32)),
      concatBytes(new Uint8Array(32), proof.slice(32)),
    ]
    for (const b of bad) expect(checkEqualLogs(logs, b)).toBe(false)
    fc.assert(
      fc.property(fc.nat({ max: 63 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(proof, (byte, i) => (i === at ? byte ^ flip : byte))
        expect(checkEqualLogs(logs, changed)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })
})

describe('R18: a revealed pair secret', () => {
  const dealer = KeyPair.generate().publicKey
  const receiver = KeyPair.generate().publicKey
  const context: PairContext = { attempt: randomBytes(32), dealer, receiver }
  const dealerKey = EphemeralKey.generate()
  const receiverKey = EphemeralKey.generate()
  const secret = randomBytes(32)
  const box = sealPair(context, dealerKey, receiverKey.publicKey, secret)
  const reveal = revealPair(context, receiverKey, dealerKey.publicKey)
  const open = (c = context, d = dealerKey.publicKey, r = receiverKey.publicKey, v = reveal, b = box) =>
    openRevealed(c, d, r, v, b)

  it('should open that box for anybody, and leave the reveal as it was', () => {
    expect(open()).toEqual(secret)
    expect(open()).toEqual(secret)
  })
  it('should say of a box that nobody sealed so that it does not open', () => {
    expect(open(context, undefined, undefined, undefined, randomBytes(48))).toBeUndefined()
  })
  it('should be unproven with another point, attempt, member or key', () => {
    const other = EphemeralKey.generate()
    expect(open(context, undefined, undefined, { ...reveal, point: point() })).toBe('unproven')
    expect(open({ ...context, attempt: randomBytes(32) })).toBe('unproven')
    expect(open({ ...context, dealer: receiver })).toBe('unproven')
    expect(open({ ...context, receiver: dealer })).toBe('unproven')
    expect(open(context, other.publicKey)).toBe('unproven')
    expect(open(context, undefined, other.publicKey)).toBe('unproven')
    expect(open(context, undefined, undefined, revealPair(context, other, dealerKey.publicKey))).toBe('unproven')
  })
  it('should open no other box of the same receiver', () => {
    const second = EphemeralKey.generate()
    const others = { ...context, dealer: KeyPair.generate().publicKey }
    const otherBox = sealPair(others, second, receiverKey.publicKey, secret)
    expect(openRevealed(others, second.publicKey, receiverKey.publicKey, reveal, otherBox)).toBe('unproven')
    expect(open(context, undefined, undefined, undefined, otherBox)).toBeUndefined()
  })
  it('should be made by no destroyed key', () => {
    const gone = EphemeralKey.generate()
    gone.destroy()
    expect(() => revealPair(context, gone, dealerKey.publicKey)).toThrow()
  })
})
