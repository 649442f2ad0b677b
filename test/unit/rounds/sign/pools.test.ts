import { describe, expect, it } from 'vitest'
import { asTranscriptHash, LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import type { KeyPackage, NonceCommitment } from '../../../../src/crypto/index.ts'
import { randomBytes } from '../../../../src/curve/index.ts'
import { NoncePools, pairName } from '../../../../src/rounds/sign/pools.ts'
import { enoughPairs, NonceSupply } from '../../../../src/rounds/sign/supply.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { TRANSCRIPT } from './network.ts'

const dealt = dealKey(2, 3)
const [SELF, ANN, BEN] = dealt.members as [PublicKey, PublicKey, PublicKey]
const key = dealt.keys.get(SELF) as KeyPackage
const OTHER = asTranscriptHash('99'.repeat(32))
const pools = () => new NoncePools((length = 32) => randomBytes(length))
const two = (list: readonly NonceCommitment[]) => list.slice(0, 2)

describe('R25: the pool of a member', () => {
  it('should give a pair once', () => {
    const pool = pools()
    const made = pool.make(ANN, 1, TRANSCRIPT, key, 4)
    const taken = pool.take(ANN, TRANSCRIPT, two(made))
    expect(taken?.map((n) => pairName(n.commitment))).toEqual(two(made).map(pairName))
    expect(pool.take(ANN, TRANSCRIPT, two(made))).toBeUndefined()
    expect(pool.hold(ANN, TRANSCRIPT, made.slice(1, 3))).toBe(false)
    expect(pool.size).toBe(2)
  })

  it('should give all of the named pairs or none', () => {
    const pool = pools()
    const [a, b] = pool.make(ANN, 1, TRANSCRIPT, key, 2) as [NonceCommitment, NonceCommitment]
    const unknown = { hiding: a.hiding, binding: b.binding }
    expect(pool.take(ANN, TRANSCRIPT, [a, unknown])).toBeUndefined()
    expect(pool.take(ANN, TRANSCRIPT, [a, a])).toBeUndefined()
    expect(pool.size).toBe(2)
  })

  it('should give no pair to another coordinator, nor for another transcript', () => {
    const pool = pools()
    const made = pool.make(ANN, 1, TRANSCRIPT, key, 2)
    expect(pool.take(BEN, TRANSCRIPT, made)).toBeUndefined()
    expect(pool.take(ANN, OTHER, made)).toBeUndefined()
    expect(pool.take(ANN, TRANSCRIPT, made)).toHaveLength(2)
  })

  it('should zero what a coordinator was given for another transcript, or as another process', () => {
    const pool = pools()
    const old = pool.make(ANN, 1, OTHER, key, 2)
    const taken = pool.make(ANN, 1, TRANSCRIPT, key, 1)
    expect(pool.hold(ANN, OTHER, old)).toBe(false)
    pool.make(ANN, 2, TRANSCRIPT, key, 1)
    expect(pool.hold(ANN, TRANSCRIPT, taken)).toBe(false)
    expect(pool.size).toBe(1)
  })

  it('should keep no more than a cap for one coordinator: its oldest go', () => {
    const pool = pools()
    const first = pool.make(ANN, 1, TRANSCRIPT, key, 1)
    pool.make(BEN, 1, TRANSCRIPT, key, 1)
    pool.make(ANN, 1, TRANSCRIPT, key, LIMITS.maxNoncesPerCoordinator)
    expect(pool.size).toBe(LIMITS.maxNoncesPerCoordinator + 1)
    expect(pool.hold(ANN, TRANSCRIPT, first)).toBe(false)
    expect(pool.roomFor(ANN, TRANSCRIPT, 1)).toBe(0)
    expect(pool.roomFor(ANN, TRANSCRIPT, 2)).toBe(LIMITS.maxNoncesPerCoordinator)
    expect(pool.roomFor(BEN, TRANSCRIPT, 1)).toBe(LIMITS.maxNoncesPerCoordinator - 1)
  })

  it('R9: should zero everything when the share may not be used any more', () => {
    const pool = pools()
    const made = pool.make(ANN, 1, TRANSCRIPT, key, 2)
    pool.clear()
    expect(pool.size).toBe(0)
    expect(pool.take(ANN, TRANSCRIPT, made)).toBeUndefined()
  })

  it('should make fresh pairs with a generator that repeats itself only for itself: no two calls share entropy', () => {
    const made = pools().make(ANN, 1, TRANSCRIPT, key, 32)
    expect(new Set(made.flatMap((c) => [toHex(c.hiding), toHex(c.binding)])).size).toBe(64)
  })
})

describe('R25: the supply of a coordinator', () => {
  const made = pools().make(ANN, 1, TRANSCRIPT, key, 6)

  it('should put each pair into one package', () => {
    const supply = new NonceSupply()
    supply.put(ANN, 1, TRANSCRIPT, made)
    const a = supply.take(ANN, TRANSCRIPT, 3)?.map(pairName)
    const b = supply.take(ANN, TRANSCRIPT, 3)?.map(pairName)
    expect(new Set([...(a ?? []), ...(b ?? [])]).size).toBe(6)
    expect(supply.take(ANN, TRANSCRIPT, 1)).toBeUndefined()
  })

  it('should take all that are needed or none, and none of another transcript', () => {
    const supply = new NonceSupply()
    supply.put(ANN, 1, TRANSCRIPT, made)
    expect(supply.take(ANN, TRANSCRIPT, 7)).toBeUndefined()
    expect(supply.take(ANN, OTHER, 1)).toBeUndefined()
    expect(supply.take(BEN, TRANSCRIPT, 1)).toBeUndefined()
    expect(supply.count(ANN, TRANSCRIPT)).toBe(6)
    expect(supply.count(ANN, OTHER)).toBe(0)
  })

  it('should forget what a former process of the member handed over, and not what this one did', () => {
    const supply = new NonceSupply()
    supply.put(ANN, 1, TRANSCRIPT, made)
    supply.expire(ANN, 1)
    expect(supply.count(ANN, TRANSCRIPT)).toBe(6)
    supply.expire(ANN, 2)
    expect(supply.count(ANN, TRANSCRIPT)).toBe(0)
    supply.put(ANN, 2, TRANSCRIPT, made.slice(0, 2))
    supply.put(ANN, 3, TRANSCRIPT, made.slice(2, 3))
    expect(supply.count(ANN, TRANSCRIPT)).toBe(1)
  })

  it('should be bounded, whatever a member hands over', () => {
    const supply = new NonceSupply()
    const many = pools().make(ANN, 1, TRANSCRIPT, key, 64)
    for (let i = 0; i < 10; i++)
      supply.put(
        ANN,
        1,
        TRANSCRIPT,
        many.map((c) => ({ ...c, binding: Uint8Array.of(i, ...c.binding.subarray(1)) })),
      )
    expect(supply.count(ANN, TRANSCRIPT)).toBe(LIMITS.maxNoncesPerCoordinator)
  })

  it('should look only at what is not here yet and has room, of the same process', () => {
    const supply = new NonceSupply()
    expect(supply.missing(ANN, 1, TRANSCRIPT, made)).toEqual(made)
    supply.put(ANN, 1, TRANSCRIPT, two(made))
    expect(supply.missing(ANN, 1, TRANSCRIPT, made)).toEqual(made.slice(2))
    expect(supply.missing(ANN, 2, TRANSCRIPT, made)).toEqual(made)
    expect(supply.missing(ANN, 1, OTHER, made)).toEqual(made)
    const others = Array.from({ length: LIMITS.maxNoncesPerCoordinator - 3 }, (_, i) => ({
      hiding: new Uint8Array(33).fill(i & 255),
      binding: new Uint8Array(33).fill(i >> 8),
    }))
    supply.put(ANN, 1, TRANSCRIPT, others)
    expect(supply.missing(ANN, 1, TRANSCRIPT, made)).toEqual(made.slice(2, 3))
  })

  it('should want n − t + 1 pairs for each digest of a usual round, within bounds', () => {
    expect(enoughPairs(10, 15, 2)).toBe(12)
    expect(enoughPairs(10, 15, 1)).toBeGreaterThanOrEqual(6)
    expect(enoughPairs(2, 3, 1)).toBeGreaterThanOrEqual(2)
    expect(enoughPairs(67, 100, 64)).toBe(LIMITS.maxNoncesPerCoordinator / 2)
  })
})
