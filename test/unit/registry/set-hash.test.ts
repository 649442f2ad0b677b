import { describe, expect, it } from 'vitest'
import { pendingId, setHash, uninitialisedParentHash } from '../../../src/registry/index.ts'
import { AGGREGATE, AGGREGATE_2, publicKeys, REGISTRY } from './support/fixtures.ts'

const KEYS = publicKeys(3)
const BASE = setHash(REGISTRY, KEYS, 2, AGGREGATE)

describe('setHash', () => {
  it('should not depend on the order of the keys', () => {
    expect(setHash(REGISTRY, KEYS.toReversed(), 2, AGGREGATE)).toBe(BASE)
  })
  it('should stay what it is: it names topics, shares and approvals', () => {
    expect(BASE).toBe('0efe1abd787db144336f5a54ae910ae1e0bc4bf2126489a534074569064b659d')
  })
  it.each([
    ['network', setHash({ ...REGISTRY, network: 'testnet' }, KEYS, 2, AGGREGATE)],
    ['contract', setHash({ ...REGISTRY, contract: `${REGISTRY.contract}2` }, KEYS, 2, AGGREGATE)],
    ['keys', setHash(REGISTRY, publicKeys(3, 2), 2, AGGREGATE)],
    ['number of keys', setHash(REGISTRY, publicKeys(4), 2, AGGREGATE)],
    ['threshold', setHash(REGISTRY, KEYS, 3, AGGREGATE)],
    ['aggregate key', setHash(REGISTRY, KEYS, 2, AGGREGATE_2)],
  ])('should change with the %s', (_what, other) => {
    expect(other).not.toBe(BASE)
  })
})

describe('R7: pendingId', () => {
  const pending = { registryId: REGISTRY, parentSetHash: BASE, keys: KEYS, threshold: 2, attempt: 0 }
  const id = pendingId(pending)
  it('R7: should not depend on the order of the keys', () => {
    expect(pendingId({ ...pending, keys: KEYS.toReversed() })).toBe(id)
  })
  it('R7: should stay what it is: approvals name it', () => {
    expect(id).toBe('91761ee9581e26b4f0fe5266d7e297f18fe5f991bb857cff26771c6466df10a5')
  })
  it.each([
    ['network', { registryId: { ...REGISTRY, network: 'testnet' } }],
    ['contract', { registryId: { ...REGISTRY, contract: `${REGISTRY.contract}2` } }],
    ['parent set', { parentSetHash: uninitialisedParentHash(REGISTRY) }],
    ['keys', { keys: publicKeys(3, 2) }],
    ['threshold', { threshold: 3 }],
    ['attempt', { attempt: 1 }],
  ])('R7: should change with the %s', (_what, change) => {
    expect(pendingId({ ...pending, ...change })).not.toBe(id)
  })
})

describe('uninitialisedParentHash', () => {
  it('should differ between networks and contracts', () => {
    const here = uninitialisedParentHash(REGISTRY)
    expect(here).toMatch(/^[0-9a-f]{64}$/)
    expect(uninitialisedParentHash({ ...REGISTRY, network: 'testnet' })).not.toBe(here)
    expect(uninitialisedParentHash({ ...REGISTRY, contract: `${REGISTRY.contract}2` })).not.toBe(here)
  })
})
