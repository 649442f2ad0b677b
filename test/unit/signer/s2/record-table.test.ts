import { describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../../../../src/base/index.ts'
import type { BindingKey } from '../../../../src/signer/s2/binding-key.ts'
import { FatalLatch } from '../../../../src/signer/s2/fatal-latch.ts'
import { RecordTable } from '../../../../src/signer/s2/record-table.ts'
import { codeThrownBy } from '../../store/temp-folder.ts'
import { MemoryDisk } from './memory-disk.ts'

const keyOf = (n: number) => `w/${String(n).padStart(64, '0')}` as BindingKey

describe('the table of one-time records', () => {
  it('R30: should decide over nothing that was read while something else failed', async () => {
    const space = new MemoryDisk().space('s2-bindings')
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const latch = new FatalLatch(silentLogger, () => {})
    const table = new RecordTable({
      latch,
      space: {
        ...space,
        getMany: async (keys) => {
          const stored = await space.getMany(keys)
          reached.resolve()
          await released.promise
          return stored
        },
      },
    })
    const decide = vi.fn()
    const answer = vi.fn()
    const used = table.use([keyOf(1)], decide, answer)
    await reached.promise
    const failed = latch.critical(async () => {
      throw new Error('I/O error')
    })
    expect(await codeThrownBy(failed)).toBe('S2_BINDINGS_FAILED')
    released.resolve()
    expect(await codeThrownBy(used)).toBe('S2_BINDINGS_FAILED')
    expect([decide, answer].map((f) => f.mock.calls.length)).toEqual([0, 0])
  })
})
