import { describe, expect, it } from 'vitest'
import { nativeCurve } from '../../../src/curve/index.ts'
import { type Addon, loadAddon } from '../../../src/curve/native-addon.ts'
import { bytes32, G, native } from './values.ts'

type Ecdh = Addon['ecdh']

/** The addon, with a look at whatever it is lent. */
function watched(ecdh: (real: Ecdh) => Ecdh) {
  const lent: Uint8Array[] = []
  const addon = loadAddon()
  const watch: Ecdh = (point, secret, { hashfn, xbuf, ybuf }, output) => {
    lent.push(xbuf, ybuf)
    const seen = (x: Uint8Array, y: Uint8Array): Uint8Array => {
      const made = hashfn(x, y)
      lent.push(made)
      return made
    }
    return ecdh(addon.ecdh)(point, secret, { hashfn: seen, xbuf, ybuf }, output)
  }
  return { curve: nativeCurve({ ...addon, ecdh: watch }), lent }
}

describe.runIf(native !== undefined)('secret·P', () => {
  const sum = (bytes: Uint8Array): number => bytes.reduce((a, b) => a + b, 0)

  it('should leave nothing of the shared point but the answer', () => {
    const { curve, lent } = watched((real) => real)
    expect(curve.ecdhPoint(bytes32(1n), G)).toEqual(G)
    expect(lent.map(sum)).toEqual([0, 0, 0])
  })
  it('should leave nothing of it if the addon fails after all', () => {
    const { curve, lent } = watched((real) => (...all) => {
      real(...all)
      expect(lent.map(sum).every((n) => n > 0)).toBe(true)
      throw new Error('after all')
    })
    expect(() => curve.ecdhPoint(bytes32(1n), G)).toThrow(TypeError)
    expect(lent.map(sum)).toEqual([0, 0, 0])
  })
})
