import { nobleCurve } from './noble.ts'
import { selfTest } from './self-test.ts'
import type { Curve } from './types.ts'

/** Which backend computes here, and why it is not the fast one. */
export interface CurveChoice {
  readonly curve: Curve
  /** undefined with the fast backend. For the log and the operator. */
  readonly fallback: string | undefined
  /** The file of the fast backend, if somebody has built it on this machine: nothing but its self-test vouches for it. */
  readonly ownBuild?: string | undefined
}

/** Environment variable: `noble` keeps the fast backend out, for tests and for comparing; `auto` or nothing lets it in. */
export const CURVE_VARIABLE = 'COUNTERSIGN_CURVE'
const FAST_WISHES: readonly (string | undefined)[] = [undefined, '', 'auto']

/**
 * The fast backend if it loads and gives the known answers; otherwise noble, which is some thirty times slower, and a
 * reason to announce. Never throws: a node without its addon is slow, not down.
 */
export function chooseCurve(wish: string | undefined, loadFast: () => Curve): CurveChoice {
  const slow = (fallback: string): CurveChoice => ({ curve: nobleCurve, fallback })
  if (wish === 'noble') return slow(`${CURVE_VARIABLE}=noble`)
  if (!FAST_WISHES.includes(wish)) return slow(`${CURVE_VARIABLE} knows "auto" and "noble" only`)
  try {
    const fast = loadFast()
    const wrong = selfTest(fast)
    return wrong === undefined ? { curve: fast, fallback: undefined } : slow(`self-test failed: ${wrong}`)
  } catch (error) {
    // Its first line says what is missing; the rest is a list of places.
    const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n')
    return slow(`the addon of secp256k1 does not load: ${reason}`)
  }
}
