import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  asTranscriptHash,
  type GroupKey,
  LIMITS,
  noMetrics,
  type PublicKey,
  type SetHash,
  silentLogger,
  systemClock,
  u32be,
} from '../../../src/base/index.ts'
import { curve, KeyPair, randomBytes, sha256 } from '../../../src/curve/index.ts'
import { Gate } from '../../../src/gating/index.ts'
import { type ActiveShare, activeShare, recalledShare } from '../../../src/node/active-key.ts'
import { RecalledSigning } from '../../../src/node/recalled-signing.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import { SignDriver } from '../../../src/rounds/index.ts'
import { createPolicy, requestBindings, type ThresholdRequest } from '../../../src/signer/index.ts'
import { MemoryBus } from '../../fixtures/bus.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { MemoryVault } from '../../fixtures/vault.ts'
import { dealKey } from '../crypto/signing-keys.ts'

const dealt = dealKey(2, 3)
const { groupKey } = dealt.public
const transcript = asTranscriptHash('66'.repeat(32))
const pairs = Array.from({ length: 3 }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))))
const [first, second] = pairs as [KeyPair, KeyPair, KeyPair]
const incoming = KeyPair.generate()
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })
const OLD: SignerSet = { ...signerSet(pairs, 2), groupKey, aggregateKey: `02${groupKey}` as PublicKey }
const NEW = signerSet([first, second, incoming], 2, '22'.repeat(32))

/** A member of OLD with its share, its gate, its operator's policy and bindings, after NEW has replaced OLD. */
class Member {
  readonly gate: Gate
  readonly recalled: RecalledSigning
  readonly bindings = requestBindings({ space: memorySpace(), logger: silentLogger, onFatal: () => {} })
  readonly vault = new MemoryVault()
  constructor(self: KeyPair, bus: MemoryBus) {
    const ports = { clock: systemClock, logger: silentLogger, metrics: noMetrics }
    this.gate = new Gate({ registryScope: SCOPE, self: self.publicKey, bridges: [], denied: [], ...ports })
    const key = dealt.keys.get(self.publicKey)
    if (key === undefined) throw new Error('no key')
    void this.vault.put({ transcript, epoch: 0, key, certificate: new Uint8Array(1) })
    const messenger = bus.messenger(self)
    const policy = createPolicy({
      kind: 'bridge',
      bindings: this.bindings,
      chainId: 1,
      network: 'x',
      requestTtlMs: 60_000,
      ...ports,
    })
    this.recalled = new RecalledSigning({
      shareOf: (set) => recalledShare(this.gate, this.vault, set),
      open: (activeKey: () => ActiveShare | undefined) =>
        new SignDriver({
          network: 'devnet',
          self: self.publicKey,
          messenger,
          activeKey,
          consent: (request, coordinator) => policy.consent(request, coordinator),
          ...ports,
        }),
    })
    this.gate.applySnapshot(holding(OLD))
    this.gate.applySnapshot(holding(NEW))
  }
  recall(...sets: readonly SignerSet[]): void {
    this.gate.applyRecalled(sets)
    this.recalled.apply(sets)
  }
  /** This operator's own bridge asks. */
  async ask(request: ThresholdRequest, withinMs = 10_000): Promise<string> {
    await this.bindings.bind(request)
    const driver = this.recalled.driver(groupKey)
    if (driver === undefined) return 'no driver'
    const result = await driver.sign(request, Date.now() + withinMs)
    if (!result.ok) return result.code
    const [signature = new Uint8Array(64)] = result.signatures
    const [item] = request.items
    if (item === undefined) throw new Error('no item')
    return curve.schnorrVerify(signature, item.digest, Buffer.from(groupKey, 'hex')) ? 'signed' : 'bad'
  }
}

let bus: MemoryBus
let members: Member[]
beforeEach(() => {
  bus = new MemoryBus()
  members = pairs.map((pair) => new Member(pair, bus))
})
afterEach(async () => {
  for (const m of members) await m.recalled.stop()
})
const at = (index: number): Member => {
  const found = members[index]
  if (found === undefined) throw new Error('no member')
  return found
}
const requestOf = (requestId = 'aa'): ThresholdRequest => ({
  requestId,
  groupKey,
  items: [{ digest: randomBytes(32), tweak: { kind: 'none' } }],
})
const heldBy = (m: Member, key: GroupKey = groupKey): SetHash | undefined => m.recalled.share(key)?.setHash

describe('R9: the share of a replaced key', () => {
  it('should be used by nobody without a recall, though it is in the vault', () => {
    expect(at(0).vault.byGroupKey(groupKey)).toBeDefined()
    expect(heldBy(at(0))).toBeUndefined()
    expect(activeShare(at(0).gate, at(0).vault)).toBeUndefined()
    expect(recalledShare(at(0).gate, at(0).vault, OLD)).toBeUndefined()
  })

  it('should be used for the recalled set, by a removed member too, and for no other key', () => {
    for (const m of members) {
      m.recall(OLD)
      expect(heldBy(m)).toBe(OLD.hash)
      expect(heldBy(m, NEW.groupKey)).toBeUndefined()
    }
  })

  it('R5: should not be used while the registry is stale, and again when it is read', () => {
    at(0).recall(OLD)
    for (const trust of ['frozen', 'closed'] as const) {
      at(0).gate.applyTrust(trust)
      expect(heldBy(at(0))).toBeUndefined()
    }
    at(0).gate.applyTrust('fresh')
    expect(heldBy(at(0))).toBe(OLD.hash)
  })

  it('should not be used by a node that the recalled set did not hold', () => {
    const foreign = { ...OLD, keys: OLD.keys.filter((k) => k !== first.publicKey) }
    at(0).recall(foreign)
    expect(heldBy(at(0))).toBeUndefined()
  })

  it('should be the current one and no recalled one when its set stands on chain again', () => {
    at(0).recall(OLD)
    at(0).gate.applySnapshot(holding(OLD))
    expect(heldBy(at(0))).toBeUndefined()
    expect(activeShare(at(0).gate, at(0).vault)?.setHash).toBe(OLD.hash)
  })

  it('R21: should not be used without its certificate', () => {
    at(0).vault.shares.clear()
    const key = dealt.keys.get(first.publicKey)
    if (key === undefined) throw new Error('no key')
    void at(0).vault.put({ transcript, epoch: 0, key, certificate: new Uint8Array(0) })
    at(0).recall(OLD)
    expect(heldBy(at(0))).toBeUndefined()
  })
})

describe('R8: signing with a recalled key', () => {
  it('should work with a removed member whose operator recalled it and whose bridge asked', async () => {
    at(0).recall(OLD)
    at(2).recall(OLD)
    const request = requestOf()
    expect(await Promise.all([at(0).ask(request), at(2).ask(request)])).toEqual(['signed', 'signed'])
  })

  it("R27: should not get a member's share before its own operator's bridge asked", async () => {
    for (const m of members) m.recall(OLD)
    const request = requestOf()
    expect(await at(0).ask(request, 300)).toBe('TIMEOUT')
    expect(await Promise.all([at(0).ask(request), at(2).ask(request)])).toEqual(['signed', 'signed'])
  })

  it('should not get a share of a member that did not recall', async () => {
    at(0).recall(OLD)
    const request = requestOf()
    await at(1).bindings.bind(request)
    expect(await at(0).ask(request, 300)).toBe('TIMEOUT')
    expect(await at(1).ask(request)).toBe('no driver')
  })

  it('should end with the recall: rounds stop, and nothing more is said in its topic', async () => {
    for (const m of members) m.recall(OLD)
    const driver = at(0).recalled.driver(groupKey)
    const request = requestOf()
    await at(0).bindings.bind(request)
    const running = driver?.sign(request, Date.now() + LIMITS.signTimeoutMs)
    await new Promise((next) => setImmediate(next))
    at(0).recall()
    expect(await running).toMatchObject({ ok: false, code: 'STOPPED' })
    expect(heldBy(at(0))).toBeUndefined()
    const said = bus.gossiped.length
    expect(await at(1).ask(request, 300)).toBe('TIMEOUT')
    expect(bus.gossiped.slice(said).filter((e) => e.author === first.publicKey)).toEqual([])
    expect(await driver?.sign(requestOf('bb'), Date.now() + 300)).toMatchObject({ code: 'NO_KEY' })
  })

  it('R5: should stop while the registry is stale', async () => {
    for (const m of members) m.recall(OLD)
    at(1).gate.applyTrust('frozen')
    at(1).recalled.refresh()
    expect(await at(1).ask(requestOf(), 300)).toBe('NO_KEY')
    at(1).gate.applyTrust('fresh')
    at(1).recalled.refresh()
    const request = requestOf('bb')
    expect(await Promise.all([at(0).ask(request), at(1).ask(request)])).toEqual(['signed', 'signed'])
  })
})
