import { METHOD_NAMES, METHODS } from './methods.ts'
import { delimited } from './rules.ts'

/** Id, method and time around params, or id around a result; an error is smaller than many results, and has room here. */
const AROUND_BYTES = 160

const largest = (sizes: readonly number[]): number => delimited(delimited(Math.max(...sizes))) + AROUND_BYTES

/** Of one frame: what the largest row of the table needs, in either direction. */
export const RPC_FRAME_CAPS = {
  requestBytes: largest(METHOD_NAMES.map((m) => METHODS[m].maxRequestBytes)),
  answerBytes: largest([
    ...METHOD_NAMES.map((m) => METHODS[m].response.maxBytes),
    // TIMEOUT with every member missing: nothing else in an error grows.
    8 * 1024,
  ]),
} as const
