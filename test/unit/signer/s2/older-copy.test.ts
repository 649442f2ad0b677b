import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../../src/base/index.ts'
import { parseBindingKey } from '../../../../src/signer/s2/binding-key.ts'
import { JournalFile } from '../../../../src/signer/s2/journal-file.ts'
import type { Space } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  bytes,
  freshRun,
  type Home,
  homeIn,
  OWN_KEY,
  paramsOf,
  type Running,
  run,
  sighash,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}
const standing = ({ service }: Running) => {
  const { continuity } = service.memory.status()
  return continuity.standing === 'proven' ? 'proven' : continuity.why
}
const sign = ({ service }: Running, fill: number) => service.wotsSignature(wotsJob(1), bytes(fill, 16))
const many = Array.from({ length: 2_000 }, (_, n) => sighash(n))
/** Stops, and leaves the instance file as a crash now would. */
async function crash(s: Running, home: Home): Promise<void> {
  const instance = readFileSync(home.instance)
  await s.stop()
  writeFileSync(home.instance, instance, { mode: 0o600 })
}

describe('R32: an older copy of the store', () => {
  it('should be seen by a line of its journal, however many lines of what it knows come after that', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal: true, maxIdle: 0 })
    await a.service.musigNonces(paramsOf(), many)
    copy(home.data, join(home.dir, 'copy'))
    await sign(a, 1)
    // The nonces are forgotten and asked for again, so that the newest lines tell of what the copy has too.
    const records = a.store.space('s2-bindings')
    const nonces = (await records.entries()).filter(([key]) => key.startsWith('m/'))
    await Promise.all(nonces.map(([key]) => records.delete(key)))
    await a.service.musigNonces(paramsOf(), many)
    expect(readFileSync(home.journal, 'utf8').trimEnd().split('\n')).toHaveLength(4_002)
    await crash(a, home)
    copy(join(home.dir, 'copy'), home.data)
    const b = await run(home, { hasJournal: true })
    expect(standing(b)).toBe('journal_knows_more')
    expect(await codeThrownBy(sign(b, 2))).toBe('STATE_LOST')
    await b.stop()
  }, 60_000)

  it('should be seen by a journal that was cut and written on by another store', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal: true })
    for (const n of [1, 2, 3]) await a.service.musigNonces(paramsOf(), [sighash(n)])
    await crash(a, home)
    const b = await run(home, { hasJournal: true })
    copy(home.data, join(home.dir, 'copy'))
    const text = readFileSync(home.journal, 'utf8').split('\n')
    await crash(b, home)
    writeFileSync(home.journal, `${text.slice(0, 2).join('\n')}\n`)
    // A store that does not know that it was cut writes what the other never heard of.
    const other = await JournalFile.open(home.journal, toHex(OWN_KEY))
    const key = parseBindingKey(`w/${'cd'.repeat(32)}`)
    if (key === undefined) throw new Error('no key')
    for (let i = 0; i < 2; i++) await other.append([{ key, use: 'ab'.repeat(32) }])
    await other.close()
    copy(join(home.dir, 'copy'), home.data)
    const c = await run(home, { hasJournal: true })
    expect(standing(c)).toBe('journal_knows_more')
    await c.stop()
  })

  it('should be older than a store that retired a generation since', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home)
    copy(home.data, join(home.dir, 'copy'))
    await sign(a, 1)
    await a.service.memory.retireGeneration('native')
    await crash(a, home)
    copy(join(home.dir, 'copy'), home.data)
    const b = await run(home)
    expect(standing(b)).toBe('store_is_older')
    expect(await codeThrownBy(sign(b, 2))).toBe('STATE_LOST')
    await b.stop()
  })

  it('should be older than a store that dies while it retires', async () => {
    const home = homeIn(tempFolder())
    let isDying = false
    const disk = (space: Space, name: string): Space => ({
      ...space,
      delete: async (key) => {
        if (isDying && name === 's2-bindings') throw new Error('died')
        await space.delete(key)
      },
    })
    const a = await freshRun(home, { disk })
    await a.service.musigNonces(paramsOf(), [sighash(1)])
    await a.service.memory.retireGeneration('native')
    copy(home.data, join(home.dir, 'copy'))
    isDying = true
    expect(await codeThrownBy(a.service.memory.retireGeneration('native'))).toBe('S2_BINDINGS_FAILED')
    await a.stop()
    copy(join(home.dir, 'copy'), home.data)
    const b = await run(home)
    expect(standing(b)).toBe('store_is_older')
    await b.stop()
  })
})
