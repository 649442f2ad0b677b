import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { advanced, judgeContinuity, type StoreTie } from '../../../../src/signer/s2/continuity.ts'
import { type InstanceToken, tokenHash } from '../../../../src/signer/s2/instance-token.ts'
import type { Space } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import {
  ANSWER,
  aggNonceOf,
  bytes,
  freshRun,
  type Home,
  homeIn,
  messageOf,
  nonce,
  outpoint,
  partial,
  type Running,
  run,
  wotsJob,
} from './service-fixtures.ts'

const tempFolder = tempFolders()
const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}
const standing = ({ service }: Pick<Running, 'service'>) => {
  const { continuity } = service.memory.status()
  return continuity.standing === 'proven' ? 'proven' : continuity.why
}
/** A stop that died after the store's write and before the file's. */
async function stopHalf(s: Running, home: Home): Promise<void> {
  const instance = readFileSync(home.instance)
  await s.stop()
  writeFileSync(home.instance, instance, { mode: 0o600 })
}

describe('R32: a crash between the write of the store and that of the instance file', () => {
  it('should not let a cold copy of then pass for the present store', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home)
    await nonce(a, outpoint(1))
    await stopHalf(a, home)
    copy(home.data, join(home.dir, 'copy'))
    const b = await run(home)
    expect(standing(b)).toBe('proven')
    expect(await b.service.wotsSignature(wotsJob(1), bytes(1, 16))).toHaveLength(756)
    expect(await partial(b, outpoint(1), aggNonceOf(0), messageOf(1))).toMatch(ANSWER)
    await stopHalf(b, home)
    copy(join(home.dir, 'copy'), home.data)
    const c = await run(home)
    expect(standing(c)).toBe('store_is_older')
    expect(await codeThrownBy(c.service.wotsSignature(wotsJob(1), bytes(2, 16)))).toBe('STATE_LOST')
    expect(await partial(c, outpoint(1), aggNonceOf(1), messageOf(2))).toBe('STATE_LOST')
    await c.stop()
  })

  it('should leave the store proven, also several in a row', async () => {
    const home = homeIn(tempFolder())
    const s = await freshRun(home)
    await s.service.wotsSignature(wotsJob(1), bytes(1, 16))
    await s.stop()
    // Dies when the step stands in the store: so does a node whose instance file can't be written.
    const disk = (space: Space, name: string): Space => ({
      ...space,
      put: async (key, value) => {
        await space.put(key, value)
        if (name === 's2-continuity') throw new Error('died')
      },
    })
    for (let i = 0; i < 4; i++) await expect(run(home, { disk })).rejects.toThrow('died')
    for (let i = 0; i < 3; i++) {
      const next = await run(home)
      expect(standing(next)).toBe('proven')
      await stopHalf(next, home)
    }
    const last = await run(home)
    expect(standing(last)).toBe('proven')
    expect(await codeThrownBy(last.service.wotsSignature(wotsJob(1), bytes(2, 16)))).toBe('EQUIVOCATION')
    await last.stop()
  })

  const token: InstanceToken = { instance: 'ab'.repeat(32), publicKey: 'cd'.repeat(32), counter: 5, fresh: false }
  const tie = (counter: number): StoreTie => ({
    tokenHash: tokenHash(token),
    counter,
    generation: 0,
    journal: undefined,
  })
  it.each([
    [undefined, 6],
    [5, 6],
    [6, 7],
  ])('should never give a count again: file at 5, store at %s', (stored, next) => {
    const after = advanced(token, stored === undefined ? undefined : tie(stored))
    expect([after.token.counter, after.tie.counter]).toEqual([next, next])
    if (stored !== undefined)
      expect(judgeContinuity(after.token, tie(stored), token.publicKey)).toMatchObject({ why: 'store_is_older' })
  })
})
