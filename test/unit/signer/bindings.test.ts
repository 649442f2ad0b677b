import { describe, expect, it } from 'vitest'
import { asGroupKey, encodeFields, LIMITS, silentLogger } from '../../../src/base/index.ts'
import {
  type RequestBindings,
  requestBindings,
  type SignerError,
  type SignItem,
  type ThresholdRequest,
} from '../../../src/signer/index.ts'
import { openStore } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'
import { FakeSpace, itemOf } from './fixtures.ts'

const tempFolder = tempFolders()
const GROUP_KEY = asGroupKey('11'.repeat(32))
const request = (items: SignItem | readonly SignItem[], requestId = 'aa', groupKey = GROUP_KEY): ThresholdRequest => ({
  requestId,
  groupKey,
  items: 'digest' in items ? [items] : items,
})
const SIGNATURE = new Uint8Array(64).fill(7)
const OTHER = new Uint8Array(64).fill(8)

function bindingsOver(space = new FakeSpace(), maxIdle?: number) {
  const fatal: SignerError[] = []
  const reported = Promise.withResolvers<void>()
  const bindings = requestBindings({
    space,
    logger: silentLogger,
    onFatal: (error) => {
      fatal.push(error)
      reported.resolve()
    },
    ...(maxIdle === undefined ? {} : { maxIdle }),
  })
  return { bindings, space, fatal, reported: reported.promise }
}

describe('request bindings', () => {
  it('R27: should take the first item, take it again, and refuse every other', async () => {
    const { bindings } = bindingsOver()
    const root = (fill: number | null): SignItem => ({
      digest: itemOf(1).digest,
      tweak: { kind: 'key', merkleRoot: fill === null ? null : new Uint8Array(32).fill(fill) },
    })
    expect(await bindings.bind(request(itemOf(1)))).not.toBe('equivocation')
    expect(await bindings.bind(request(itemOf(1)))).not.toBe('equivocation')
    for (const other of [itemOf(2), root(null), root(0), root(1)])
      expect(await bindings.bind(request(other))).toBe('equivocation')
  })

  it('R27: should tell the empty root from every other root under one id', async () => {
    const { bindings } = bindingsOver()
    const digest = itemOf(1).digest
    await bindings.bind(request({ digest, tweak: { kind: 'key', merkleRoot: null } }))
    const zero = { digest, tweak: { kind: 'key' as const, merkleRoot: new Uint8Array(32) } }
    expect(await bindings.bind(request(zero))).toBe('equivocation')
  })

  it('R27: should bind per key and per request id', async () => {
    const { bindings } = bindingsOver()
    await bindings.bind(request(itemOf(1)))
    expect(await bindings.bind(request(itemOf(2), 'ab'))).not.toBe('equivocation')
    expect(await bindings.bind(request(itemOf(2), 'aa', asGroupKey('22'.repeat(32))))).not.toBe('equivocation')
  })

  it('R27: should be on disk before it resolves', async () => {
    const space = new FakeSpace()
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const { bindings } = bindingsOver(space)
    let resolved = false
    const bound = bindings.bind(request(itemOf(1))).then(() => {
      resolved = true
      return space.values.size
    })
    const asked = bindings.lookup(GROUP_KEY, 'aa')
    await new Promise((resolve) => setImmediate(resolve))
    expect(resolved).toBe(false)
    disk.resolve()
    expect(await bound).toBe(1)
    expect(await asked).toBeDefined()
  })

  it('R30: should let one of two different items pass that come in one tick, and write once', async () => {
    const { bindings, space } = bindingsOver()
    const [a, b] = await Promise.all([bindings.bind(request(itemOf(1))), bindings.bind(request(itemOf(2)))])
    expect(a).not.toBe('equivocation')
    expect(b).toBe('equivocation')
    expect(space.puts).toHaveLength(1)
  })

  it('R30: should refuse a newcomer while the stored item is still being read', async () => {
    const { space } = bindingsOver()
    await bindingsOver(space).bindings.bind(request(itemOf(1)))
    const { bindings } = bindingsOver(space)
    const [evil, honest] = await Promise.all([bindings.bind(request(itemOf(2))), bindings.bind(request(itemOf(1)))])
    expect(evil).toBe('equivocation')
    expect(honest).not.toBe('equivocation')
  })

  it('R30: should not drop a reservation from memory while it is being written', async () => {
    const { bindings, space } = bindingsOver(new FakeSpace(), 0)
    await bindings.bind(request(itemOf(3), 'bb'))
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const first = bindings.bind(request(itemOf(1)))
    await bindings.bind(request(itemOf(3), 'bb'))
    const second = bindings.bind(request(itemOf(2)))
    disk.resolve()
    expect(await first).not.toBe('equivocation')
    expect(await second).toBe('equivocation')
  })

  it('R30: should refuse everything after a failed write, and report it once', async () => {
    const { bindings, space, fatal, reported } = bindingsOver()
    await bindings.bind(request(itemOf(1)))
    space.failure = new Error('I/O error')
    const codes = [bindings.bind(request(itemOf(2), 'bb')), bindings.bind(request(itemOf(3), 'cc'))].map(codeThrownBy)
    expect(await Promise.all(codes)).toEqual(['BINDINGS_FAILED', 'BINDINGS_FAILED'])
    space.failure = undefined
    expect(await codeThrownBy(bindings.bind(request(itemOf(1))))).toBe('BINDINGS_FAILED')
    expect(await codeThrownBy(bindings.lookup(GROUP_KEY, 'aa'))).toBe('BINDINGS_FAILED')
    expect(await codeThrownBy(bindings.remember(request(itemOf(1)), [SIGNATURE]))).toBe('BINDINGS_FAILED')
    await reported
    expect(fatal).toHaveLength(1)
  })

  it('R27: should not bind through a lookup or a signature', async () => {
    const { bindings, space } = bindingsOver()
    expect(await bindings.lookup(GROUP_KEY, 'aa')).toBeUndefined()
    expect(await codeThrownBy(bindings.remember(request(itemOf(1)), [SIGNATURE]))).toBe('SIGNATURE_INVALID')
    expect(space.puts).toEqual([])
    expect(await bindings.bind(request(itemOf(2)))).not.toBe('equivocation')
  })

  it('should refuse a signature of another item than the bound one', async () => {
    const { bindings } = bindingsOver()
    await bindings.bind(request(itemOf(1)))
    expect(await codeThrownBy(bindings.remember(request(itemOf(2)), [SIGNATURE]))).toBe('SIGNATURE_INVALID')
  })

  it('R28: should keep the first of two signatures, also when both come at once', async () => {
    const { bindings } = bindingsOver()
    await bindings.bind(request(itemOf(1)))
    const kept = await Promise.all([
      bindings.remember(request(itemOf(1)), [SIGNATURE]),
      bindings.remember(request(itemOf(1)), [OTHER]),
    ])
    expect(kept).toEqual([[SIGNATURE], [SIGNATURE]])
  })

  it.each(['bind', 'lookup'] as const)('R28: should show a signature to %s only when it is on disk', async (way) => {
    const { bindings, space } = bindingsOver()
    await bindings.bind(request(itemOf(1)))
    const disk = Promise.withResolvers<void>()
    space.gate = disk.promise
    const remembered = bindings.remember(request(itemOf(1)), [SIGNATURE])
    await new Promise((resolve) => setImmediate(resolve))
    expect(space.puts).toHaveLength(2)
    let answered = false
    const asked = way === 'bind' ? bindings.bind(request(itemOf(1))) : bindings.lookup(GROUP_KEY, 'aa')
    const repeat = asked.finally(() => {
      answered = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(answered).toBe(false)
    disk.resolve()
    expect(await repeat).toMatchObject({ signatures: [SIGNATURE] })
    expect(await remembered).toEqual([SIGNATURE])
  })

  it('R28: should not add a signature to what a repeat was answered with before', async () => {
    const { bindings } = bindingsOver()
    const bound = await bindings.bind(request(itemOf(1)))
    await bindings.remember(request(itemOf(1)), [SIGNATURE])
    expect(bound).toMatchObject({ signatures: undefined })
  })

  it('R28: should keep the first signature when idle bindings are dropped from memory', async () => {
    const { bindings } = bindingsOver(new FakeSpace(), 0)
    await bindings.bind(request(itemOf(1)))
    await bindings.remember(request(itemOf(1)), [SIGNATURE])
    expect(await bindings.remember(request(itemOf(1)), [OTHER])).toEqual([SIGNATURE])
  })

  it('R28, incident 37: should hold item and signature over a restart of a real store', async () => {
    const store = openStore({ dir: tempFolder(), logger: silentLogger })
    const make = () => requestBindings({ space: store.space('requests'), logger: silentLogger, onFatal: () => {} })
    await store.start()
    const before = make()
    await before.bind(request(itemOf(1)))
    await before.remember(request(itemOf(1)), [SIGNATURE])
    await store.stop()
    await store.start()
    const after = make()
    expect(await after.bind(request(itemOf(1)))).toMatchObject({ signatures: [SIGNATURE] })
    expect(await after.bind(request(itemOf(2)))).toBe('equivocation')
    await store.stop()
  })

  it.each<[string, readonly SignItem[]]>([
    ['FewerItems', [itemOf(1)]],
    ['MoreItems', [itemOf(1), itemOf(2), itemOf(3)]],
    ['AnotherOrder', [itemOf(2), itemOf(1)]],
    ['OneTwice', [itemOf(1), itemOf(1)]],
  ])('R27: should bind a whole list in its order, and refuse %s', async (_, others) => {
    const { bindings } = bindingsOver()
    await bindings.bind(request([itemOf(1), itemOf(2)]))
    expect(await bindings.bind(request(others))).toBe('equivocation')
    expect(await bindings.bind(request([itemOf(1), itemOf(2)]))).not.toBe('equivocation')
  })

  it.each<[string, Uint8Array[]]>([
    ['None', []],
    ['Fewer', [SIGNATURE]],
    ['More', [SIGNATURE, SIGNATURE, SIGNATURE]],
    ['Short', [SIGNATURE, SIGNATURE.slice(1)]],
  ])('R27: should remember all signatures of a list or none: %s', async (_, signatures) => {
    const { bindings, space } = bindingsOver()
    const list = request([itemOf(1), itemOf(2)])
    await bindings.bind(list)
    expect(await codeThrownBy(bindings.remember(list, signatures))).toBe('SIGNATURE_INVALID')
    expect(space.puts).toHaveLength(1)
  })

  it('R28: should hold every signature of the largest list, in order, when it is read again', async () => {
    const { bindings } = bindingsOver(new FakeSpace(), 0)
    const list = request(Array.from({ length: LIMITS.maxSignItems }, (_, i) => itemOf(i)))
    const signatures = list.items.map((_, i) => new Uint8Array(64).fill(i))
    await bindings.bind(list)
    await bindings.remember(list, signatures)
    expect((await bindings.lookup(GROUP_KEY, 'aa'))?.signatures).toEqual(signatures)
  })

  it.each([
    ['HalfASignature', 32],
    ['TooMany', 64 * 65],
  ])('should refuse a stored record of %s', async (_, bytes) => {
    const { bindings, space } = bindingsOver()
    space.values.set(`${GROUP_KEY}/aa`, encodeFields(new Uint8Array(32), new Uint8Array(bytes)))
    expect(await codeThrownBy(bindings.lookup(GROUP_KEY, 'aa'))).toBe('BINDINGS_UNREADABLE')
  })

  describe('the end of a consent', () => {
    const ending = (expiresAtMs: number): ThresholdRequest => ({ ...request(itemOf(1)), expiresAtMs })
    const untilOf = async (bindings: RequestBindings) => (await bindings.lookup(GROUP_KEY, 'aa'))?.untilMs

    it('should be kept over a restart, and not end the binding', async () => {
      const { bindings, space } = bindingsOver()
      await bindings.bind(ending(5_000))
      const { bindings: after } = bindingsOver(space)
      expect(await untilOf(after)).toBe(5_000)
      expect(await after.bind({ ...request(itemOf(2)), expiresAtMs: 9_000_000 })).toBe('equivocation')
      expect(await untilOf(after)).toBe(5_000)
    })
    it('should be prolonged by the same request, on disk if by a minute or more', async () => {
      const { bindings, space } = bindingsOver()
      await bindings.bind(ending(5_000))
      await bindings.bind(ending(64_999))
      expect([await untilOf(bindings), space.puts.length]).toEqual([64_999, 1])
      await bindings.bind(ending(65_000))
      expect(space.puts).toHaveLength(2)
      expect(await untilOf(bindingsOver(space).bindings)).toBe(65_000)
    })
    it('should be shortened by nothing', async () => {
      const { bindings } = bindingsOver()
      await bindings.bind(ending(500_000))
      await bindings.bind(ending(5_000))
      await bindings.bind(request(itemOf(1)))
      expect(await untilOf(bindings)).toBe(500_000)
    })
    it('should stand beside the signatures', async () => {
      const { bindings, space } = bindingsOver()
      await bindings.bind(ending(5_000))
      await bindings.remember(ending(5_000), [SIGNATURE])
      await bindings.bind(ending(500_000))
      const { bindings: after } = bindingsOver(space)
      expect(await after.lookup(GROUP_KEY, 'aa')).toMatchObject({ signatures: [SIGNATURE], untilMs: 500_000 })
    })
    it('should be none in a record of an older version', async () => {
      const { bindings, space } = bindingsOver()
      space.values.set(`${GROUP_KEY}/aa`, encodeFields(new Uint8Array(32), SIGNATURE))
      expect(await bindings.lookup(GROUP_KEY, 'aa')).toMatchObject({ signatures: [SIGNATURE], untilMs: undefined })
    })
    it('should make a record unreadable that says it wrongly', async () => {
      const { bindings, space } = bindingsOver()
      space.values.set(`${GROUP_KEY}/aa`, encodeFields(new Uint8Array(32), SIGNATURE, new Uint8Array(7)))
      expect(await codeThrownBy(bindings.lookup(GROUP_KEY, 'aa'))).toBe('BINDINGS_UNREADABLE')
    })
  })

  it('should refuse a malformed record instead of binding anew', async () => {
    const { bindings, space } = bindingsOver()
    space.values.set(`${GROUP_KEY}/aa`, Uint8Array.of(1))
    expect(await codeThrownBy(bindings.bind(request(itemOf(1))))).toBe('BINDINGS_UNREADABLE')
    expect(space.puts).toEqual([])
  })
})
