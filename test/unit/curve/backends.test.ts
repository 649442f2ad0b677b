import { describe, expect, it } from 'vitest'
import { conformance } from './conformance.ts'
import { BACKENDS, native } from './values.ts'

/** What the package brings a build for. */
const BUILT = ['linux-x64', 'darwin-arm64', 'win32-x64']

describe.each(BACKENDS)('the curve port on $name', (curve) => conformance(curve))

describe('the fast backend', () => {
  it.runIf(BUILT.includes(`${process.platform}-${process.arch}`))('should load where a build of it is shipped', () => {
    expect(native?.name).toBe('native')
  })
})
