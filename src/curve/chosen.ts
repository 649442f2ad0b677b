import { CURVE_VARIABLE, chooseCurve } from './choose.ts'
import { nativeCurve } from './native.ts'

/** Made once, when this module loads (in every thread of its own). The rpc client may load where there is no `process`. */
export const curveChoice = chooseCurve(globalThis.process?.env?.[CURVE_VARIABLE], () => nativeCurve())
export const { curve } = curveChoice
