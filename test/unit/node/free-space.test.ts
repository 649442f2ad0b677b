import { describe, expect, it } from 'vitest'
import { noMetrics } from '../../../src/base/index.ts'
import { FreeSpace } from '../../../src/node/free-space.ts'
import { diskCheck } from '../../../src/node/operator-view.ts'
import { MemoryLogger } from '../registry/support/ports.ts'
import { tempFolders } from '../store/temp-folder.ts'

const tempFolder = tempFolders()
const MIB = 1024 * 1024

/** Disks by folder; a folder without one can't be asked. */
const over = (free: Map<string, number>, folders = [...free.keys()]) => {
  const logger = new MemoryLogger()
  const freeBytesOf = async (folder: string) => {
    const bytes = free.get(folder)
    if (bytes === undefined) throw new Error('ENOENT')
    return bytes
  }
  return { logger, space: new FreeSpace({ folders, freeBytesOf, logger, metrics: noMetrics }) }
}

describe('free space', () => {
  it('should be missed below the floor, on whichever disk, and not any more when there is room', async () => {
    const free = new Map([
      ['/data', 9_000 * MIB],
      ['/journal', 511 * MIB],
    ])
    const { space } = over(free)
    await space.look()
    expect([space.hasRoom(), space.view()]).toEqual([false, { freeBytes: 511 * MIB, lowFolder: '/journal' }])
    expect(diskCheck(space.view())).toMatchObject({ ok: false, reason: expect.stringMatching(/\/journal has 511 MiB/) })
    free.set('/journal', 512 * MIB)
    await space.look()
    expect([space.hasRoom(), diskCheck(space.view()).ok]).toEqual([true, true])
  })

  it('should not be missed where it can not be asked for, and others are still looked at', async () => {
    const { space } = over(new Map([['/data', MIB]]), ['/gone', '/data'])
    await space.look()
    expect(space.view().lowFolder).toBe('/data')
    const { space: none } = over(new Map(), ['/gone'])
    await none.look()
    expect([none.hasRoom(), none.view().freeBytes]).toEqual([true, null])
  })

  it('should be asked for once at a time, whatever the disk does', async () => {
    let asked = 0
    const freeBytesOf = () => {
      asked++
      return new Promise<number>(() => {})
    }
    const space = new FreeSpace({ folders: ['/hangs'], freeBytesOf, logger: new MemoryLogger(), metrics: noMetrics })
    void space.look()
    void space.look()
    await new Promise((resolve) => setImmediate(resolve))
    expect([asked, space.hasRoom()]).toEqual([1, true])
  })

  it('should be read from a real disk', async () => {
    const space = new FreeSpace({
      folders: [tempFolder()],
      floorBytes: 1,
      logger: new MemoryLogger(),
      metrics: noMetrics,
    })
    await space.look()
    expect(space.view().freeBytes).toBeGreaterThan(0)
    expect(space.hasRoom()).toBe(true)
  })
})
