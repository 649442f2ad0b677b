import { beforeEach, describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../src/base/index.ts'
import { noMetrics, silentLogger, systemClock } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { Gate } from '../../../src/gating/index.ts'
import { activeShare } from '../../../src/node/active-key.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import type { StoredShare } from '../../../src/signer/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { MemoryVault } from '../../fixtures/vault.ts'
import { groupOf } from '../signer/fixtures.ts'

const [self, second, third] = [1, 2, 3].map(() => KeyPair.generate()) as [KeyPair, KeyPair, KeyPair]
const members = [self, second, third]
const keys = members.map((m) => m.publicKey).toSorted()
const group = groupOf(3, undefined, keys)
const share = group.share(self.publicKey)
const groupKey = share.key.public.groupKey
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })
const set: SignerSet = { ...signerSet(members, 2), groupKey, aggregateKey: `02${groupKey}` as PublicKey }
const withoutSelf: SignerSet = { ...signerSet([second, third], 2, '44'.repeat(32)), groupKey }

/** A vault that hands out staged shares as if they were certified. */
class CarelessVault extends MemoryVault {
  override byGroupKey(): StoredShare | undefined {
    return this.list()[0]
  }
}

let gate: Gate
let vault: MemoryVault
beforeEach(() => {
  gate = new Gate({
    registryScope: SCOPE,
    self: self.publicKey,
    bridges: [],
    denied: [],
    clock: systemClock,
    logger: silentLogger,
    metrics: noMetrics,
  })
  vault = new MemoryVault()
})

describe('activeShare', () => {
  it('R21: should be the certified share of the key that the snapshot names', async () => {
    await vault.put(share)
    gate.applySnapshot(holding(set))
    expect(activeShare(gate, vault)).toEqual({
      setHash: set.hash,
      groupKey,
      transcript: share.transcript,
      members: set.keys,
      key: share.key,
      set,
    })
  })

  it('R21: should be none before a snapshot names a key', async () => {
    await vault.put(share)
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it('R21: should be none while the registry is uninitialised', async () => {
    await vault.put(share)
    gate.applySnapshot({ kind: 'uninitialised', deployer: 'SN000000000000000000002Q6VF78', tip, readAtMs: 0 })
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it('R9: should be none while this key is not in the set', async () => {
    await vault.put(share)
    gate.applySnapshot(holding(withoutSelf))
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it('R9: should be none once this key was removed from the set, though the group key stayed', async () => {
    await vault.put(share)
    gate.applySnapshot(holding(set))
    gate.applySnapshot(holding(withoutSelf))
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it('R21: should not be a share without its certificate', async () => {
    vault = new CarelessVault()
    await vault.put({ ...share, certificate: new Uint8Array(0) })
    gate.applySnapshot(holding(set))
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it("R9: should not be the share of another set's key", async () => {
    await vault.put(groupOf(3, undefined, keys).share(self.publicKey))
    gate.applySnapshot(holding(set))
    expect(activeShare(gate, vault)).toBeUndefined()
  })

  it('R9: should follow the snapshot to the next key', async () => {
    const next = groupOf(3, undefined, keys).share(self.publicKey)
    await vault.put(share)
    await vault.put(next)
    gate.applySnapshot(holding(set))
    const nextKey = next.key.public.groupKey
    gate.applySnapshot(
      holding({
        ...signerSet(members, 2, '55'.repeat(32)),
        groupKey: nextKey,
        aggregateKey: `02${nextKey}` as PublicKey,
      }),
    )
    expect(activeShare(gate, vault)?.transcript).toBe(next.transcript)
  })
})
