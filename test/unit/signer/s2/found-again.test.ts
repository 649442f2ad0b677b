import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  homeIn,
  nonce,
  outpoint,
  partial,
  type Running,
  run,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const hasJournal = true
const M = bytes(1, 16)
const OTHER = bytes(2, 16)
const standing = ({ service }: Running) => service.memory.status().continuity.standing
const nameOf = ({ service }: Running): string => {
  const { continuity } = service.memory.status()
  return continuity.standing === 'lost' ? continuity.name : ''
}
const sign = ({ service }: Running, job: number, message = M) => service.wotsSignature(wotsJob(job), message)

describe('R32: what a lost store may be found again by', () => {
  it('should begin no journal, and write none, until it is found again', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal })
    await sign(a, 1)
    await a.stop()
    const kept = readFileSync(home.journal)
    rmSync(home.data, { recursive: true })
    const b = await run(home, { hasJournal })
    expect(await nonce(b, outpoint(1))).toMatch(ANSWER)
    await b.stop()
    expect(readFileSync(home.journal)).toEqual(kept)
    // Its disk is not there.
    rmSync(home.journal)
    const c = await run(home, { hasJournal })
    expect(await nonce(c, outpoint(2))).toMatch(ANSWER)
    expect(existsSync(home.journal)).toBe(false)
    expect(await codeThrownBy(c.service.memory.importJournal(home.journal))).toBe('S2_JOURNAL_UNREADABLE')
    expect(standing(c)).toBe('lost')
    writeFileSync(home.journal, kept)
    expect(await c.service.memory.importJournal(home.journal)).toMatchObject({ added: 1 })
    expect(standing(c)).toBe('proven')
    expect(await codeThrownBy(sign(c, 1, OTHER))).toBe('EQUIVOCATION')
    await c.stop()
    // The lines that were kept from it while the store was lost stand in it now.
    const standby = await run(homeIn(tempFolder()))
    await standby.service.memory.importJournal(home.journal)
    expect(await nonce(standby, outpoint(1))).toBe('STATE_LOST')
    expect(await nonce(standby, outpoint(2))).toBe('STATE_LOST')
    await standby.stop()
  })

  it('should not be an empty journal', async () => {
    const home = homeIn(tempFolder())
    const other = await freshRun(home, { hasJournal })
    await other.stop()
    const empty = join(home.dir, 'empty')
    copyFileSync(home.journal, empty)
    const a = await run(home, { hasJournal })
    await sign(a, 1)
    await a.stop()
    rmSync(home.data, { recursive: true })
    const b = await run(home, { hasJournal })
    expect(await codeThrownBy(b.service.memory.importJournal(empty))).toBe('S2_JOURNAL_PROVES_NOTHING')
    expect(standing(b)).toBe('lost')
    expect(await codeThrownBy(sign(b, 1, OTHER))).toBe('STATE_LOST')
    await b.service.memory.importJournal(home.journal)
    // A store that is proven may read what it likes.
    expect(await b.service.memory.importJournal(empty)).toMatchObject({ lines: 0, added: 0 })
    await b.stop()
  })

  it('should not be a journal that it has seen more of', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal })
    await sign(a, 1)
    const old = join(home.dir, 'old')
    copyFileSync(home.journal, old)
    await sign(a, 2)
    await a.stop()
    rmSync(home.instance)
    const b = await run(home)
    const name = nameOf(b)
    expect(await codeThrownBy(b.service.memory.importJournal(old))).toBe('S2_JOURNAL_PROVES_NOTHING')
    expect(standing(b)).toBe('lost')
    expect(nameOf(b)).toBe(name)
    await b.service.memory.importJournal(home.journal)
    expect(standing(b)).toBe('proven')
    await b.stop()
  })

  it('should be the operator, where no journal is left', async () => {
    const home = homeIn(tempFolder())
    await freshRun(home, { hasJournal }).then((s) => s.stop())
    rmSync(home.data, { recursive: true })
    const s = await run(home, { hasJournal })
    expect(await codeThrownBy(s.service.memory.importJournal(home.journal))).toBe('S2_JOURNAL_PROVES_NOTHING')
    await s.service.memory.accept(nameOf(s))
    await sign(s, 1)
    await s.stop()
    expect(readFileSync(home.journal, 'utf8').trimEnd().split('\n')).toHaveLength(2)
  })

  it('R31: should never be trusted with a nonce of the time when it was lost, in a copy from then', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal })
    await sign(a, 1)
    await a.stop()
    rmSync(home.data, { recursive: true })
    const lost = await run(home, { hasJournal })
    await nonce(lost, outpoint(1))
    cpSync(home.data, join(home.dir, 'copy'), { recursive: true })
    rmSync(join(home.dir, 'copy', 'LOCK'), { force: true })
    expect(await partial(lost, outpoint(1), aggNonceOf(0))).toMatch(ANSWER)
    await lost.stop()
    rmSync(home.data, { recursive: true })
    cpSync(join(home.dir, 'copy'), home.data, { recursive: true })
    const s = await run(home, { hasJournal })
    await s.service.memory.importJournal(home.journal)
    expect(standing(s)).toBe('proven')
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
    await s.stop()
    const after = await run(home, { hasJournal })
    expect(await partial(after, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
    await after.stop()
  })

  it('should go on with its nonces of the same run', async () => {
    const s = await run(homeIn(tempFolder()))
    await nonce(s, outpoint(1))
    await s.service.memory.accept(nameOf(s))
    expect(await partial(s, outpoint(1))).toMatch(ANSWER)
    await s.stop()
  })

  it('should not be what it exported itself', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home)
    await sign(a, 1)
    await a.stop()
    cpSync(home.data, join(home.dir, 'copy'), { recursive: true })
    const b = await run(home)
    await sign(b, 2)
    await b.stop()
    rmSync(home.data, { recursive: true })
    cpSync(join(home.dir, 'copy'), home.data, { recursive: true })
    const c = await run(home)
    const path = join(home.dir, 'export')
    expect(await codeThrownBy(c.service.memory.exportJournal(path))).toBe('S2_EXPORT_REFUSED')
    expect(existsSync(path)).toBe(false)
    await c.stop()
  })

  it('should be a journal that knows also what was used while none was kept', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { hasJournal })
    await sign(a, 1)
    await a.stop()
    const without = await run(home)
    await sign(without, 2)
    await without.stop()
    const again = await run(home, { hasJournal })
    await sign(again, 3)
    await again.stop()
    const standby = await run(homeIn(tempFolder()))
    expect(await standby.service.memory.importJournal(home.journal)).toMatchObject({ added: 3 })
    for (const job of [1, 2, 3]) expect(await codeThrownBy(sign(standby, job, OTHER))).toBe('EQUIVOCATION')
    await standby.stop()
    // And once it has heard, it hears no more.
    const before = readFileSync(home.journal)
    await run(home, { hasJournal }).then((s) => s.stop())
    expect(readFileSync(home.journal)).toEqual(before)
  })
})
