import { renameSync } from 'node:fs'
import { ClassicLevel } from 'classic-level'
import { describe, expect, it, vi } from 'vitest'
import type { Space } from '../../../../src/store/index.ts'
import { mortalSpace } from '../../../simulator/mortal-disk.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  homeIn,
  inlineChains,
  messageOf,
  nonce,
  outpoint,
  paramsOf,
  partial,
  type Running,
  run,
  sighash,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()

/** A disk whose writes and reads can be held back or made to fail. */
class Disk {
  writes: Promise<void> = Promise.resolve()
  failure: Error | undefined
  puts = 0
  readonly wrap = (space: Space): Space => ({
    ...space,
    getMany: async (keys) => {
      if (this.failure !== undefined) throw this.failure
      return space.getMany(keys)
    },
    put: async (key, value) => {
      this.puts++
      await this.writes
      if (this.failure !== undefined) throw this.failure
      await space.put(key, value)
    },
  })
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.writes = promise
    return resolve
  }
}

/** Settled by the next turns of the event loop? */
async function isSettled(work: Promise<unknown>): Promise<boolean> {
  let settled = false
  const mark = () => {
    settled = true
  }
  work.then(mark, mark)
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  return settled
}

const ask: readonly [string, (s: Running) => Promise<unknown>][] = [
  ['a nonce', (s) => nonce(s, outpoint(1))],
  ['a partial signature', (s) => partial(s, outpoint(2))],
  ['a one-time signature', (s) => s.service.wotsSignature(wotsJob(1), bytes(1, 16))],
  ['a one-time key', (s) => s.service.wotsSecretKey(wotsJob(2))],
]

describe('the disk', () => {
  it.each(ask)(
    'R30: should hold the binding before %s is answered, also to who asks again meanwhile',
    async (_, what) => {
      const disk = new Disk()
      const s = await freshRun(homeIn(tempFolder()), { disk: disk.wrap })
      await nonce(s, outpoint(2))
      const release = disk.hold()
      const first = what(s)
      expect(await isSettled(first)).toBe(false)
      const again = what(s)
      expect(await isSettled(again)).toBe(false)
      release()
      expect(await again).toEqual(await first)
      await s.stop()
    },
  )

  it('R30: should show who comes second in one group of writes that the first was there', async () => {
    const disk = new Disk()
    const s = await freshRun(homeIn(tempFolder()), { disk: disk.wrap })
    await nonce(s, outpoint(1))
    const release = disk.hold()
    const first = partial(s, outpoint(1))
    expect(await isSettled(first)).toBe(false)
    const second = partial(s, outpoint(1), aggNonceOf(1))
    expect(await isSettled(second)).toBe(false)
    release()
    expect(await first).toMatch(ANSWER)
    expect(await second).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('R30: should need one write for a whole call', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    const batch = vi.spyOn(ClassicLevel.prototype, 'batch')
    const forms = Array.from({ length: 200 }, (_, i) => sighash(i))
    await s.service.musigNonces(paramsOf(), forms)
    const items = forms.map((form, i) => ({ form, aggNonce: aggNonceOf(0), message: messageOf(i) }))
    expect((await s.service.musigPartials(paramsOf(), items)).every((o) => o.ok)).toBe(true)
    expect(batch.mock.calls.map((call: readonly unknown[]) => call[1])).toEqual([{ sync: true }, { sync: true }])
    batch.mockRestore()
    await s.stop()
  })

  it('R30: should refuse everything after a failed write, say so once, and be found unbound or bound by the next process', async () => {
    const home = homeIn(tempFolder())
    const disk = new Disk()
    const s = await freshRun(home, { disk: disk.wrap })
    await nonce(s, outpoint(1))
    await nonce(s, outpoint(2))
    disk.failure = new Error('I/O error')
    const failed = [partial(s, outpoint(1)), partial(s, outpoint(2)), s.service.wotsSignature(wotsJob(1), bytes(1, 16))]
    expect(await Promise.all(failed.map(codeThrownBy))).toEqual(Array(3).fill('S2_BINDINGS_FAILED'))
    disk.failure = undefined
    for (const [, what] of ask) expect(await codeThrownBy(what(s))).toBe('S2_BINDINGS_FAILED')
    expect(s.fatal.map((error) => error.code)).toEqual(['S2_BINDINGS_FAILED'])
    // What uses nothing up is not told of.
    expect(await s.service.preimage(wotsJob(1).place)).toHaveLength(32)
    await s.stop()
    const after = await run(home)
    expect(await partial(after, outpoint(1), aggNonceOf(1))).toMatch(ANSWER)
    await after.stop()
  })

  it('R30: should refuse everything after a failed read', async () => {
    const disk = new Disk()
    const s = await freshRun(homeIn(tempFolder()), { disk: disk.wrap })
    await nonce(s, outpoint(1))
    disk.failure = new Error('I/O error')
    expect(await codeThrownBy(nonce(s, outpoint(3)))).toBe('S2_BINDINGS_FAILED')
    disk.failure = undefined
    expect(await codeThrownBy(nonce(s, outpoint(1)))).toBe('S2_BINDINGS_FAILED')
    expect(s.fatal).toHaveLength(1)
    await s.stop()
  })

  it('R30: should refuse a record that is malformed, and never take it for none', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home)
    await nonce(s, outpoint(1))
    const space = s.store.space('s2-bindings')
    const [entry] = await space.entries()
    const [key, value] = entry ?? ['', bytes(0)]
    await s.stop()
    for (const bad of [
      value.slice(1),
      value.slice(0, -1),
      Uint8Array.from([9, ...value.slice(1)]),
      new Uint8Array(0),
    ]) {
      const broken = await run(home)
      await broken.store.space('s2-bindings').put(key, bad)
      expect(await codeThrownBy(nonce(broken, outpoint(1)))).toBe('S2_BINDINGS_FAILED')
      await broken.stop()
    }
  })

  it('R30: should not forget a reservation whose answer failed while it was written', async () => {
    const disk = new Disk()
    const s = await freshRun(homeIn(tempFolder()), {
      disk: disk.wrap,
      maxIdle: 0,
      chains: (material) => ({
        ...inlineChains(material),
        signature: async () => {
          throw new Error('no thread')
        },
      }),
    })
    const release = disk.hold()
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), bytes(1, 16)))).toEqual(new Error('no thread'))
    const second = s.service.wotsSecretKey(wotsJob(1))
    expect(await isSettled(second)).toBe(true)
    expect(await codeThrownBy(second)).toBe('EQUIVOCATION')
    release()
    await s.stop()
  })
})

describe('a crash', () => {
  /** A run that dies at a moment, and whose disk is what it left. */
  async function crashed(home: ReturnType<typeof homeIn>, isDeadAt: 'before the write' | 'after the write') {
    let isDead = false
    const s = await freshRun(home, {
      disk: (space, name) =>
        mortalSpace(
          space,
          () => isDead,
          () => {
            if (name === 's2-bindings' && isArmed && isDeadAt === 'after the write') isDead = true
          },
        ),
    })
    let isArmed = false
    await nonce(s, outpoint(1))
    isArmed = true
    if (isDeadAt === 'before the write') isDead = true
    const answer = partial(s, outpoint(1))
    expect(await isSettled(answer)).toBe(false)
    await s.store.stop()
    // The lock of the instance file is the dead process's, which here lives on: its file goes on under another name.
    const instance = `${home.instance}.left`
    renameSync(home.instance, instance)
    return { ...home, instance }
  }

  it('R30: before the write leaves nothing bound, and nobody was answered', async () => {
    const home = await crashed(homeIn(tempFolder()), 'before the write')
    const s = await run(home)
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toMatch(ANSWER)
    await s.stop()
  })

  it('R30, incident 17: between write and answer leaves it bound, and the same is answered', async () => {
    const home = await crashed(homeIn(tempFolder()), 'after the write')
    const s = await run(home)
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await partial(s, outpoint(1))).toMatch(ANSWER)
    await s.stop()
  })
})
