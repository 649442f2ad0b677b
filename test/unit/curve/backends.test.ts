import { createRequire } from 'node:module'
import { describe, expect, it, vi } from 'vitest'
import { nativeCurve } from '../../../src/curve/index.ts'
import { conformance } from './conformance.ts'
import { BACKENDS, native } from './values.ts'

/** What the package brings a build for. */
const BUILT = ['linux-x64', 'darwin-arm64', 'win32-x64']

describe.each(BACKENDS)('the curve port on $name', (curve) => conformance(curve))

describe('the fast backend', () => {
  it.runIf(BUILT.includes(`${process.platform}-${process.arch}`))('should load where a build of it is shipped', () => {
    expect(native?.name).toBe('native')
  })
  it.runIf(native !== undefined)('should blind its multiplications with fresh randomness whenever it loads', () => {
    const randomize = vi.spyOn(createRequire(import.meta.url)('secp256k1/bindings.js'), 'contextRandomize')
    nativeCurve()
    nativeCurve()
    const seeds = randomize.mock.calls.map(([seed]) => Buffer.from(seed as Uint8Array).toString('hex'))
    expect(seeds).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)])
    expect(seeds[0]).not.toBe(seeds[1])
    randomize.mockRestore()
  })
})
