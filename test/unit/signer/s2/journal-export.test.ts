import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { Space } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import { bytes, freshRun, type Home, homeIn, nonce, outpoint, run, wotsJob } from './service-fixtures.ts'

const tempFolder = tempFolders()
const M = bytes(1, 16)
const OTHER = bytes(2, 16)
const LONG = { timeout: 20_000 }

/** What another store refuses once it has the file. */
async function answersOfStandby(file: string, jobs: readonly number[]): Promise<readonly unknown[]> {
  const s = await run(homeIn(tempFolder()))
  await s.service.memory.importJournal(file)
  const codes: unknown[] = []
  for (const job of jobs) codes.push(await codeThrownBy(s.service.wotsSignature(wotsJob(job), OTHER)))
  await s.stop()
  return codes
}
const fileIn = (home: Home) => join(home.dir, 'away', 'export.journal')

/** Holds what `pages` and `puts` of the records do until they are let go. */
class Gate {
  pages: ((isLast: boolean) => Promise<void>) | undefined
  puts: (() => Promise<void>) | undefined
  readonly wrap = (space: Space, name: string): Space =>
    name !== 's2-bindings'
      ? space
      : {
          ...space,
          page: async (after, limit) => {
            const page = await space.page(after, limit)
            await this.pages?.(page.length === 0)
            return page
          },
          put: async (key, value) => {
            await this.puts?.()
            await space.put(key, value)
          },
        }
}

describe('R32: the export of a journal', () => {
  it('should hold what was answered while it was written', async () => {
    const [home, gate] = [homeIn(tempFolder()), new Gate()]
    const s = await freshRun(home, { disk: gate.wrap })
    await s.service.wotsSignature(wotsJob(1), M)
    gate.pages = async (isLast) => {
      if (isLast) await s.service.wotsSignature(wotsJob(2), M)
    }
    expect(await s.service.memory.exportJournal(fileIn(home))).toBe(2)
    await s.stop()
    expect(await answersOfStandby(fileIn(home), [1, 2])).toEqual(['EQUIVOCATION', 'EQUIVOCATION'])
  })

  it('should hold what was decided before it began and answered after', async () => {
    const [home, gate] = [homeIn(tempFolder()), new Gate()]
    const s = await freshRun(home, { disk: gate.wrap })
    const [decided, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    gate.puts = () => {
      decided.resolve()
      return released.promise
    }
    const answer = s.service.wotsSignature(wotsJob(1), M)
    await decided.promise
    const { table } = s.service.memory
    const idle = vi.spyOn(table, 'idle')
    const waits = vi.waitFor(() => expect(idle).toHaveBeenCalled(), LONG)
    // One that does not wait for what is under way reads every page without it.
    const reads = new Promise<void>((resolve) => {
      gate.pages = async (isLast) => {
        if (isLast) resolve()
      }
    })
    const written = s.service.memory.exportJournal(fileIn(home))
    await Promise.race([waits, reads])
    released.resolve()
    expect(await answer).toHaveLength(756)
    expect(await written).toBe(1)
    await s.stop()
    expect(await answersOfStandby(fileIn(home), [1])).toEqual(['EQUIVOCATION'])
  })

  it('should have its name only when it is whole', async () => {
    const [home, gate] = [homeIn(tempFolder()), new Gate()]
    const s = await freshRun(home, { disk: gate.wrap })
    await s.service.wotsSignature(wotsJob(1), M)
    const standby = await run(homeIn(tempFolder()))
    let found: unknown
    gate.pages = async () => {
      found ??= await codeThrownBy(standby.service.memory.importJournal(fileIn(home)))
    }
    await s.service.memory.exportJournal(fileIn(home))
    expect(found).toBe('S2_JOURNAL_FOREIGN')
    expect(standby.service.memory.status().continuity.standing).toBe('lost')
    expect(readdirSync(dirname(fileIn(home)))).toEqual(['export.journal'])
    await standby.stop()
    await s.stop()
  })

  it('should leave nothing behind when it fails, and be written at the next attempt', async () => {
    const [home, gate] = [homeIn(tempFolder()), new Gate()]
    const s = await freshRun(home, { disk: gate.wrap })
    await nonce(s, outpoint(1))
    gate.pages = async () => {
      throw new Error('no memory')
    }
    expect(await codeThrownBy(s.service.memory.exportJournal(fileIn(home)))).toEqual(new Error('no memory'))
    expect(readdirSync(dirname(fileIn(home)))).toEqual([])
    gate.pages = undefined
    // Of a process that was killed.
    writeFileSync(`${fileIn(home)}.unfinished`, 'x')
    expect(await s.service.memory.exportJournal(fileIn(home))).toBe(1)
    await s.stop()
  })

  it('should never be written over another file, not even over a journal without lines', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal: true })
    const own = readFileSync(home.journal, 'utf8')
    expect(await codeThrownBy(s.service.memory.exportJournal(home.journal))).toBe('S2_JOURNAL_FOREIGN')
    expect(readFileSync(home.journal, 'utf8')).toBe(own)
    expect(existsSync(`${home.journal}.unfinished`)).toBe(false)
    await nonce(s, outpoint(1))
    await s.stop()
  })
})
