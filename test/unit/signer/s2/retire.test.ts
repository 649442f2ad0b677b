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
const retire = ({ service }: Running) => service.memory.retireGeneration(service.nonceMode)

describe('R34: retiring a generation of MuSig2 records', () => {
  it('should close the one that is written, and drop the one that was closed before', async () => {
    const s = await freshRun(homeIn(tempFolder()), { hasJournal: true })
    const shown = await nonce(s, outpoint(1))
    const signed = await partial(s, outpoint(1))
    expect(await retire(s)).toEqual({ generation: 1, dropped: 0 })
    // What is under way goes on.
    expect(await partial(s, outpoint(1))).toBe(signed)
    await nonce(s, outpoint(2))
    expect(await retire(s)).toEqual({ generation: 2, dropped: 1 })
    // Its randomness is gone: the same nonce can't be made again, so nothing is signed with it twice.
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('NONCE_NOT_ISSUED')
    expect(await nonce(s, outpoint(1))).not.toBe(shown)
    expect(await partial(s, outpoint(2))).toMatch(ANSWER)
    await s.stop()
  })

  it('should never drop what one-time keys were used for', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    await s.service.wotsSignature(wotsJob(1), bytes(1, 16))
    await s.service.wotsSecretKey(wotsJob(2))
    for (let i = 0; i < 3; i++) await retire(s)
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(1), bytes(2, 16)))).toBe('EQUIVOCATION')
    expect(await codeThrownBy(s.service.wotsSignature(wotsJob(2), bytes(2, 16)))).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('should be refused in reference mode, and keep what was made in it after a change of mode', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { mode: 'reference' })
    await nonce(s, outpoint(1))
    await partial(s, outpoint(1))
    expect(await codeThrownBy(retire(s))).toBe('S2_RETIRE_REFUSED')
    await s.stop()
    const native = await run(home)
    for (let i = 0; i < 3; i++) expect(await retire(native)).toMatchObject({ dropped: 0 })
    expect(await partial(native, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await native.stop()
    const back = await run(home, { mode: 'reference' })
    expect(await partial(back, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await back.stop()
  })

  it('should keep what a journal said of another store', async () => {
    const home = homeIn(tempFolder())
    const first = await freshRun(home, { hasJournal: true })
    await nonce(first, outpoint(1))
    await partial(first, outpoint(1))
    await first.stop()
    const s = await run(homeIn(tempFolder()))
    await s.service.memory.importJournal(home.journal)
    for (let i = 0; i < 3; i++) await retire(s)
    expect(await partial(s, outpoint(1), aggNonceOf(1))).toBe('EQUIVOCATION')
    await s.stop()
  })

  it('should be refused where the store can not prove what it remembers', async () => {
    const s = await run(homeIn(tempFolder()))
    expect(await codeThrownBy(retire(s))).toBe('S2_RETIRE_REFUSED')
    await s.stop()
  })

  it('should not make the store look older than its journal', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home, { hasJournal: true })
    await nonce(s, outpoint(1))
    for (let i = 0; i < 3; i++) await retire(s)
    await s.stop()
    const after = await run(home, { hasJournal: true })
    expect(after.service.memory.status()).toMatchObject({ continuity: { standing: 'proven' }, generation: 3 })
    await after.stop()
  })

  it('should not drop a record while it is being used', async () => {
    const s = await freshRun(homeIn(tempFolder()))
    await nonce(s, outpoint(1))
    await retire(s)
    const [signed] = await Promise.all([partial(s, outpoint(1)), retire(s)])
    const again = await partial(s, outpoint(1), aggNonceOf(1))
    // Either way nothing is signed twice: it is known to have signed, or its nonce is gone.
    expect(signed).toMatch(ANSWER)
    expect(['EQUIVOCATION', 'NONCE_NOT_ISSUED']).toContain(again)
    await s.stop()
  })
})
