import { describe, expect, it } from 'vitest'
import { type Addon, loadAddon } from '../../../src/curve/native-addon.ts'
import { withSlots } from '../../../src/curve/native-slots.ts'

const scalar = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const ZERO = scalar(0)

/** The real addon, and all that it was ever shown. */
function watched(): { readonly addon: Addon; readonly shown: Uint8Array[] } {
  const shown: Uint8Array[] = []
  const keep = (args: readonly unknown[]) => shown.push(...args.filter((a) => a instanceof Uint8Array))
  const real = loadAddon()
  const addon = new Proxy(real, {
    get:
      (_, name: keyof Addon) =>
      (...args: readonly unknown[]) => {
        keep(args)
        return Reflect.apply(real[name], real, args)
      },
  })
  return { addon: withSlots({ ...real, ...Object.fromEntries(names(addon)) }), shown }
}
const names = (addon: Addon) =>
  (
    ['privateKeyVerify', 'privateKeyNegate', 'privateKeyTweakAdd', 'privateKeyTweakMul', 'publicKeyCreate'] as const
  ).map((name) => [name, addon[name]] as const)

const CALLS: readonly (readonly [string, (addon: Addon) => unknown])[] = [
  ['privateKeyVerify', (a) => a.privateKeyVerify(scalar(1))],
  ['privateKeyNegate', (a) => a.privateKeyNegate(scalar(1))],
  ['privateKeyTweakAdd', (a) => a.privateKeyTweakAdd(scalar(1), scalar(2))],
  ['privateKeyTweakMul', (a) => a.privateKeyTweakMul(scalar(1), scalar(2))],
  ['publicKeyCreate', (a) => a.publicKeyCreate(scalar(1))],
  ['publicKeyCreate, uncompressed', (a) => a.publicKeyCreate(scalar(1), false)],
  ['a tweak that is refused', (a) => a.privateKeyTweakMul(scalar(1), scalar(0))],
  ['a tweak beyond the order', (a) => a.privateKeyTweakAdd(scalar(1), scalar(255))],
  ['a scalar of another length', (a) => a.privateKeyTweakAdd(new Uint8Array(31), scalar(2))],
]
const resultOf = (call: () => unknown): unknown => {
  try {
    return call()
  } catch (error) {
    return String(error)
  }
}

describe('memory that the addon is shown', () => {
  it.each(CALLS)('should answer as the addon does: %s', (_, call) => {
    expect(resultOf(() => call(withSlots(loadAddon())))).toEqual(resultOf(() => call(loadAddon())))
  })

  it.each(CALLS)('should hold no secret after a call, also one that failed: %s', (_, call) => {
    const { addon, shown } = watched()
    resultOf(() => call(addon))
    expect(shown.length).toBeGreaterThan(0)
    for (const bytes of shown.filter((b) => b.length === 32)) expect(bytes).toEqual(ZERO)
  })

  it('should leave in the scalar what the addon leaves there when it fails', () => {
    const [ours, theirs] = [scalar(1), scalar(1)]
    resultOf(() => withSlots(loadAddon()).privateKeyTweakMul(ours, ZERO))
    resultOf(() => loadAddon().privateKeyTweakMul(theirs, ZERO))
    expect(ours).toEqual(theirs)
  })

  it('should answer with memory of its own each time', () => {
    const addon = withSlots(loadAddon())
    const [first, second] = [addon.publicKeyCreate(scalar(1)), addon.publicKeyCreate(scalar(2))]
    expect(first).toEqual(loadAddon().publicKeyCreate(scalar(1)))
    expect(second).not.toEqual(first)
    const [twice, thrice] = [addon.publicKeyTweakMul(first, scalar(2)), addon.publicKeyTweakMul(first, scalar(3))]
    expect(twice).toEqual(loadAddon().publicKeyTweakMul(first, scalar(2)))
    expect(thrice).not.toEqual(twice)
  })
})
