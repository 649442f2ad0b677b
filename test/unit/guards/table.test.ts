import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ALL_GUARDS } from '../../guards/all.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** `npm run test:guards` takes minutes; that its table still fits the code is known at once. */
describe('the table of guards', () => {
  it.each(ALL_GUARDS)('should find its line once: $name', ({ file, guard, gone, test }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').split(guard)).toHaveLength(2)
    expect(gone).not.toBe(guard)
    expect(existsSync(join(ROOT, test.file))).toBe(true)
  })
  it('should name every guard differently', () => {
    const names = ALL_GUARDS.map((g) => g.name)
    expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([])
  })
})
