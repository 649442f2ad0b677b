import { type Curve, curve } from '../../../src/curve/index.ts'
import { nobleCurve } from '../../../src/curve/noble.ts'

/** The backend that this machine chose and the oracle: each once. */
export const BACKENDS: readonly Curve[] = [...new Map([nobleCurve, curve].map((c) => [c.name, c])).values()]
