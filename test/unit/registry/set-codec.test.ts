import { describe, expect, it } from 'vitest'
import { fromUtf8, toHex } from '../../../src/base/index.ts'
import { fromStoredSet, type SignerSet, toStoredSet, validateSignerData } from '../../../src/registry/index.ts'
import { encodeSnapshot } from '../../../src/registry/snapshot-codec.ts'
import { KnownSets } from '../../../src/rotation/known-sets.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { goodTuple, keyPair, REGISTRY } from './support/fixtures.ts'

const tuple = goodTuple(3, 1)
const read = (raw: typeof tuple): SignerSet => {
  const judged = validateSignerData(REGISTRY, { ...raw, threshold: BigInt(raw.threshold) })
  if (judged.kind !== 'set') throw new Error(judged.kind)
  return judged.set
}
const SET = read(tuple)
const form = (over: Readonly<Record<string, unknown>> = {}) => ({ ...toStoredSet(SET), ...over })

describe('the stored form of a signer set', () => {
  it('should give the set back, hash and group key computed anew', () => {
    expect(fromStoredSet(REGISTRY, form({ hash: 'ab', groupKey: 'cd' }))).toEqual(SET)
  })

  it('should keep the order of the list on chain, of which the principal was made', () => {
    const listed = read({ ...tuple, keys: tuple.keys.toReversed() })
    expect(toStoredSet(listed).keys).toEqual(tuple.keys.toReversed().map(toHex))
    expect(fromStoredSet(REGISTRY, { ...toStoredSet(listed) })).toEqual(listed)
  })

  it('should be the same in a snapshot and among the known sets, so that one reader serves both', async () => {
    const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
    const space = memorySpace()
    const known = await KnownSets.load({ self: keyPair(1).publicKey, registryId: REGISTRY, space })
    await known.note({ set: SET, seenAtMs: 1 }, () => false)
    const records = [
      encodeSnapshot(REGISTRY, { kind: 'set', set: SET, tip, readAtMs: 0 }),
      ...(await space.entries()).map(([, value]) => value),
    ]
    expect(records).toHaveLength(2)
    for (const record of records) {
      expect(JSON.parse(fromUtf8(record))).toMatchObject({ ...toStoredSet(SET) })
      expect(fromStoredSet(REGISTRY, JSON.parse(fromUtf8(record)))).toEqual(SET)
    }
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['no list of keys', { keys: 'all' }],
    ['a key that is no hex', { keys: [...SET.keys.slice(1), 'zz'.repeat(33)] }],
    ['a key of 32 bytes', { keys: [...SET.keys.slice(1), 'ab'.repeat(32)] }],
    ['a threshold in text', { threshold: '2' }],
    ['a threshold below zero', { threshold: -2 }],
    ['no aggregate key', { aggregateKey: null }],
    ['a principal that is no text', { principal: 7 }],
  ])('should not be read with %s', (_what, over) => {
    expect(fromStoredSet(REGISTRY, form(over))).toBe('unreadable')
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['without members', { keys: [] }],
    ['with one member twice', { keys: [SET.keys[0], SET.keys[0], SET.keys[1]] }],
    ['with a threshold of one', { threshold: 1 }],
    ['with an aggregate key off the curve', { aggregateKey: `02${'ff'.repeat(32)}` }],
  ])('should be refused %s, as a reading would be', (_what, over) => {
    expect(fromStoredSet(REGISTRY, form(over))).toBe('invalid_set')
  })
})
