import { describe, expect, it } from 'vitest'
import { tempFolders } from '../../store/temp-folder.ts'
import { ANSWER, freshRun, homeIn, nonce, outpoint, partial, run } from './service-fixtures.ts'

const tempFolder = tempFolders()

describe('R32: a step of store and instance file', () => {
  it.each(['at an orderly stop', 'at a start'])('should not be taken by the file alone: %s', async (when) => {
    const home = homeIn(tempFolder())
    let isFull = false
    const disk: NonNullable<Parameters<typeof run>[1]>['disk'] = (space, name) => ({
      ...space,
      put: async (key, value) => {
        if (isFull && name === 's2-continuity') throw new Error('no space')
        await space.put(key, value)
      },
    })
    const s = await freshRun(home, { disk })
    await nonce(s, outpoint(1))
    if (when === 'at a start') await s.stop()
    isFull = true
    const failing = when === 'at a start' ? run(home, { disk }) : s.stop()
    await expect(failing).rejects.toThrow('no space')
    if (when !== 'at a start') await s.store.stop()
    const next = await run(home)
    expect(next.service.memory.status().continuity.standing).toBe('proven')
    expect(await partial(next, outpoint(1))).toMatch(ANSWER)
    await next.stop()
  })
})
