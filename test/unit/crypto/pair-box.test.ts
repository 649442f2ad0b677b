import { describe, expect, it } from 'vitest'
import { type PublicKey, toHex, utf8 } from '../../../src/base/index.ts'
import {
  boxHash,
  checkDealerKey,
  checkReceiverKey,
  EphemeralKey,
  openPair,
  type PairContext,
  proveDealerKey,
  proveReceiverKey,
  sealPair,
} from '../../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes } from '../../../src/curve/index.ts'

const member = (): PublicKey => KeyPair.generate().publicKey
const context: PairContext = { attempt: randomBytes(32), dealer: member(), receiver: member() }
const [dealerKey, receiverKey, strangerKey] = [
  EphemeralKey.generate(),
  EphemeralKey.generate(),
  EphemeralKey.generate(),
]
const secret = utf8('a share')
const box = sealPair(context, dealerKey, receiverKey.publicKey, secret)
const open = (c: PairContext, key = receiverKey, from = dealerKey.publicKey, what = box) => openPair(c, key, from, what)

describe('R18: the pair box', () => {
  it('should open for its receiver', () => {
    expect(open(context)).toEqual(secret)
  })
  it('should not open in another attempt', () => {
    expect(open({ ...context, attempt: randomBytes(32) })).toBeUndefined()
  })
  it('should not open as another dealer’s', () => {
    expect(open({ ...context, dealer: member() })).toBeUndefined()
  })
  it('should not open as another receiver’s', () => {
    expect(open({ ...context, receiver: member() })).toBeUndefined()
  })
  it('should not open with dealer and receiver swapped', () => {
    expect(open({ ...context, dealer: context.receiver, receiver: context.dealer })).toBeUndefined()
  })
  it('should not open with another receiver key', () => {
    expect(open(context, strangerKey)).toBeUndefined()
  })
  it('should not open with another dealer key', () => {
    expect(open(context, receiverKey, strangerKey.publicKey)).toBeUndefined()
  })
  it('should not open under the negated dealer key, which has the same x', () => {
    expect(open(context, receiverKey, curve.negatePoint(dealerKey.publicKey))).toBeUndefined()
  })
  it('should not open with a dealer key that is no point', () => {
    expect(open(context, receiverKey, new Uint8Array(33))).toBeUndefined()
  })
  it('should not open when changed, cut or empty', () => {
    for (let i = 0; i < box.length; i++) {
      const spoiled = Uint8Array.from(box)
      spoiled[i] = (spoiled[i] ?? 0) ^ 1
      expect(open(context, receiverKey, dealerKey.publicKey, spoiled)).toBeUndefined()
    }
    expect(open(context, receiverKey, dealerKey.publicKey, box.subarray(1))).toBeUndefined()
    expect(open(context, receiverKey, dealerKey.publicKey, new Uint8Array())).toBeUndefined()
  })
  it('should be named by a hash of all of it', () => {
    expect(boxHash(box)).toHaveLength(32)
    expect(toHex(boxHash(box))).not.toBe(toHex(boxHash(box.subarray(1))))
  })
})

describe('R18: the dealer’s proof of its ephemeral key', () => {
  const proof = proveDealerKey(context, dealerKey)
  const check = (c: PairContext, key = dealerKey.publicKey, p = proof) => checkDealerKey(c, key, p)

  it('should hold where it was made for', () => {
    expect(check(context)).toBe(true)
  })
  it('should not hold in another attempt', () => {
    expect(check({ ...context, attempt: randomBytes(32) })).toBe(false)
  })
  it('should not hold for another dealer: a copied key proves nothing', () => {
    expect(check({ ...context, dealer: member() })).toBe(false)
  })
  it('should not hold for another receiver', () => {
    expect(check({ ...context, receiver: member() })).toBe(false)
  })
  it('should not hold for another key, nor for the negated one', () => {
    expect(check(context, strangerKey.publicKey)).toBe(false)
    expect(check(context, curve.negatePoint(dealerKey.publicKey))).toBe(false)
  })
  it('should not hold when malformed', () => {
    expect(check(context, dealerKey.publicKey, proof.subarray(1))).toBe(false)
    expect(check(context, new Uint8Array(33))).toBe(false)
    expect(check(context, new Uint8Array(0))).toBe(false)
    expect(check(context, dealerKey.publicKey, new Uint8Array(64))).toBe(false)
  })
})

describe('R18: the receiver’s proof of its ephemeral key', () => {
  const [attempt, receiver] = [context.attempt, context.receiver]
  const proof = proveReceiverKey(attempt, receiver, receiverKey)

  it('should hold where it was made for', () => {
    expect(checkReceiverKey(attempt, receiver, receiverKey.publicKey, proof)).toBe(true)
  })
  it('should not hold in another attempt', () => {
    expect(checkReceiverKey(randomBytes(32), receiver, receiverKey.publicKey, proof)).toBe(false)
  })
  it('should not hold for another member who copied it', () => {
    expect(checkReceiverKey(attempt, member(), receiverKey.publicKey, proof)).toBe(false)
  })
  it('should not hold as a dealer’s proof', () => {
    expect(checkDealerKey({ attempt, dealer: receiver, receiver }, receiverKey.publicKey, proof)).toBe(false)
  })
})

describe('an ephemeral key', () => {
  it('should never render its secret', () => {
    const bytes = randomBytes(32)
    const key = EphemeralKey.generate(() => bytes)
    expect(JSON.stringify(key)).toBe('"ephemeral key"')
    expect(Object.keys(key)).toEqual(['publicKey'])
  })
  it('should draw again where the bytes are no secret key', () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(7)]
    const key = EphemeralKey.generate(() => draws.shift() ?? new Uint8Array(32))
    expect(toHex(key.publicKey)).toBe(toHex(curve.publicKeyOf(new Uint8Array(32).fill(7))))
  })
  it('should be unusable once destroyed', () => {
    const key = EphemeralKey.generate()
    key.destroy()
    expect(() => key.sharedPoint(receiverKey.publicKey)).toThrow()
  })
  it('should keep its own copy of what the rng gave', () => {
    const bytes = new Uint8Array(32).fill(7)
    const key = EphemeralKey.generate(() => bytes)
    bytes.fill(0)
    expect(key.sharedPoint(receiverKey.publicKey)).toHaveLength(33)
  })
})
