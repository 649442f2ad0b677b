/**
 * Loads the addon that was built on this machine and plays the self-test with it, in a process that may die of it. Ends with 0 if
 * it lives; what throws is said on stderr.
 */
import { nativeCurve } from './native.ts'
import { loadUntried } from './native-addon.ts'
import { selfTest } from './self-test.ts'

// Whatever answer is wrong, the process that asks finds out by itself; this one is about living through it.
selfTest(nativeCurve(loadUntried()))
