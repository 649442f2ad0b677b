import { describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/index.ts'
import { type Snapshot, validateSignerData } from '../../../src/registry/index.ts'
import { decodeSnapshot, encodeSnapshot } from '../../../src/registry/snapshot-codec.ts'
import { goodTuple, publicKeys, REGISTRY } from './support/fixtures.ts'

const TIP = { indexBlockHash: 'ab'.repeat(32), stacksHeight: 7, burnHeight: 3 }
function snapshot(reversed = false): Extract<Snapshot, { kind: 'set' }> {
  const tuple = goodTuple(3)
  const keys = reversed ? tuple.keys.toReversed() : tuple.keys
  const state = validateSignerData(REGISTRY, { ...tuple, keys, threshold: BigInt(tuple.threshold) })
  if (state.kind !== 'set') throw new Error('fixture')
  return { kind: 'set', set: state.set, tip: TIP, readAtMs: 1000 }
}
const stored = (): Record<string, unknown> => JSON.parse(fromUtf8(encodeSnapshot(REGISTRY, snapshot())))
const decode = (value: unknown, nowMs = 5000) => decodeSnapshot(REGISTRY, utf8(JSON.stringify(value)), nowMs)

describe('stored snapshots', () => {
  it.each([false, true])('should come back as they were (list order reversed: %s)', (reversed) => {
    const before = snapshot(reversed)
    expect(decodeSnapshot(REGISTRY, encodeSnapshot(REGISTRY, before), 5000)).toEqual(before)
  })
  it('should keep why they are believed, and do without in an older file', () => {
    const evidence = { endpoints: ['http://a', 'http://b'], via: 'data_var', confirmations: 1 } as const
    const before = { ...snapshot(), evidence }
    expect(decodeSnapshot(REGISTRY, encodeSnapshot(REGISTRY, before), 5000)).toEqual(before)
    expect(stored()).not.toHaveProperty('evidence')
  })
  it.each([
    ['a text', 'x'],
    ['another way', { endpoints: [], via: 'guess', confirmations: 0 }],
    ['endpoints that are numbers', { endpoints: [5], via: 'call-read', confirmations: 0 }],
    ['no confirmations', { endpoints: [], via: 'call-read' }],
  ])('should not lose the set for evidence that is %s', (_what, evidence) => {
    const read = decode({ ...stored(), evidence })
    expect(read).toMatchObject({ kind: 'set' })
    expect(read).not.toHaveProperty('evidence')
  })
  it('should not come from the future, or a clock set back would make them young for ever', () => {
    expect(decode(stored(), 10)).toMatchObject({ readAtMs: 10 })
  })
  it.each([
    ['another network', { network: 'mainnet' }],
    ['another chain', { chainId: 1 }],
    ['another contract', { contract: 'SM3VDXK3WZZSA84XXFKAFAF15NNZX32CTSG82JFQ4.sbtc-registry' }],
  ])('should be refused for %s', (_what, change) => {
    expect(decode({ ...stored(), ...change })).toBe('other_registry')
  })
  it.each([
    ['another format', { format: 2 }],
    ['no tip', { tip: undefined }],
    ['a bad block id', { tip: { ...TIP, indexBlockHash: 'xy' } }],
    ['a negative height', { tip: { ...TIP, stacksHeight: -1 } }],
    ['keys that are no list', { keys: 'x' }],
    ['a key that is no hex', { keys: ['zz', 'zz'] }],
    ['a threshold that is a text', { threshold: '2' }],
    ['an aggregate that is no key', { aggregateKey: '00' }],
    ['a principal that is a number', { principal: 5 }],
    ['a time that is a text', { readAtMs: 'now' }],
  ])('should be refused for %s', (_what, change) => {
    expect(decode({ ...stored(), ...change })).toBe('unreadable')
  })
  it('should be refused when they are no JSON object', () => {
    for (const bytes of [new Uint8Array(), utf8('{"format":1'), utf8('[]'), utf8('null'), Uint8Array.of(0xff)])
      expect(decodeSnapshot(REGISTRY, bytes, 5000)).toBe('unreadable')
  })
  it('should pass the same checks as a reading: a set edited on disk is refused', () => {
    const [first = ''] = publicKeys(3)
    expect(decode({ ...stored(), keys: [first, first, first] })).toBe('invalid_set')
    expect(decode({ ...stored(), keys: [] })).toBe('invalid_set')
    expect(decode({ ...stored(), threshold: 1 })).toBe('invalid_set')
  })
})
