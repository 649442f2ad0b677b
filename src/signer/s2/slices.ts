import { CodedError } from '../../base/index.ts'
import { S2Error } from './errors.ts'

/** Work of all calls together in one turn of the event loop: others wait so long at most, and an item is far below it. */
const SLICE_MS = 8

/** When this turn's work began; undefined while there was none. The process has one event loop. */
let beganMs: number | undefined
/** Calls that go on in a later turn, one in each. */
const waiting: (() => void)[] = []

/** As `map`, but other work of the process goes on in between. Throws the signal's reason if that is coded, else `CANCELLED`. */
export async function mapInSlices<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => R,
  signal?: AbortSignal,
): Promise<R[]> {
  const results: R[] = []
  for (const [i, item] of items.entries()) {
    if (isTurnOver()) await laterTurn()
    requireWanted(signal)
    results.push(map(item, i))
  }
  return results
}

function isTurnOver(): boolean {
  const nowMs = performance.now()
  if (beganMs !== undefined) return nowMs - beganMs >= SLICE_MS
  beganMs = nowMs
  setImmediate(nextTurn)
  return false
}

function laterTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push(resolve)
  return promise
}

/** Many calls come in one turn, and each has too little to stop by itself: the event loop would stand still for all of them. */
function nextTurn(): void {
  beganMs = undefined
  const goOn = waiting.shift()
  if (goOn === undefined) return
  beganMs = performance.now()
  setImmediate(nextTurn)
  goOn()
}

export function requireWanted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  if (signal.reason instanceof CodedError) throw signal.reason
  throw new S2Error('CANCELLED', 'nobody waits for the answer any more')
}
