import { beforeEach, describe, expect, it } from 'vitest'
import { type CodedError, fromUtf8, LIMITS, type SetHash, utf8 } from '../../../src/base/index.ts'
import { publicKeyBytes } from '../../../src/curve/index.ts'
import { type SignerSet, type Snapshot, validateSignerData } from '../../../src/registry/index.ts'
import { EXPIRY_PATIENCE_MS } from '../../../src/rotation/decide.ts'
import { findSet } from '../../../src/rotation/find-set.ts'
import { earlierKeys, KnownSets, Recalls, type RecallsInit } from '../../../src/rotation/index.ts'
import type { Space } from '../../../src/store/index.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { AGGREGATE, goodTuple, keyPair, REGISTRY } from '../registry/support/fixtures.ts'
import { ManualClock, MemoryLogger } from '../registry/support/ports.ts'

const TTL_MS = 60_000
/** A recall that stands again is granted within this. */
const LOOK_AGAIN_MS = 5_000
const SELF = keyPair(1).publicKey

/** A set of members `from` to `from + n - 1`; the key tells sets of the same members apart. */
function setOf(n: number, from: number, aggregate = AGGREGATE): SignerSet {
  const tuple = goodTuple(n, from, aggregate)
  const judged = validateSignerData(REGISTRY, { ...tuple, threshold: BigInt(tuple.threshold) })
  if (judged.kind !== 'set') throw new Error(judged.kind)
  return judged.set
}
const OLD = setOf(3, 1)
const OLDER = setOf(4, 1)
const NEW = setOf(3, 2)
const FOREIGN = setOf(4, 2)

const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })

let clock: ManualClock
let sets: Space
let stored: Space
let latest: Snapshot | undefined
let told: SetHash[][]
let recalls: Recalls
let logger: MemoryLogger

const open = async (over: Partial<RecallsInit> = {}): Promise<Recalls> => {
  const made = await Recalls.load({
    self: SELF,
    registryId: REGISTRY,
    sets,
    recalls: stored,
    watcher: { latest: () => latest },
    ttlMs: TTL_MS,
    onRecalled: (now) => told.push(now.map((s) => s.hash)),
    clock,
    logger,
    ...over,
  })
  await made.start()
  return made
}
/** As the watcher does: it holds the snapshot before its listeners hear of it. */
const apply = (set: SignerSet, to = recalls): void => {
  latest = holding(set)
  to.note(latest)
}
const replaced = (of = recalls): SetHash[] => of.replaced().map((k) => k.set.hash)
const codeOf = async (work: Promise<unknown>): Promise<unknown> => {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  return error instanceof Error && 'code' in error ? error.code : error
}

beforeEach(async () => {
  clock = new ManualClock()
  logger = new MemoryLogger()
  sets = memorySpace()
  stored = memorySpace()
  latest = undefined
  told = []
  recalls = await open()
})

/** OLD stood on chain, and NEW replaced it. */
const rotated = (): void => {
  apply(OLD)
  clock.advance(1_000)
  apply(NEW)
}

describe('R8: replaced sets', () => {
  it('should be known with everything that names them, after a restart too', async () => {
    rotated()
    await recalls.stop()
    const again = await open()
    expect(again.replaced().map((k) => k.set)).toEqual([OLD])
    expect(again.replaced()[0]?.set).toMatchObject({ groupKey: OLD.groupKey, principal: OLD.principal, threshold: 2 })
  })

  it('should be known though they were replaced while the node was down', async () => {
    apply(OLD)
    await recalls.stop()
    recalls = await open()
    apply(NEW)
    expect(replaced()).toEqual([OLD.hash])
  })

  it('should keep the order of the list that the principal was made of', async () => {
    const tuple = goodTuple(3, 1)
    const raw = { ...tuple, keys: tuple.keys.toReversed(), threshold: BigInt(tuple.threshold) }
    const judged = validateSignerData(REGISTRY, raw)
    if (judged.kind !== 'set') throw new Error(judged.kind)
    apply(judged.set)
    apply(NEW)
    await recalls.stop()
    expect((await open()).replaced()[0]?.set.listOrder?.map(publicKeyBytes)).toEqual(raw.keys)
  })

  it('should not hold the current set, nor sets without this node', () => {
    apply(FOREIGN)
    apply(OLD)
    expect(replaced()).toEqual([])
    apply(NEW)
    expect(replaced()).toEqual([OLD.hash])
  })

  it('should show the latest first, and a set that came back at its last time', () => {
    for (const set of [OLDER, OLD, OLDER, NEW]) {
      clock.advance(1_000)
      apply(set)
    }
    expect(replaced()).toEqual([OLDER.hash, OLD.hash])
  })

  it('should be bounded: what this node had no part in goes first, then the oldest, and never a recalled one', async () => {
    apply(OLD)
    apply(NEW)
    await recalls.recall(OLD.hash)
    for (let i = 0; i < LIMITS.maxKnownSets; i++) {
      clock.advance(1)
      apply(setOf(3, 1, keyPair(2_000 + i).publicKey))
      if (i === 5) apply(NEW)
    }
    await recalls.stop()
    const kept = (await sets.entries()).map(([key]) => key.split('/')[1])
    expect(kept).toHaveLength(LIMITS.maxKnownSets)
    expect(kept).toContain(OLD.hash)
    expect(kept).not.toContain(NEW.hash)
    expect(kept).not.toContain(setOf(3, 1, keyPair(2_000).publicKey).hash)
    expect(kept).toContain(setOf(3, 1, keyPair(2_001).publicKey).hash)
  })

  it('R4: should say at which block the highest of them was seen, also after a restart', async () => {
    const highest = async () => (await KnownSets.load({ self: SELF, registryId: REGISTRY, space: sets })).highestTip()
    expect(await highest()).toBeUndefined()
    for (const [set, stacksHeight] of [
      [OLD, 7],
      [NEW, 9],
      [OLDER, 8],
    ] as const) {
      latest = { ...holding(set), tip: { ...tip, stacksHeight, isMinedBy: true } }
      recalls.note(latest)
    }
    await recalls.stop()
    expect(await highest()).toEqual({ ...tip, stacksHeight: 9, isMinedBy: true })
  })

  it('should read what an older version stored without a block', async () => {
    apply(OLD)
    await recalls.stop()
    for (const [key, value] of await sets.entries()) {
      const { tip: _, ...rest } = JSON.parse(fromUtf8(value))
      await sets.put(key, utf8(JSON.stringify(rest)))
    }
    const known = await KnownSets.load({ self: SELF, registryId: REGISTRY, space: sets })
    expect([known.get(OLD.hash)?.set, known.highestTip()]).toEqual([OLD, undefined])
  })

  it.each<[string, (text: string) => string]>([
    ['at a block without a hash', (text) => text.replace(/"indexBlockHash":"[^"]*"/, '"indexBlockHash":""')],
    ['cut short', (text) => text.slice(0, -5)],
    ['with another threshold', (text) => text.replace('"threshold":2', '"threshold":3')],
    ['with another key', (text) => text.replace(OLD.keys[0] ?? '', keyPair(77).publicKey)],
    ['that is a list', (text) => `[${text}]`],
  ])('should refuse to start on a record %s', async (_what, change) => {
    rotated()
    await recalls.stop()
    for (const [key, value] of await sets.entries())
      if (key.endsWith(OLD.hash)) await sets.put(key, utf8(change(fromUtf8(value))))
    expect(await codeOf(open())).toBe('STORE_UNREADABLE')
  })

  it('should leave those of another registry alone', async () => {
    rotated()
    await recalls.recall(OLD.hash)
    await recalls.stop()
    const other = await open({ registryId: { ...REGISTRY, network: 'other' } })
    expect(replaced(other)).toEqual([])
    expect(other.list()).toEqual([])
    expect((await open()).list()).toHaveLength(1)
  })
})

describe('whether this node was ever a member', () => {
  it('should be known after a restart, and not be so of sets without its key', async () => {
    apply(FOREIGN)
    expect(recalls.wasMember()).toBe(false)
    apply(OLD)
    apply(NEW)
    await recalls.stop()
    recalls = await open()
    expect(recalls.wasMember()).toBe(true)
    expect((await open({ self: keyPair(900).publicKey, earlierKeys: [SELF] })).wasMember()).toBe(false)
    expect((await open({ registryId: { ...REGISTRY, network: 'other' } })).wasMember()).toBe(false)
  })
})

describe('R8: a recall', () => {
  beforeEach(rotated)

  it('should be on disk before anyone is told of it', async () => {
    const order: string[] = []
    const slow: Space = {
      ...stored,
      put: async (key, value) => {
        await stored.put(key, value)
        order.push('stored')
      },
    }
    const own = await open({ recalls: slow, onRecalled: () => order.push('told') })
    const { expiresAtMs } = await own.recall(OLD.hash)
    expect(order).toEqual(['stored', 'told'])
    expect(expiresAtMs).toBe(clock.now() + TTL_MS)
  })

  it('should admit nobody if it could not be stored', async () => {
    const full: Space = { ...stored, put: async () => Promise.reject(new Error('disk full')) }
    const own = await open({ recalls: full })
    await expect(own.recall(OLD.hash)).rejects.toThrow('disk full')
    expect(told).toEqual([])
    expect(own.list()).toEqual([])
  })

  it('should survive a restart, and be told once the registry was read', async () => {
    await recalls.recall(OLD.hash)
    await recalls.stop()
    latest = undefined
    told = []
    recalls = await open()
    expect(told).toEqual([])
    apply(NEW)
    expect(told).toEqual([[OLD.hash]])
  })

  it('R5: should admit nobody before the registry was read, and none be made then', async () => {
    await recalls.recall(OLD.hash)
    await recalls.stop()
    latest = undefined
    told = []
    recalls = await open()
    expect(told).toEqual([])
    expect(await codeOf(recalls.recall(OLD.hash))).toBe('REGISTRY_UNKNOWN')
  })

  it('should expire like an approval, and begin anew when it is said again', async () => {
    await recalls.recall(OLD.hash)
    clock.advance(TTL_MS - 1)
    await recalls.recall(OLD.hash)
    clock.advance(TTL_MS - 1)
    expect(recalls.list()).toHaveLength(1)
    clock.advance(1)
    expect(recalls.list()).toEqual([])
    expect(told).toEqual([[OLD.hash], []])
    clock.advance(EXPIRY_PATIENCE_MS - 1)
    expect(await stored.entries()).toHaveLength(1)
    clock.advance(LOOK_AGAIN_MS)
    await recalls.stop()
    expect(await stored.entries()).toEqual([])
  })

  it('R8: should grant nothing past its end, and stand again when the wall clock was wrong', async () => {
    await recalls.recall(OLD.hash)
    clock.jump(2 * TTL_MS)
    apply(NEW)
    expect(told.at(-1)).toEqual([])
    clock.advance(LOOK_AGAIN_MS)
    clock.jump(-2 * TTL_MS)
    clock.advance(LOOK_AGAIN_MS)
    expect(told.at(-1)).toEqual([OLD.hash])
    expect(await stored.entries()).toHaveLength(1)
    // Wrong once more, much later: its patience begins anew.
    clock.advance(EXPIRY_PATIENCE_MS)
    clock.jump(2 * TTL_MS)
    apply(NEW)
    clock.advance(LOOK_AGAIN_MS)
    expect(await stored.entries()).toHaveLength(1)
  })

  it('should expire after 30 days, though timers of the platform end at 24', async () => {
    const days = 24 * 3_600_000
    recalls = await open({ ttlMs: 30 * days })
    await recalls.recall(OLD.hash)
    clock.advance(30 * days - 1)
    expect(recalls.list()).toHaveLength(1)
    clock.advance(1)
    expect(told.at(-1)).toEqual([])
  })

  it('should wait for its end in steps that timers of the platform can hold', async () => {
    const waitsMs: number[] = []
    const after = (delayMs: number) => {
      waitsMs.push(delayMs)
      return () => {}
    }
    const patient = await open({
      ttlMs: 30 * 86_400_000,
      clock: { now: () => clock.now(), monotonicMs: () => clock.monotonicMs(), after },
    })
    apply(OLD, patient)
    apply(NEW, patient)
    await patient.recall(OLD.hash)
    expect(waitsMs.length).toBeGreaterThan(0)
    expect(Math.max(...waitsMs)).toBeLessThan(2 ** 31)
    await patient.stop()
  })

  it('should expire while the node is down', async () => {
    await recalls.recall(OLD.hash)
    await recalls.stop()
    told = []
    clock.advance(TTL_MS)
    recalls = await open()
    clock.advance(EXPIRY_PATIENCE_MS)
    expect(told).toEqual([])
    await recalls.stop()
    expect(await stored.entries()).toEqual([])
  })

  it('should be withdrawn at once, whatever the disk does', async () => {
    const hanging: Space = { ...stored, delete: () => new Promise(() => {}) }
    recalls = await open({ recalls: hanging })
    await recalls.recall(OLD.hash)
    void recalls.withdraw(OLD.hash)
    await Promise.resolve()
    expect(told).toEqual([[OLD.hash], []])
    expect(recalls.list()).toEqual([])
  })

  it('should stay withdrawn after a restart', async () => {
    await recalls.recall(OLD.hash)
    await recalls.withdraw(OLD.hash)
    await recalls.stop()
    expect((await open()).list()).toEqual([])
  })

  it('should end when its set is the current one again', async () => {
    await recalls.recall(OLD.hash)
    apply(OLD)
    expect(told).toEqual([[OLD.hash], []])
    apply(NEW)
    expect(recalls.list()).toEqual([])
    await recalls.stop()
    expect(await stored.entries()).toEqual([])
  })

  it('should outlive further rotations', async () => {
    await recalls.recall(OLD.hash)
    apply(FOREIGN)
    expect(recalls.list().map((r) => r.set.hash)).toEqual([OLD.hash])
    expect(told).toEqual([[OLD.hash]])
  })

  it.each<[string, string, string]>([
    ['a set that never stood on chain', 'ab'.repeat(32), 'SET_UNKNOWN'],
    ['what is no hash', 'the old one', 'SET_UNKNOWN'],
    ['a hash in capitals', OLD.hash.toUpperCase(), 'SET_UNKNOWN'],
    ['the current set', NEW.hash, 'SET_CURRENT'],
    ['a set without this node', FOREIGN.hash, 'NOT_A_MEMBER'],
  ])('should not be made of %s', async (_what, hash, code) => {
    apply(FOREIGN)
    apply(NEW)
    expect(await codeOf(recalls.recall(hash))).toBe(code)
    expect(told).toEqual([])
    expect(await stored.entries()).toEqual([])
  })

  it('should be made by how the hash begins, and withdrawn so', async () => {
    apply(OLDER)
    apply(NEW)
    const { set } = await recalls.recall(OLD.hash.slice(0, 8))
    expect(set).toEqual(OLD)
    await recalls.recall(OLDER.hash.slice(0, 9))
    expect(told.at(-1)?.toSorted()).toEqual([OLD.hash, OLDER.hash].toSorted())
    expect((await recalls.withdraw(OLD.hash.slice(0, 8))).set).toEqual(OLD)
    expect(recalls.list().map((r) => r.set.hash)).toEqual([OLDER.hash])
  })

  it('should be withdrawn by digits that begin only one of those that are recalled', async () => {
    await recalls.recall(OLD.hash)
    expect(await codeOf(recalls.withdraw(NEW.hash.slice(0, 8)))).toBe('SET_NOT_RECALLED')
    expect(await codeOf(recalls.withdraw(OLD.hash.slice(0, 7)))).toBe('SET_PREFIX_SHORT')
    expect(recalls.list()).toHaveLength(1)
  })

  it.each<[string, string, string]>([
    ['fewer than 8 digits', OLD.hash.slice(0, 7), 'SET_PREFIX_SHORT'],
    ['nothing', '', 'SET_UNKNOWN'],
    ['how no hash begins', OLD.hash.slice(1, 20), 'SET_UNKNOWN'],
    ['a hash and more', `${OLD.hash}00`, 'SET_UNKNOWN'],
    ['how the current hash begins', NEW.hash.slice(0, 10), 'SET_CURRENT'],
  ])('should not be made of %s', async (_what, name, code) => {
    expect(await codeOf(recalls.recall(name))).toBe(code)
    expect(told).toEqual([])
  })

  it('should not be one too many, and make room when withdrawn', async () => {
    const many = Array.from({ length: LIMITS.maxRecalledSets + 1 }, (_, i) => setOf(3, 1, keyPair(800 + i).publicKey))
    for (const set of [...many, NEW]) apply(set)
    const hashes = many.map((s) => s.hash)
    for (const hash of hashes.slice(0, -1)) await recalls.recall(hash)
    expect(await codeOf(recalls.recall(hashes.at(-1) ?? ''))).toBe('RECALL_LIMIT')
    await recalls.recall(hashes[0] ?? '')
    await recalls.withdraw(hashes[0] ?? '')
    await recalls.recall(hashes.at(-1) ?? '')
    expect(recalls.list()).toHaveLength(LIMITS.maxRecalledSets)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['was not made', async () => {}],
    ['is over', async () => recalls.recall(OLD.hash).then(() => clock.advance(TTL_MS))],
    ['was withdrawn', async () => recalls.recall(OLD.hash).then(() => recalls.withdraw(OLD.hash))],
  ])('should not be withdrawn if it %s', async (_what, before) => {
    await before()
    expect(await codeOf(recalls.withdraw(OLD.hash))).toBe('SET_NOT_RECALLED')
  })

  it('should not be read from a record that is malformed, or of a set that is not known', async () => {
    await recalls.recall(OLD.hash)
    await recalls.stop()
    const [[key, value]] = (await stored.entries()) as [[string, Uint8Array]]
    await stored.put(key, value.slice(0, -1))
    expect(await codeOf(open())).toBe('STORE_UNREADABLE')
    await stored.put(key, value)
    expect(await codeOf(open({ sets: memorySpace() }))).toBe('STORE_UNREADABLE')
  })
})

describe('R7: a node that moved to its next key', () => {
  const NEXT = keyPair(900).publicKey
  const moved = () => open({ self: NEXT, earlierKeys: [SELF] })
  beforeEach(rotated)

  it('should list the sets of its earlier key as what they are', async () => {
    recalls = await moved()
    expect(recalls.replaced()).toMatchObject([{ set: OLD, earlierKey: SELF }])
  })

  it('should not recall them, and say what helps: who can without it, and how it could', async () => {
    recalls = await moved()
    const refused = await recalls.recall(OLD.hash).then(
      () => undefined,
      (e: unknown) => e as CodedError,
    )
    expect(refused?.code).toBe('EARLIER_KEY')
    expect(refused?.message).toContain(SELF)
    expect(refused?.message).toMatch(/can sign without this node if 2 of its other 2 members recall it/)
    expect(refused?.message).toMatch(/start this node with the earlier key as \[identity\] key_file/)
    expect(await stored.entries()).toEqual([])
  })

  it('should say so where the set can not do without it', async () => {
    const all = validateSignerData(REGISTRY, { ...goodTuple(2, 1), threshold: 2n })
    if (all.kind !== 'set') throw new Error(all.kind)
    apply(all.set)
    apply(NEW)
    recalls = await moved()
    await expect(recalls.recall(all.set.hash)).rejects.toThrow(/needs all 2 of its members/)
  })

  it('should still say of sets that it was in under no key that it was not a member', async () => {
    apply(FOREIGN)
    apply(NEW)
    recalls = await moved()
    expect(await codeOf(recalls.recall(FOREIGN.hash))).toBe('NOT_A_MEMBER')
  })

  it('should admit nobody by a recall of its earlier key, and keep it for that', async () => {
    await recalls.recall(OLD.hash)
    await recalls.stop()
    told = []
    recalls = await moved()
    apply(NEW)
    expect(told).toEqual([])
    expect(recalls.list()).toMatchObject([{ set: OLD, earlierKey: SELF }])
    await recalls.stop()
    recalls = await open()
    expect(told).toEqual([[OLD.hash]])
    expect(recalls.list()[0]).not.toHaveProperty('earlierKey')
  })

  it('should not forget the sets of its earlier key before those that it had no part in', async () => {
    recalls = await moved()
    apply(FOREIGN)
    for (let i = 0; i < LIMITS.maxKnownSets - 1; i++) {
      clock.advance(1)
      apply(setOf(3, 1, keyPair(2_000 + i).publicKey))
    }
    await recalls.stop()
    const kept = (await sets.entries()).map(([key]) => key.split('/')[1])
    expect(kept).not.toContain(FOREIGN.hash)
    expect(kept).not.toContain(NEW.hash)
    expect(kept).toContain(OLD.hash)
  })
})

describe('the keys that a node lived under', () => {
  const next = keyPair(900).publicKey
  it('should be remembered, each once, without the one in use', async () => {
    const space = memorySpace()
    expect(await earlierKeys(space, SELF)).toEqual([])
    expect(await earlierKeys(space, SELF)).toEqual([])
    expect(await earlierKeys(space, next)).toEqual([SELF])
    expect(await earlierKeys(space, next)).toEqual([SELF])
    expect(await earlierKeys(space, SELF)).toEqual([next])
  })
})

describe('the beginning of a set hash', () => {
  const hashes = ['aaaaaaaa1', 'aaaaaaaa2', 'bbbbbbbb'].map((h) => h.padEnd(64, '0') as SetHash)
  it('should name one set, however long it is', () => {
    for (const length of [9, 10, 33, 64]) expect(findSet((hashes[0] ?? '').slice(0, length), hashes)).toBe(hashes[0])
    expect(findSet('bbbbbbbb', [...hashes, ...hashes])).toBe(hashes[2])
  })
  it('should not choose between two: both are listed', () => {
    expect(() => findSet('aaaaaaaa', hashes)).toThrow(
      expect.objectContaining({
        code: 'SET_AMBIGUOUS',
        message: expect.stringContaining(`${hashes[0]}, ${hashes[1]}`),
      }),
    )
  })
  it.each(['a', 'aaaaaaa', 'b'.repeat(7)])('should not be as short as %s', (text) => {
    expect(() => findSet(text, hashes)).toThrow(expect.objectContaining({ code: 'SET_PREFIX_SHORT' }))
  })
  it.each(['cccccccc', 'BBBBBBBB', 'bbbbbbbb…', '../../bbbbbbbb', ''])('should name nothing as %s', (text) => {
    expect(findSet(text, hashes)).toBeUndefined()
  })
})
