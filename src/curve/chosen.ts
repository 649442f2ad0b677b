import { CURVE_VARIABLE, type CurveChoice, chooseCurve } from './choose.ts'
import { nativeCurve } from './native.ts'
import { loadAddon } from './native-addon.ts'

let ownBuild: string | undefined
const choice = chooseCurve(globalThis.process?.env?.[CURVE_VARIABLE], () =>
  nativeCurve(
    loadAddon((file) => {
      ownBuild = file
    }),
  ),
)

/** Made once, when this module loads (in every thread of its own). The rpc client may load where there is no `process`. */
export const curveChoice: CurveChoice = { ...choice, ownBuild }
export const { curve } = curveChoice
