import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LostReason } from '../../../../src/signer/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  type Home,
  homeIn,
  newInstance,
  nonce,
  outpoint,
  partial,
  type Running,
  run,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const M = bytes(1, 16)

/** What the node did before anything went wrong: one nonce has signed, one was only shown. */
async function used(home: Home, hasJournal = false): Promise<void> {
  const s = await freshRun(home, { hasJournal })
  await nonce(s, outpoint(1))
  await partial(s, outpoint(1))
  await nonce(s, outpoint(2))
  await s.service.wotsSignature(wotsJob(1), M)
  await s.stop()
}
const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}
const standing = (s: Running) => {
  const { continuity } = s.service.memory.status()
  return continuity.standing === 'proven' ? 'proven' : continuity.why
}

interface Case {
  readonly what: string
  readonly happens: (home: Home) => Promise<void>
  readonly stands: LostReason | 'proven'
  readonly hasJournal?: boolean
}

/** The table of docs/S2.md. */
const CASES: readonly Case[] = [
  { what: 'a seed that was just made', happens: (home) => newInstance(home), stands: 'proven' },
  { what: 'an orderly restart', happens: (home) => used(home), stands: 'proven' },
  {
    what: 'a seed that was made elsewhere, on a new store',
    happens: (home) => newInstance(home, false),
    stands: 'store_is_new',
  },
  {
    what: 'a copy of the data folder on another machine',
    happens: async (home) => {
      await used(home)
      rmSync(home.instance)
    },
    stands: 'no_instance_file',
  },
  { what: 'nothing but the seed on another machine', happens: async () => {}, stands: 'no_instance_file' },
  {
    what: 'a data folder that was lost',
    happens: async (home) => {
      await used(home)
      rmSync(home.data, { recursive: true })
    },
    stands: 'store_is_new',
  },
  {
    what: 'a data folder put back from a backup of an earlier start',
    happens: async (home) => {
      await used(home)
      copy(home.data, `${home.data}.backup`)
      await used(home)
      copy(`${home.data}.backup`, home.data)
    },
    stands: 'store_is_older',
  },
  {
    what: 'a data folder put back that was copied while the node ran',
    happens: async (home) => {
      const s = await freshRun(home)
      await nonce(s, outpoint(1))
      copy(home.data, `${home.data}.backup`)
      await s.stop()
      copy(`${home.data}.backup`, home.data)
    },
    stands: 'store_is_older',
  },
  {
    what: 'the same after a crash, with a journal',
    happens: async (home) => {
      const s = await freshRun(home, { hasJournal: true })
      await nonce(s, outpoint(1))
      copy(home.data, `${home.data}.backup`)
      await partial(s, outpoint(1))
      const instance = readFileSync(home.instance)
      await s.stop()
      // A crash writes no last step.
      writeFileSync(home.instance, instance, { mode: 0o600 })
      copy(`${home.data}.backup`, home.data)
    },
    stands: 'journal_knows_more',
    hasJournal: true,
  },
  {
    what: 'a crash, with a journal',
    happens: async (home) => {
      const s = await freshRun(home, { hasJournal: true })
      await nonce(s, outpoint(1))
      await partial(s, outpoint(1))
      copy(home.data, `${home.data}.crashed`)
      const instance = readFileSync(home.instance)
      await s.stop()
      writeFileSync(home.instance, instance, { mode: 0o600 })
      copy(`${home.data}.crashed`, home.data)
    },
    stands: 'proven',
    hasJournal: true,
  },
  {
    what: 'an instance file put back from a backup',
    happens: async (home) => {
      await used(home)
      const instance = readFileSync(home.instance)
      await used(home)
      await used(home)
      writeFileSync(home.instance, instance, { mode: 0o600 })
    },
    stands: 'instance_file_is_older',
  },
  {
    what: 'an instance file of another node',
    happens: async (home) => {
      await used(home)
      rmSync(home.instance)
      await newInstance(home)
    },
    stands: 'other_instance',
  },
  {
    what: 'an instance file that is damaged',
    happens: async (home) => {
      await used(home)
      writeFileSync(home.instance, 'x', { mode: 0o600 })
    },
    stands: 'instance_file_unreadable',
  },
  {
    what: 'a seed made anew in the eyes of its file, and a journal that knows better',
    happens: async (home) => {
      await used(home, true)
      rmSync(home.data, { recursive: true })
      rmSync(home.instance)
      await newInstance(home)
    },
    stands: 'journal_knows_more',
    hasJournal: true,
  },
  {
    what: 'a run without the journal',
    happens: async (home) => {
      await used(home, true)
      await used(home)
      await used(home)
    },
    stands: 'proven',
    hasJournal: true,
  },
  {
    what: 'a new journal file',
    happens: async (home) => {
      await used(home, true)
      rmSync(home.journal)
    },
    stands: 'proven',
    hasJournal: true,
  },
]

describe('R32: continuity', () => {
  it.each(CASES)('should be $stands after $what', async ({ happens, stands, hasJournal = false }) => {
    const home = homeIn(tempFolder())
    await happens(home)
    const s = await run(home, { hasJournal })
    expect(standing(s)).toBe(stands)
    await s.stop()
    // And after looking at it again.
    const again = await run(home, { hasJournal })
    expect(standing(again)).toBe(stands)
    await again.stop()
  })

  it('should be lost for a file of another seed', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const s = await run(home, { seed: bytes(3) })
    expect(standing(s)).toBe('instance_of_other_seed')
    await s.stop()
  })

  it('should not be read from a file that others may change', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    chmodSync(home.instance, 0o644)
    expect(await codeThrownBy(run(home))).toBe('FILE_TOO_OPEN')
  })
})

describe('R32: a store that can not prove what it remembers', () => {
  /** The older copy is the worst: it holds nonces that have signed since. */
  async function restored(home: Home): Promise<void> {
    const s = await freshRun(home)
    await nonce(s, outpoint(1))
    await nonce(s, outpoint(2))
    await s.stop()
    copy(home.data, `${home.data}.backup`)
    const later = await run(home)
    await partial(later, outpoint(1))
    await later.service.wotsSignature(wotsJob(1), M)
    await later.stop()
    copy(`${home.data}.backup`, home.data)
  }

  it.each(['native', 'reference'] as const)('should refuse what it may have done before: %s', async (mode) => {
    const home = homeIn(tempFolder())
    await restored(home)
    const s = await run(home, { mode })
    expect(standing(s)).toBe('store_is_older')
    expect(await nonce(s, outpoint(1))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(2))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(3))).toBe('STATE_LOST')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), M))).toBe('STATE_LOST')
    expect(await codeThrownBy(s.service.wotsSecretKey(wotsJob(1)))).toBe('STATE_LOST')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(9), M))).toBe('STATE_LOST')
    await s.stop()
  })

  it('should answer what uses nothing up', async () => {
    const home = homeIn(tempFolder())
    await restored(home)
    const s = await run(home)
    expect(await s.service.wotsPublicKeys([wotsJob(1)])).toHaveLength(1)
    expect(await s.service.preimage(wotsJob(1).place)).toHaveLength(32)
    expect(await s.service.p2pSign('bip340', M)).toHaveLength(64)
    await s.stop()
  })

  it('R31: should go on with nonces that it makes itself, in this run alone', async () => {
    const home = homeIn(tempFolder())
    await restored(home)
    const s = await run(home, { maxIdle: 0 })
    const shown = await nonce(s, outpoint(7))
    expect(shown).toMatch(ANSWER)
    expect(await nonce(s, outpoint(7))).toBe(shown)
    const signed = await partial(s, outpoint(7))
    expect(signed).toMatch(ANSWER)
    expect(await partial(s, outpoint(7))).toBe(signed)
    expect(await partial(s, outpoint(7), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await nonce(s, outpoint(8))).toMatch(ANSWER)
    await s.stop()
    // The store may have been put back in between, for all it knows.
    const next = await run(home)
    expect(await nonce(next, outpoint(7))).toBe('STATE_LOST')
    expect(await partial(next, outpoint(8))).toBe('STATE_LOST')
    expect(await partial(next, outpoint(7), aggNonceOf(1))).toBe('EQUIVOCATION')
    await next.stop()
  })

  it('R33: should sign with no nonce of reference mode, also not with one that it showed in this run', async () => {
    const home = homeIn(tempFolder())
    await restored(home)
    const s = await run(home, { mode: 'reference' })
    expect(await nonce(s, outpoint(7))).toMatch(ANSWER)
    expect(await partial(s, outpoint(7))).toBe('STATE_LOST')
    await s.stop()
  })

  it('should be proven again once its operator accepts it by name, for good', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    rmSync(home.instance)
    const s = await run(home)
    const { continuity } = s.service.memory.status()
    const name = continuity.standing === 'lost' ? continuity.name : ''
    expect(name).toMatch(/^[0-9a-f]{16}$/)
    for (const other of ['', 'yes', '0'.repeat(16)])
      expect(await codeThrownBy(s.service.memory.accept(other))).toBe('S2_ACCEPT_OTHER')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(2), M))).toBe('STATE_LOST')
    await s.service.memory.accept(name)
    expect(standing(s)).toBe('proven')
    expect(await s.service.wotsSignature(wotsJob(2), M)).toHaveLength(756)
    expect(await partial(s, outpoint(2))).toMatch(ANSWER)
    expect(await codeThrownBy(s.service.memory.accept(name))).toBe('S2_ACCEPT_OTHER')
    await s.stop()
    const after = await run(home)
    expect(standing(after)).toBe('proven')
    expect(await codeThrownBy(after.service.wotsSecretKey(wotsJob(2)))).toBe('EQUIVOCATION')
    await after.stop()
  })

  it('should have another name each time that something else happened to it', async () => {
    const names = new Set<string>()
    for (const { happens, stands } of CASES.filter((c) => c.stands !== 'proven' && c.hasJournal !== true)) {
      const home = homeIn(tempFolder())
      await happens(home)
      const s = await run(home)
      const { continuity } = s.service.memory.status()
      expect(continuity).toMatchObject({ standing: 'lost', why: stands })
      if (continuity.standing === 'lost') names.add(continuity.name)
      await s.stop()
    }
    // Twice there is neither file nor store to tell apart by; one of them holds records.
    expect(names.size).toBe(CASES.filter((c) => c.stands !== 'proven' && c.hasJournal !== true).length)
  })

  it('should leave the old store lost, once a new one was accepted in its place', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    copy(home.data, `${home.data}.old`)
    rmSync(home.data, { recursive: true })
    const s = await run(home)
    const { continuity } = s.service.memory.status()
    await s.service.memory.accept(continuity.standing === 'lost' ? continuity.name : '')
    await s.stop()
    copy(`${home.data}.old`, home.data)
    const old = await run(home)
    expect(standing(old)).toBe('other_instance')
    await old.stop()
  })

  it('should be the old store again, when that is put back before anything was accepted', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    copy(home.data, `${home.data}.old`)
    rmSync(home.data, { recursive: true })
    const s = await run(home)
    expect(standing(s)).toBe('store_is_new')
    await s.stop()
    copy(`${home.data}.old`, home.data)
    const old = await run(home)
    expect(standing(old)).toBe('proven')
    expect(await codeThrownBy(old.service.wotsSecretKey(wotsJob(1)))).toBe('EQUIVOCATION')
    await old.stop()
  })
})
