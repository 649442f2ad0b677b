import { cpSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Space } from '../../../../src/store/index.ts'
import { tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  freshRun,
  type Home,
  homeIn,
  nonce,
  outpoint,
  partial,
  type Running,
  run,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const hasJournal = true
const retire = ({ service }: Running) => service.memory.retireGeneration(service.nonceMode)

/** Does something after the records were read, or before something is put. */
class Disk {
  afterPage: ((isLast: boolean) => Promise<void>) | undefined
  beforePut: ((space: string) => Promise<void>) | undefined
  readonly wrap = (space: Space, name: string): Space => ({
    ...space,
    page: async (after, limit) => {
      const page = await space.page(after, limit)
      await this.afterPage?.(page.length === 0)
      return page
    },
    put: async (key, value) => {
      await this.beforePut?.(name)
      await space.put(key, value)
    },
  })
}

/** What a process that is killed now leaves, for the next one to begin with. */
function killed(home: Home): () => void {
  cpSync(home.data, `${home.data}.left`, { recursive: true })
  cpSync(home.instance, `${home.instance}.left`)
  return () => {
    rmSync(home.data, { recursive: true })
    cpSync(`${home.data}.left`, home.data, { recursive: true })
    cpSync(`${home.instance}.left`, home.instance)
  }
}
async function standingAfter(home: Home): Promise<string> {
  const s = await run(home, { hasJournal })
  const { continuity } = s.service.memory.status()
  await s.stop()
  return continuity.standing === 'proven' ? 'proven' : continuity.why
}

describe('R34: a process that dies while it retires a generation', () => {
  it.each([
    ['before it, and nothing of it', false],
    ['used meanwhile', true],
  ])('should be followed by one that is proven, whatever was signed: %s', async (_, isMeanwhile) => {
    const [home, disk] = [homeIn(tempFolder()), new Disk()]
    const s = await freshRun(home, { hasJournal, disk: disk.wrap })
    await nonce(s, outpoint(1))
    await retire(s)
    const sign = async () => expect(await partial(s, outpoint(1))).toMatch(ANSWER)
    if (!isMeanwhile) await sign()
    let putBack = () => {}
    disk.afterPage = async (isLast) => {
      if (isLast) putBack = killed(home)
      else if (isMeanwhile) await sign()
    }
    expect(await retire(s)).toMatchObject({ dropped: 1 })
    await s.stop()
    putBack()
    expect(await standingAfter(home)).toBe('proven')
  })

  it('should find what was being used, whose line the journal got later', async () => {
    const [home, disk] = [homeIn(tempFolder()), new Disk()]
    const s = await freshRun(home, { hasJournal, disk: disk.wrap })
    await nonce(s, outpoint(1))
    await retire(s)
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    disk.beforePut = async (space) => {
      if (space !== 's2-outbox') return
      reached.resolve()
      await released.promise
    }
    const signed = partial(s, outpoint(1))
    await reached.promise
    expect(await retire(s)).toMatchObject({ dropped: 0 })
    released.resolve()
    expect(await signed).toMatch(ANSWER)
    const putBack = killed(home)
    await s.stop()
    putBack()
    expect(await standingAfter(home)).toBe('proven')
  })
})

describe('R30: what is reserved while a generation is retired', () => {
  it('should stay reserved before it is written', async () => {
    const [home, disk] = [homeIn(tempFolder()), new Disk()]
    const s = await freshRun(home, { disk: disk.wrap })
    await nonce(s, outpoint(1))
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    disk.beforePut = async (space) => {
      if (space !== 's2-bindings') return
      reached.resolve()
      await released.promise
    }
    const signed = partial(s, outpoint(1))
    await reached.promise
    await retire(s)
    const other = partial(s, outpoint(1), aggNonceOf(1))
    released.resolve()
    expect(await Promise.all([signed, other])).toEqual([expect.stringMatching(ANSWER), 'EQUIVOCATION'])
    await s.stop()
  })
})
