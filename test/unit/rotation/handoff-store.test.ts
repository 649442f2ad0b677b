import { schnorr } from '@noble/curves/secp256k1.js'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  asGroupKey,
  asPendingId,
  asSetHash,
  fromHex,
  LIMITS,
  type Logger,
  type PublicKey,
  silentLogger,
  toHex,
  utf8,
} from '../../../src/base/index.ts'
import { KeyPair, randomBytes, sha256 } from '../../../src/curve/index.ts'
import { Handoff, oldKeyOf } from '../../../src/rotation/handoff.ts'
import { loadHandoff, loadHandoffs } from '../../../src/rotation/handoff-record.ts'
import type { HandoffRounds } from '../../../src/rotation/handoff-signing.ts'
import {
  type HandoffItem,
  type HandoffList,
  type HeardHandoffs,
  nameOfItem,
  type PendingSpec,
  verifyHandoff,
} from '../../../src/rounds/index.ts'
import type { Space } from '../../../src/store/index.ts'
import { signerSet } from '../../fixtures/sets.ts'
import { memorySpace } from '../../fixtures/space.ts'

const oldSecret = KeyPair.generate().exposeSecret()
const groupKey = asGroupKey(toHex(schnorr.getPublicKey(oldSecret)))
const current = signerSet(
  Array.from({ length: 3 }, () => KeyPair.generate()),
  2,
)
const [self, other, third] = current.keys as [PublicKey, PublicKey, PublicKey]
const spec: PendingSpec = {
  id: asPendingId('00'.repeat(32)),
  parentSetHash: current.hash,
  keys: current.keys,
  threshold: 3,
  attempt: 1,
  currentKeys: current.keys,
  currentThreshold: 2,
  principal: current.principal,
}
const digest = (name: string): HandoffItem => ({ digest: toHex(sha256(utf8(name))), merkleRoot: 'none' })
const signatureOf = (item: HandoffItem) => schnorr.sign(fromHex(item.digest), oldSecret)

const signAll = async (...items: readonly HandoffItem[]): Promise<SignResult> => ({
  ok: true,
  signatures: items.map(signatureOf),
})

type SignResult = Awaited<ReturnType<HandoffRounds['sign']>>
const FAILED: SignResult = { ok: false, code: 'TIMEOUT', message: 'nobody answered', missing: [], cheaters: [] }

let space: Space
let nowMs: number
let told: HandoffList[]
let warnings: string[]
/** Request ids that were asked for. */
let asked: string[]
let answer: (...items: readonly HandoffItem[]) => Promise<SignResult>
let life: AbortController
const logger = (): Logger => ({ ...silentLogger, warn: (text) => void warnings.push(text), child: logger })
beforeEach(() => {
  space = memorySpace()
  nowMs = 1_000
  told = []
  warnings = []
  life = new AbortController()
  asked = []
  answer = signAll
})

const opened = async (of: PendingSpec = spec): Promise<Handoff> =>
  new Handoff(
    {
      ...{ self, spec: of, space, signal: life.signal, logger: logger() },
      rounds: {
        sign: async ({ requestId, items }) => {
          asked.push(requestId)
          return answer(...items.map((item) => ({ digest: toHex(item.digest), merkleRoot: 'none' })))
        },
      },
      onChange: (list) => void told.push(list),
      clock: { now: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} },
    },
    await loadHandoff(space, spec.id),
  )
const heardOf = (author: PublicKey, item: HandoffItem, signature?: Uint8Array): HeardHandoffs =>
  new Map([
    [
      author,
      {
        ...{ revision: 1, hold: false, items: [item] },
        signatures: new Map(signature && [[nameOfItem(item), signature]]),
      },
    ],
  ])
const listOf = (author: PublicKey, items: readonly HandoffItem[]): HeardHandoffs =>
  new Map([[author, { ...{ revision: 1, hold: false, items }, signatures: new Map() }]])
/** Until a run of `sign` is over, which is told as a change. */
const signed = async (handoff: Handoff, ...items: readonly HandoffItem[]): Promise<void> => {
  handoff.sign(items.map(nameOfItem))
  await expect.poll(() => handoff.facts().signing).toBe(false)
}

describe('the handoff of one node', () => {
  it('R28: should keep the first signature that verified, whoever made it', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    const first = signatureOf(item)
    await handoff.hear(heardOf(other, item, first))
    expect(handoff.own?.signatures.get(nameOfItem(item))).toEqual(first)
    await handoff.hear(heardOf(third, item, schnorr.sign(fromHex(item.digest), oldSecret, randomBytes(32))))
    await signed(handoff, item)
    expect((await opened()).own?.signatures.get(nameOfItem(item))).toEqual(first)
  })

  it('R28: should keep what was told over what its own round ends with later', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    const round = Promise.withResolvers<SignResult>()
    answer = () => round.promise
    handoff.sign([nameOfItem(item)])
    const first = signatureOf(item)
    await handoff.hear(heardOf(other, item, first))
    round.resolve({ ok: true, signatures: [schnorr.sign(fromHex(item.digest), oldSecret, randomBytes(32))] })
    await expect.poll(() => handoff.facts().signing).toBe(false)
    expect((await opened()).own?.signatures.get(nameOfItem(item))).toEqual(first)
  })

  it('R29: should believe no round that ends with a signature of something else', async () => {
    const handoff = await opened()
    await handoff.list(groupKey, [digest('one')], false)
    answer = async () => ({ ok: true, signatures: [signatureOf(digest('two'))] })
    await signed(handoff, digest('one'))
    expect(handoff.own?.signatures.size).toBe(0)
    expect(handoff.lastFailure).toMatch(/does not verify/)
    answer = async () => ({ ok: true, signatures: [] })
    await signed(handoff, digest('one'))
    expect(handoff.own?.signatures.size).toBe(0)
  })

  it('should ask for all that the same members list at once, and keep it in one write', async () => {
    const handoff = await opened()
    const items = Array.from({ length: 25 }, (_, i) => digest(String(i)))
    await handoff.list(groupKey, items, false)
    await handoff.hear(listOf(other, items))
    told.length = 0
    await signed(handoff, ...items)
    expect(asked).toHaveLength(1)
    // Once for the signatures, once for the end of the run.
    expect(told.map(({ signatures }) => signatures.size)).toEqual([25, 25])
    for (const item of items)
      expect(verifyHandoff(groupKey, item, handoff.own?.signatures.get(nameOfItem(item)) ?? randomBytes(64))).toBe(true)
  })

  it('should ask for no more at once than fits into one message of a large set', async () => {
    const members = Array.from({ length: 128 }, () => KeyPair.generate().publicKey).toSorted()
    const large = { ...spec, currentKeys: [self, ...members.slice(1)], currentThreshold: 85 }
    const handoff = await opened(large)
    const items = Array.from({ length: 64 }, (_, i) => digest(String(i)))
    await handoff.list(groupKey, items, false)
    await handoff.hear(new Map(large.currentKeys.slice(1).flatMap((key) => [...listOf(key, items)])))
    const sizes: number[] = []
    answer = async (...batch) => {
      sizes.push(batch.length)
      return signAll(...batch)
    }
    await signed(handoff, ...items)
    // 85 pairs of 72 bytes for each digest, in 64 KiB.
    expect(Math.max(...sizes)).toBe(9)
    expect(handoff.own?.signatures.size).toBe(64)
  })

  it('R27: should ask for nothing together that not the same members list', async () => {
    const handoff = await opened()
    const [a, b, c] = [digest('a'), digest('b'), digest('c')]
    await handoff.list(groupKey, [a, b, c], false)
    await handoff.hear(new Map([...listOf(other, [a, b]), ...listOf(third, [c])]))
    const batches: HandoffItem[][] = []
    answer = async (...items) => {
      batches.push([...items])
      return signAll(...items)
    }
    await signed(handoff, a, b, c)
    expect(batches.map((batch) => new Set(batch))).toEqual(expect.arrayContaining([new Set([a, b]), new Set([c])]))
    expect(batches).toHaveLength(2)
  })

  it('R27: should ask under the same ids again after a restart, for what was not signed before', async () => {
    const before = await opened()
    const [a, b, c] = [digest('a'), digest('b'), digest('c')]
    await before.list(groupKey, [a, b, c], false)
    const heard = new Map([...listOf(other, [a, b]), ...listOf(third, [c])])
    await before.hear(heard)
    answer = async (...items) => (items.length === 2 ? FAILED : signAll(...items))
    await signed(before, a, b, c)
    expect([...(before.own?.signatures.keys() ?? [])]).toEqual([nameOfItem(c)])
    const failed = asked.length
    const after = await opened()
    await after.hear(heard)
    answer = signAll
    await signed(after, c, b, a)
    expect(asked).toHaveLength(failed + 1)
    expect(asked.slice(0, failed)).toContain(asked.at(-1))
    expect(after.own?.signatures.size).toBe(3)
  })

  it('should keep what is right of a batch, and name what is not, and who was not heard from', async () => {
    const handoff = await opened()
    const items = [digest('a'), digest('b'), digest('c')]
    await handoff.list(groupKey, items, false)
    answer = async (...batch) => ({
      ok: true,
      signatures: batch.map((item) => (item.digest === digest('b').digest ? randomBytes(64) : signatureOf(item))),
    })
    await signed(handoff, ...items)
    expect(handoff.own?.signatures.size).toBe(2)
    expect(handoff.lastFailure).toContain(`1 of 3 listed digests (${digest('b').digest})`)
    expect(handoff.failureOf(digest('b'))).toMatch(/does not verify/)
    expect(handoff.failureOf(digest('a'))).toBeUndefined()
    answer = async () => ({ ...FAILED, missing: [third] })
    await signed(handoff, ...items)
    expect(handoff.failureOf(digest('b'))).toBe(`nobody answered; not heard from: ${third}`)
    // A signature that others tell ends it, too.
    await handoff.hear(heardOf(other, digest('b'), signatureOf(digest('b'))))
    expect([handoff.failureOf(digest('b')), handoff.lastFailure]).toEqual([undefined, undefined])
  })

  it('should say nothing of a round that ran out after others had told its signatures', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    const round = Promise.withResolvers<SignResult>()
    answer = () => round.promise
    handoff.sign([nameOfItem(item)])
    await handoff.hear(heardOf(other, item, signatureOf(item)))
    round.resolve(FAILED)
    await expect.poll(() => handoff.facts().signing).toBe(false)
    expect([handoff.failureOf(item), handoff.lastFailure]).toEqual([undefined, undefined])
  })

  it('should say nothing of what is not listed any more', async () => {
    const handoff = await opened()
    await handoff.list(groupKey, [digest('a')], false)
    const round = Promise.withResolvers<SignResult>()
    answer = () => round.promise
    handoff.sign([nameOfItem(digest('a'))])
    await handoff.list(groupKey, [digest('b')], false)
    round.resolve(FAILED)
    await expect.poll(() => handoff.facts().signing).toBe(false)
    expect(handoff.lastFailure).toBeUndefined()
  })

  it('should say why a digest is not signed yet, and try again', async () => {
    const handoff = await opened()
    await handoff.list(groupKey, [digest('one')], false)
    answer = async () => FAILED
    await signed(handoff, digest('one'))
    expect(handoff.lastFailure).toMatch(/nobody answered/)
    expect(handoff.facts()).toMatchObject({ signing: false, triedAtMs: nowMs })
    answer = signAll
    await signed(handoff, digest('one'))
    expect(handoff.own?.signatures.size).toBe(1)
    expect(handoff.lastFailure).toBeUndefined()
  })

  it('should look at no more than a few wrong signatures of one member for one digest', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    for (let i = 0; i < 50; i++) await handoff.hear(heardOf(other, item, randomBytes(64)))
    expect(warnings.length).toBeGreaterThan(0)
    expect(warnings.length).toBeLessThan(10)
    // Another member's counts all the same.
    await handoff.hear(heardOf(third, item, signatureOf(item)))
    expect(handoff.own?.signatures.size).toBe(1)
  })

  it('should lose neither a list to a signature that comes meanwhile, nor the other way round', async () => {
    const handoff = await opened()
    const [one, two] = [digest('one'), digest('two')]
    await handoff.list(groupKey, [one], true)
    const { put } = space
    const slow: (() => void)[] = []
    // What was written last is what stays, whichever write the disk does first.
    space.put = (key, value) =>
      new Promise<void>((resolve, reject) => slow.push(() => void put(key, value).then(resolve, reject)))
    const listing = handoff.list(groupKey, [one, two], true)
    const hearing = handoff.hear(heardOf(other, one, signatureOf(one)))
    const drain = setInterval(() => slow.pop()?.(), 1)
    await Promise.all([listing, hearing])
    clearInterval(drain)
    for (const now of [handoff, await opened()]) {
      expect(now.own?.items).toEqual([one, two])
      expect([...(now.own?.signatures.keys() ?? [])]).toEqual([nameOfItem(one)])
    }
  })

  it('R28: should come back with its first signature when it is listed again, a restart notwithstanding', async () => {
    const [x, y, handoff] = [digest('x'), digest('y'), await opened()]
    await handoff.list(groupKey, [x, y], false)
    const first = signatureOf(x)
    await handoff.hear(heardOf(other, x, first))
    await handoff.list(groupKey, [], true)
    expect(handoff.own).toMatchObject({ items: [], signatures: new Map(), former: [{ item: x, signature: first }] })
    const again = await opened()
    expect(again.own).toEqual(handoff.own)
    await again.list(groupKey, [y, x], false)
    expect(again.own).toMatchObject({ signatures: new Map([[nameOfItem(x), first]]), former: [] })
  })

  it('should keep no more former signatures than a list has digests, the latest', async () => {
    const handoff = await opened()
    const items = Array.from({ length: LIMITS.maxHandoffDigests + 2 }, (_, i) => digest(`former ${i}`))
    for (const item of items) {
      await handoff.list(groupKey, [item], true)
      await handoff.hear(heardOf(other, item, signatureOf(item)))
    }
    await handoff.list(groupKey, [], true)
    expect(handoff.own?.former.map((f) => f.item)).toEqual(items.slice(2))
    expect((await opened()).own).toEqual(handoff.own)
  })

  it('should be read from a record of an older version, and not from one that says it wrongly', async () => {
    const x = digest('x')
    const head = { groupKey, revision: 1, hold: true, items: [] }
    await space.put(spec.id, utf8(JSON.stringify(head)))
    expect((await opened()).own).toMatchObject({ former: [] })
    for (const former of [{}, [{ ...x, signature: null }], [{ ...x, signature: '12' }], [7]]) {
      await space.put(spec.id, utf8(JSON.stringify({ ...head, former })))
      await expect(opened()).rejects.toMatchObject({ code: 'STORE_UNREADABLE' })
    }
  })

  it('should keep nothing of a round whose digest was withdrawn meanwhile', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    const round = Promise.withResolvers<SignResult>()
    answer = () => round.promise
    handoff.sign([nameOfItem(item)])
    await handoff.list(groupKey, [], false)
    round.resolve({ ok: true, signatures: [signatureOf(item)] })
    await expect.poll(() => handoff.facts().signing).toBe(false)
    // It does not come back with the digest either: the operator may list it again for another reason, and is asked anew.
    expect((await opened()).own).toEqual({ ...handoff.own, items: [], signatures: new Map() })
    expect(handoff.own?.signatures.size).toBe(0)
  })

  it('should rise in revision with every list, though the clock goes back, and not with the same list', async () => {
    const handoff = await opened()
    await handoff.list(groupKey, [digest('one')], false)
    const first = handoff.own?.revision ?? 0
    nowMs = 5
    await handoff.list(groupKey, [digest('two')], false)
    expect(handoff.own?.revision).toBe(first + 1)
    const before = told.length
    await handoff.list(groupKey, [digest('two')], false)
    expect([handoff.own?.revision, told.length]).toEqual([first + 1, before])
  })

  it('should know how many list what, and since when they are enough', async () => {
    const handoff = await opened()
    const item = digest('one')
    await handoff.list(groupKey, [item], false)
    await handoff.hear(new Map())
    expect(handoff.facts().listed).toEqual([
      { name: nameOfItem(item), signed: false, by: [self], readySinceMs: undefined },
    ])
    nowMs = 2_000
    await handoff.hear(heardOf(other, item))
    nowMs = 3_000
    await handoff.hear(heardOf(other, item))
    expect(handoff.facts().listed).toMatchObject([{ by: [self, other], readySinceMs: 2_000 }])
    await handoff.hear(heardOf(other, digest('two')))
    expect(handoff.facts().listed).toMatchObject([{ by: [self], readySinceMs: undefined }])
  })
})

describe('lists on disk', () => {
  it('should be as many as are kept, the oldest gone first and never the pending set’s own', async () => {
    for (let i = 0; i < LIMITS.maxKeptHandoffs + 5; i++) {
      nowMs += 1_000
      const id = asPendingId(String(i).padStart(64, '0'))
      const one = new Handoff(
        {
          ...{ self, spec: { ...spec, id }, space, signal: life.signal, logger: silentLogger, onChange: () => {} },
          ...{
            rounds: { sign: async () => FAILED },
            clock: { now: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} },
          },
        },
        undefined,
      )
      await one.list(groupKey, [digest(String(i))], false)
    }
    const kept = await loadHandoffs(space)
    expect(kept).toHaveLength(LIMITS.maxKeptHandoffs)
    expect(kept[0]?.items).toEqual([digest(String(LIMITS.maxKeptHandoffs + 4))])
  })

  it.each(['', '{}', '[]', '{"groupKey":"ab","revision":1,"hold":false,"items":[]}', 'not json'])(
    'should be an error where the pending set’s own is malformed: %s',
    async (text) => {
      await space.put(spec.id, utf8(text))
      await expect(loadHandoff(space, spec.id)).rejects.toMatchObject({ code: 'STORE_UNREADABLE' })
      expect(await loadHandoffs(space)).toEqual([])
    },
  )
})

describe('oldKeyOf', () => {
  const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
  it('R9: should be the key of the set that is replaced, and no other', () => {
    const snapshot = { kind: 'set', set: current, tip, readAtMs: 0 } as const
    expect(oldKeyOf(snapshot, current.hash)).toBe(current.groupKey)
    expect(
      oldKeyOf({ ...snapshot, set: { ...current, hash: asSetHash('99'.repeat(32)) } }, current.hash),
    ).toBeUndefined()
    expect(oldKeyOf({ kind: 'uninitialised', deployer: 'SN', tip, readAtMs: 0 }, current.hash)).toBeUndefined()
  })
})
