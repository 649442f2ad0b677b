import { describe, expect, it } from 'vitest'
import { publicKeyBytes } from '../../../src/curve/index.ts'
import { type RawSignerData, type SetFault, setHash, validateSignerData } from '../../../src/registry/index.ts'
import { AGGREGATE, BLANK, DEPLOYER, goodTuple, publicKeys, REGISTRY, type Tuple } from './support/fixtures.ts'

const raw = (tuple: Tuple): RawSignerData => ({ ...tuple, threshold: BigInt(tuple.threshold) })
const judge = (tuple: Tuple) => validateSignerData(REGISTRY, raw(tuple))

/** 33 bytes that look like a key: x = 5 is on no point of secp256k1. */
const NOT_A_POINT = Uint8Array.of(2, ...new Uint8Array(31), 5)

describe('validateSignerData', () => {
  it.each([2, 3, 15, 16, 128])('should accept a good set of %i keys', (n) => {
    const state = judge(goodTuple(n))
    expect(state).toMatchObject({
      kind: 'set',
      principalMatch: n > 16 ? 'beyond_multisig' : 'matches',
      set: { keys: publicKeys(n), aggregateKey: AGGREGATE, groupKey: AGGREGATE.slice(2) },
    })
    if (state.kind !== 'set') return
    expect(state.set.hash).toBe(setHash(REGISTRY, publicKeys(n), Math.floor(n / 2) + 1, AGGREGATE))
    expect(Object.isFrozen(state.set) && Object.isFrozen(state.set.keys)).toBe(true)
    expect(state.set.listOrder).toBeUndefined()
  })

  it('should accept a threshold of all keys', () => {
    expect(judge({ ...goodTuple(3), threshold: 3 }).kind).toBe('set')
  })

  it('should sort the keys and keep the list order, which the principal needs', () => {
    const tuple = goodTuple(3)
    const state = judge({ ...tuple, keys: tuple.keys.toReversed() })
    expect(state).toMatchObject({ set: { keys: publicKeys(3), listOrder: publicKeys(3).toReversed() } })
  })

  it('should report a principal of another list order, and keep the set', () => {
    const tuple = goodTuple(3)
    expect(judge({ ...tuple, keys: tuple.keys.toReversed() })).toMatchObject({ kind: 'set', principalMatch: 'differs' })
    expect(judge({ ...tuple, principal: `${DEPLOYER}.dao` })).toMatchObject({
      kind: 'set',
      principalMatch: 'differs',
      set: { principal: `${DEPLOYER}.dao` },
    })
  })

  it('R6: should tell "uninitialised" from an empty set', () => {
    expect(judge(BLANK)).toEqual({ kind: 'uninitialised', deployer: DEPLOYER })
  })

  const good = goodTuple(5)
  const [a, b, c, d] = good.keys as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  it.each<[string, SetFault, Tuple]>([
    ['an empty list with the rest set', 'mixed_initialisation', { ...good, keys: [] }],
    ['threshold u0 with the rest set', 'mixed_initialisation', { ...good, threshold: 0 }],
    ['aggregate 0x00 with the rest set', 'mixed_initialisation', { ...good, aggregateKey: BLANK.aggregateKey }],
    ['keys without threshold and aggregate', 'mixed_initialisation', { ...BLANK, keys: good.keys }],
    [
      'an unset registry whose principal is not the deployer',
      'mixed_initialisation',
      { ...BLANK, principal: good.principal },
    ],
    ['an unset registry with an empty aggregate', 'mixed_initialisation', { ...BLANK, aggregateKey: new Uint8Array() }],
    ['an unset registry with aggregate 0x01', 'mixed_initialisation', { ...BLANK, aggregateKey: Uint8Array.of(1) }],
    ['a single key', 'too_few_keys', { ...good, keys: [a], threshold: 1 }],
    ['129 keys', 'too_many_keys', { ...good, keys: publicKeys(129).map(publicKeyBytes), threshold: 65 }],
    ['a key off the curve', 'key_not_a_point', { ...good, keys: [a, b, NOT_A_POINT] }],
    ['a key of 32 bytes', 'key_not_a_point', { ...good, keys: [a, b, c.subarray(0, 32)] }],
    ['an empty key', 'key_not_a_point', { ...good, keys: [a, b, new Uint8Array()] }],
    [
      'a key with an uncompressed prefix',
      'key_not_a_point',
      { ...good, keys: [a, b, Uint8Array.of(4, ...c.subarray(1))] },
    ],
    ['the same key twice', 'duplicate_key', { ...good, keys: [a, b, c, a, d] }],
    ['a threshold of half', 'threshold_too_low', { ...good, keys: [a, b, c, d], threshold: 2 }],
    ['a threshold below half', 'threshold_too_low', { ...good, threshold: 2 }],
    ['a threshold above the keys', 'threshold_too_high', { ...good, threshold: 6 }],
    ['a threshold of 2^127', 'threshold_too_high', { ...good, threshold: 2n ** 127n }],
    ['an aggregate key off the curve', 'aggregate_not_a_point', { ...good, aggregateKey: NOT_A_POINT }],
    ['an aggregate key of 33 zero bytes', 'aggregate_not_a_point', { ...good, aggregateKey: new Uint8Array(33) }],
    ['an empty aggregate key', 'aggregate_not_a_point', { ...good, aggregateKey: new Uint8Array() }],
  ])('should refuse %s', (_what, fault, tuple) => {
    expect(judge(tuple)).toMatchObject({ kind: 'invalid', fault })
  })
})
