import { concatBytes, equalBytes } from '../base/index.ts'
import { isGenerator } from './generator.ts'
import type { Addon } from './native-addon.ts'
import type { LinearTerm } from './types.ts'

/** n of secp256k1; an x coordinate from here on is not what an ECDSA signature says of it. */
const ORDER_HIGH = new Uint8Array(15).fill(0xff)

/**
 * β·G + α·P in one multiplication of the library, where two and a sum would take half as long again. It has that as ECDSA
 * recovery: Q = (s⁄r)·R − (z⁄r)·G, with r = x(R). So R = P, s = α·r and z = −β·r. Public scalars only, none of them zero.
 * undefined where it can't be said like that (or where the result is at infinity): whoever asks takes the long way.
 */
export function generatorPairs(addon: Addon): (terms: readonly LinearTerm[]) => Uint8Array | undefined {
  return (terms) => {
    const g = terms.find(({ point }) => isGenerator(point))
    const other = terms.find(({ point }) => !isGenerator(point))
    if (g === undefined || other === undefined) return undefined
    const [prefix = 0] = other.point
    const r = other.point.subarray(1)
    if ((prefix !== 2 && prefix !== 3) || equalBytes(r.subarray(0, 15), ORDER_HIGH)) return undefined
    try {
      const s = addon.privateKeyTweakMul(Uint8Array.from(r), other.scalar)
      const z = addon.privateKeyNegate(addon.privateKeyTweakMul(Uint8Array.from(r), g.scalar))
      return addon.ecdsaRecover(concatBytes(r, s), prefix - 2, z)
    } catch {
      return undefined
    }
  }
}
