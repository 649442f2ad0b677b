import { copyFileSync } from 'node:fs'
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
const standing = ({ service }: Running): string => service.memory.status().continuity.standing

describe('a standby', () => {
  it.each([
    ['before the import', true],
    ['after it', false],
  ])(
    'R33: should sign with no nonce of reference mode that the first has shown, asked for it %s',
    async (_, isBefore) => {
      const home = homeIn(tempFolder())
      const first = await freshRun(home, { mode: 'reference', hasJournal: true })
      await nonce(first, outpoint(1))
      // The copy that reached the other machine.
      const copied = join(home.dir, 'copied.journal')
      copyFileSync(home.journal, copied)
      expect(await partial(first, outpoint(1))).toMatch(ANSWER)
      await first.stop()
      const second = homeIn(tempFolder())
      const s = await run(second, { mode: 'reference', hasJournal: true })
      if (isBefore) expect(await nonce(s, outpoint(1))).toMatch(ANSWER)
      expect(await s.service.memory.importJournal(copied)).toMatchObject({ added: 1, conflicts: 0 })
      expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
      expect(await nonce(s, outpoint(1))).toBe('STATE_LOST')
      await s.stop()
      const again = await run(second, { mode: 'reference', hasJournal: true })
      expect(await partial(again, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
      await again.stop()
    },
  )

  it('R33: should not sign with what an older copy of the first has shown, either', async () => {
    const home = homeIn(tempFolder())
    const first = await freshRun(home, { mode: 'reference', hasJournal: true })
    await nonce(first, outpoint(1))
    const copied = join(home.dir, 'copied.journal')
    copyFileSync(home.journal, copied)
    await first.stop()
    // Folder and journal are taken along, the instance file is not; the first is started again meanwhile.
    const taken = { ...home, instance: join(home.dir, 'none'), journal: copied }
    const s = await run(taken, { mode: 'reference', hasJournal: true })
    expect(await s.service.memory.importJournal(copied)).toMatchObject({ added: 1 })
    expect(await partial(s, outpoint(1))).toBe('STATE_LOST')
    await s.stop()
  })

  it('R33: should go on with its own nonces of reference mode when its own journal is brought to it', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { mode: 'reference', hasJournal: true })
    await nonce(s, outpoint(1))
    expect(await s.service.memory.importJournal(home.journal)).toMatchObject({ added: 0 })
    expect(await partial(s, outpoint(1))).toMatch(ANSWER)
    await s.stop()
  })

  it('R32: should not take the journal of another seed', async () => {
    const home = homeIn(tempFolder())
    const other = await run(home, { seed: bytes(3) })
    const { continuity } = other.service.memory.status()
    await other.service.memory.accept(continuity.standing === 'lost' ? continuity.name : '')
    await other.service.wotsSignature(wotsJob(1), bytes(1, 16))
    const file = join(home.dir, 'other.journal')
    await other.service.memory.exportJournal(file)
    await other.stop()
    const s = await run(homeIn(tempFolder()))
    expect(await codeThrownBy(s.service.memory.importJournal(file))).toBe('S2_JOURNAL_FOREIGN')
    expect(standing(s)).toBe('lost')
    expect(await s.store.space('s2-bindings').entries()).toEqual([])
    await s.stop()
  })
})
