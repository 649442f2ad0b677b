import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../../src/base/index.ts'
import { openS2Keys } from '../../../../src/crypto/index.ts'
import { curve, xOnly } from '../../../../src/curve/index.ts'
import { createInstanceFile, type NonceMode } from '../../../../src/signer/index.ts'
import { readJournal } from '../../../../src/signer/s2/journal-read.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  type Home,
  homeIn,
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
const M = bytes(1, 16)
const OTHER = bytes(2, 16)
const hasJournal = true

async function used(home: Home, mode: NonceMode = 'native'): Promise<void> {
  const s = await freshRun(home, { hasJournal, mode })
  await nonce(s, outpoint(1))
  await partial(s, outpoint(1))
  await nonce(s, outpoint(2))
  await s.service.wotsSignature(wotsJob(1), M)
  await s.service.wotsSecretKey(wotsJob(2))
  await s.stop()
}
/** Another machine with the seed and nothing else. */
const standby = (mode: NonceMode = 'native'): Promise<Running> => run(homeIn(tempFolder()), { hasJournal, mode })
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n')

describe('the binding journal', () => {
  it('R32: should hold a line for each use before it is answered, and never what a nonce is made of', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal })
    expect(linesOf(home.journal)).toHaveLength(1)
    await nonce(s, outpoint(1))
    expect(linesOf(home.journal)).toHaveLength(2)
    await partial(s, outpoint(1))
    expect(linesOf(home.journal)).toHaveLength(3)
    await partial(s, outpoint(1))
    await nonce(s, outpoint(1))
    expect(linesOf(home.journal)).toHaveLength(3)
    await s.service.wotsSignature(wotsJob(1), M)
    expect(linesOf(home.journal)).toHaveLength(4)
    const records = await s.store.space('s2-bindings').entries()
    const randomness = records.filter(([key]) => key.startsWith('m/')).map(([, value]) => toHex(value.slice(13, 45)))
    expect(randomness).toHaveLength(1)
    for (const text of randomness) expect(readFileSync(home.journal, 'utf8')).not.toContain(text)
    expect(statSync(home.journal).mode & 0o777).toBe(0o600)
    await s.stop()
    expect(await readJournal(home.journal)).toMatchObject({ seq: 3, tornBytes: 0 })
  })

  it('R32: should make a standby refuse what the first has used, and go on with the rest', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const s = await standby()
    expect(await s.service.memory.importJournal(home.journal)).toEqual({
      lines: 5,
      added: 5,
      conflicts: 0,
      tornBytes: 0,
    })
    expect(s.service.memory.status().continuity.standing).toBe('proven')
    expect(await nonce(s, outpoint(1))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(1))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await nonce(s, outpoint(2))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(2))).toBe('STATE_LOST')
    // One-time keys answer the same as before: nothing in that is random.
    expect(await s.service.wotsSignature(wotsJob(1), M)).toHaveLength(756)
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), OTHER))).toBe('EQUIVOCATION')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(2), M))).toBe('EQUIVOCATION')
    expect(await s.service.wotsSecretKey(wotsJob(2))).toHaveLength(720)
    expect(await nonce(s, outpoint(3))).toMatch(ANSWER)
    expect(await partial(s, outpoint(3))).toMatch(ANSWER)
    await s.stop()
  })

  it('R33: should not let a standby sign with a nonce of reference mode that the first has shown', async () => {
    const home = homeIn(tempFolder())
    await used(home, 'reference')
    const s = await standby('reference')
    await s.service.memory.importJournal(home.journal)
    expect(await partial(s, outpoint(2))).toBe('STATE_LOST')
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('R32: should hold over a restart of the standby, whose own journal says all of it', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const second = homeIn(tempFolder())
    const s = await run(second, { hasJournal })
    await s.service.memory.importJournal(home.journal)
    await s.stop()
    const after = await run(second, { hasJournal })
    expect(after.service.memory.status().continuity.standing).toBe('proven')
    expect(await partial(after, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await after.stop()
    const third = await standby()
    expect(await third.service.memory.importJournal(second.journal)).toMatchObject({ added: 4 })
    expect(await partial(third, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await third.stop()
  })

  it('should change nothing when it is brought again, or to the store that wrote it', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const s = await standby()
    await s.service.memory.importJournal(home.journal)
    expect(await s.service.memory.importJournal(home.journal)).toMatchObject({ added: 0, conflicts: 0 })
    await s.stop()
    const own = await run(home, { hasJournal })
    expect(await own.service.memory.importJournal(home.journal)).toMatchObject({ added: 0, conflicts: 0 })
    expect(await partial(own, outpoint(2))).toMatch(ANSWER)
    await own.stop()
  })

  it('R34: should spoil a one-time key that two stores used differently, and say so', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const s = await freshRun(homeIn(tempFolder()), { hasJournal })
    await s.service.wotsSignature(wotsJob(1), OTHER)
    await nonce(s, outpoint(1))
    await partial(s, outpoint(1), aggNonceOf(1))
    expect(await s.service.memory.importJournal(home.journal)).toMatchObject({ conflicts: 2 })
    for (const m of [M, OTHER]) expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), m))).toBe('EQUIVOCATION')
    expect(await codeThrownBy(s.service.wotsSecretKey(wotsJob(1)))).toBe('EQUIVOCATION')
    expect(await nonce(s, outpoint(1))).toBe('STATE_LOST')
    await s.stop()
  })

  it('R32: should make an older copy of its own store refuse what it had forgotten', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal })
    const shown = await nonce(s, outpoint(1))
    await nonce(s, outpoint(2))
    await s.stop()
    cpSync(home.data, `${home.data}.backup`, { recursive: true })
    const later = await run(home, { hasJournal })
    await partial(later, outpoint(1))
    await later.stop()
    rmSync(home.data, { recursive: true })
    cpSync(`${home.data}.backup`, home.data, { recursive: true })
    const old = await run(home, { hasJournal })
    expect(await partial(old, outpoint(1), aggNonceOf(1))).toBe('STATE_LOST')
    expect(await old.service.memory.importJournal(home.journal)).toMatchObject({ added: 1 })
    expect(await partial(old, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    expect(await nonce(old, outpoint(1))).not.toBe(shown)
    // What it had shown and the journal does not know to have signed is its own still.
    expect(await partial(old, outpoint(2))).toMatch(ANSWER)
    await old.stop()
  })

  it.each([
    ['a byte of a use', (text: string) => text.replace(/(?<=\n2 \S{66} )[0-9a-f]{64}/, '0'.repeat(64))],
    ['a line that is missing', (text: string) => text.split('\n').toSpliced(2, 1).join('\n')],
    [
      'two lines in the other order',
      (text: string) => {
        const [head = '', a = '', b = '', ...rest] = text.split('\n')
        return [head, b, a, ...rest].join('\n')
      },
    ],
    ['something in between', (text: string) => text.replace('\n', '\nx\n')],
  ])('R32: should be refused as a whole when it is broken by %s', async (_, breakIt) => {
    const home = homeIn(tempFolder())
    await used(home)
    writeFileSync(home.journal, breakIt(readFileSync(home.journal, 'utf8')))
    const s = await standby()
    expect(await codeThrownBy(s.service.memory.importJournal(home.journal))).toBe('S2_JOURNAL_BROKEN')
    expect(s.service.memory.status().continuity.standing).toBe('lost')
    expect(await s.store.space('s2-bindings').entries()).toEqual([])
    await s.stop()
    expect(await codeThrownBy(run(home, { hasJournal }))).toBe('S2_JOURNAL_BROKEN')
  })

  it.each([
    ['half a line', (path: string) => truncateSync(path, statSync(path).size - 40)],
    ['a line without its end', (path: string) => truncateSync(path, statSync(path).size - 1)],
    ['bytes that were never written', (path: string) => appendFileSync(path, new Uint8Array(300))],
    ['such bytes and a line end', (path: string) => appendFileSync(path, Uint8Array.from([...new Uint8Array(30), 10]))],
  ])('should be taken up to its last whole line when a crash left %s', async (_, tear) => {
    const home = homeIn(tempFolder())
    await used(home)
    tear(home.journal)
    const s = await standby()
    const report = await s.service.memory.importJournal(home.journal)
    expect(report.tornBytes).toBeGreaterThan(0)
    expect(report.lines).toBeGreaterThanOrEqual(4)
    await s.stop()
  })

  it('should go on where a crash cut it off, and hear again what it had lost', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    truncateSync(home.journal, statSync(home.journal).size - 40)
    const s = await run(home, { hasJournal })
    expect(s.service.memory.status().continuity.standing).toBe('proven')
    await nonce(s, outpoint(5))
    await s.stop()
    const other = await standby()
    await other.service.memory.importJournal(home.journal)
    // The line that was cut off is of the key that was handed out.
    expect(await codeThrownBy(other.service.wotsSignature(wotsJob(2), M))).toBe('EQUIVOCATION')
    await other.stop()
  })

  it('should be of this seed, and a journal at all', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    const text = readFileSync(home.journal, 'utf8')
    const s = await standby()
    for (const [i, bad] of [
      text.replace(/1 [0-9a-f]{64} /, `1 ${'ab'.repeat(32)} `),
      text.slice(1),
      'x'.repeat(10_000),
      '',
    ].entries()) {
      const path = join(home.dir, `bad-${i}`)
      writeFileSync(path, bad)
      expect(await codeThrownBy(s.service.memory.importJournal(path))).toBe(
        i === 0 ? 'S2_JOURNAL_BROKEN' : 'S2_JOURNAL_FOREIGN',
      )
    }
    expect(await codeThrownBy(s.service.memory.importJournal(join(home.dir, 'none')))).toBe('S2_JOURNAL_UNREADABLE')
    expect(await codeThrownBy(s.service.memory.importJournal(home.dir))).toBe('S2_JOURNAL_UNREADABLE')
    await s.stop()
    const foreign = homeIn(tempFolder())
    const theirKey = xOnly(curve.publicKeyOf(openS2Keys(bytes(3)).musig2))
    await createInstanceFile(foreign.instance, theirKey, true)
    expect(await codeThrownBy(freshRun({ ...foreign, journal: home.journal }, { hasJournal, seed: bytes(3) }))).toBe(
      'S2_JOURNAL_FOREIGN',
    )
  })

  it('should be written whole for another store, also where none is kept', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home)
    await s.service.musigNonces(
      paramsOf(),
      Array.from({ length: 1_203 }, (_, i) => sighash(i)),
    )
    await partial(s, sighash(0))
    const path = join(home.dir, 'export')
    expect(await s.service.memory.exportJournal(path)).toBe(1_203)
    expect(await codeThrownBy(s.service.memory.exportJournal(path))).toBe('S2_JOURNAL_FOREIGN')
    await s.stop()
    const other = await standby()
    expect(await other.service.memory.importJournal(path)).toMatchObject({ lines: 1_203, added: 1_203 })
    expect(await partial(other, sighash(0), aggNonceOf(1))).toBe('EQUIVOCATION')
    await other.stop()
  })

  it('should hear everything anew where its file was moved away or cut', async () => {
    const home = homeIn(tempFolder())
    await used(home)
    rmSync(home.journal)
    await run(home, { hasJournal }).then((s) => s.stop())
    const other = await standby()
    expect(await other.service.memory.importJournal(home.journal)).toMatchObject({ added: 4, lines: 4 })
    await other.stop()
    writeFileSync(home.journal, `${linesOf(home.journal).slice(0, 2).join('\n')}\n`)
    await run(home, { hasJournal }).then((s) => s.stop())
    const third = await standby()
    expect(await third.service.memory.importJournal(home.journal)).toMatchObject({ added: 4 })
    await third.stop()
  })

  it('R32: should hear after a crash what it was not told before, before anything is answered', async () => {
    const home = homeIn(tempFolder())
    let isArmed = false
    const s = await freshRun(home, {
      hasJournal,
      // Dies when store and outbox are written.
      disk: (space, name) => ({
        ...space,
        put: async (key, value) => {
          await space.put(key, value)
          if (isArmed && name === 's2-outbox') throw new Error('died')
        },
      }),
    })
    await nonce(s, outpoint(1))
    isArmed = true
    expect(await codeThrownBy(partial(s, outpoint(1)))).toBe('S2_BINDINGS_FAILED')
    expect(linesOf(home.journal)).toHaveLength(2)
    await s.stop()
    const after = await run(home, { hasJournal })
    expect(linesOf(home.journal).length).toBeGreaterThanOrEqual(3)
    expect(await partial(after, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await after.stop()
    const other = await standby()
    await other.service.memory.importJournal(home.journal)
    expect(await partial(other, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await other.stop()
  })

  it('R30: should stop everything when it can not be written', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal })
    await nonce(s, outpoint(1))
    // Somebody else writes into it.
    appendFileSync(home.journal, 'x\n')
    expect(await codeThrownBy(partial(s, outpoint(1)))).toBe('S2_BINDINGS_FAILED')
    expect(await codeThrownBy(nonce(s, outpoint(2)))).toBe('S2_BINDINGS_FAILED')
    expect(s.fatal).toHaveLength(1)
    await s.stop()
  })

  it('should not grow in its store: what was told is taken out', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal })
    for (let i = 0; i < 20; i++) await nonce(s, sighash(i))
    expect((await s.store.space('s2-outbox').entries()).length).toBeLessThanOrEqual(1)
    await s.stop()
    expect(existsSync(home.journal)).toBe(true)
  })
})
