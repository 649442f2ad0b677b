import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import { bytes, freshRun, type Home, homeIn, newInstance, nonce, outpoint, run, wotsJob } from './service-fixtures.ts'

const tempFolder = tempFolders()
const copyOf = (home: Home): Home => {
  const data = join(home.dir, 'data2')
  cpSync(home.data, data, { recursive: true })
  rmSync(join(data, 'LOCK'), { force: true })
  return { ...home, data }
}

describe('R32: one process for one instance file', () => {
  it('should not start with a data folder that was copied while the node runs', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home)
    await nonce(a, outpoint(1))
    const two = copyOf(home)
    expect(await codeThrownBy(run(two))).toBe('S2_INSTANCE_IN_USE')
    // Nor by another name of the same folder.
    symlinkSync(join(home.dir, 'etc'), join(home.dir, 'link'))
    const linked = { ...two, instance: join(home.dir, 'link', 's2.instance') }
    expect(await codeThrownBy(run(linked))).toBe('S2_INSTANCE_IN_USE')
    expect(a.service.memory.status().continuity.standing).toBe('proven')
    await a.stop()
    const b = await run(two)
    expect(b.service.memory.status().continuity).toMatchObject({ why: 'store_is_older' })
    await b.stop()
    // The lock is free again, also after a start that failed.
    const again = await run(home)
    expect(again.service.memory.status().continuity.standing).toBe('proven')
    await again.stop()
  })

  it('should stop within seconds when somebody else wrote the file', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { watchMs: 20 })
    await nonce(a, outpoint(1))
    const token = JSON.parse(readFileSync(home.instance, 'utf8'))
    writeFileSync(home.instance, JSON.stringify({ ...token, counter: token.counter + 1 }), { mode: 0o600 })
    await vi.waitFor(() => expect(a.fatal).toHaveLength(1), { timeout: 20_000 })
    expect(await codeThrownBy(a.service.wotsSignature(wotsJob(1), bytes(1, 16)))).toBe('S2_BINDINGS_FAILED')
    await a.stop()
  })

  it('should make no step in a file that somebody else wrote', async () => {
    const home = homeIn(tempFolder())
    const a = await freshRun(home, { watchMs: 600_000 })
    const token = JSON.parse(readFileSync(home.instance, 'utf8'))
    const theirs = JSON.stringify({ ...token, counter: token.counter + 1 })
    writeFileSync(home.instance, theirs, { mode: 0o600 })
    expect(await codeThrownBy(a.service.memory.retireGeneration('native'))).toBe('S2_INSTANCE_CHANGED')
    expect(await codeThrownBy(a.service.stop())).toBe('S2_INSTANCE_CHANGED')
    expect(readFileSync(home.instance, 'utf8')).toBe(theirs)
    await a.store.stop()
    const after = await run(home)
    expect(after.service.memory.status().continuity).toMatchObject({ why: 'store_is_older' })
    await after.stop()
  })

  it('should not overwrite an instance file that was put back since the start', async () => {
    const home = homeIn(tempFolder())
    const s = await run(home)
    const { continuity } = s.service.memory.status()
    await newInstance(home)
    const put = readFileSync(home.instance)
    expect(await codeThrownBy(s.service.memory.accept(continuity.standing === 'lost' ? continuity.name : ''))).toBe(
      'S2_INSTANCE_CHANGED',
    )
    expect(readFileSync(home.instance)).toEqual(put)
    await s.stop()
  })
})
