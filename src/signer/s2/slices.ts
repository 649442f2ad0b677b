import { CodedError } from '../../base/index.ts'
import { S2Error } from './errors.ts'

/** Work at a stretch on the event loop: others wait so long at most, and an item is far below it. */
const SLICE_MS = 8

/** As `map`, but other work of the process goes on in between. Throws the signal's reason if that is coded, else `CANCELLED`. */
export async function mapInSlices<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => R,
  signal?: AbortSignal,
): Promise<R[]> {
  const results: R[] = []
  let startedMs = performance.now()
  for (const [i, item] of items.entries()) {
    if (i > 0 && performance.now() - startedMs >= SLICE_MS) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      startedMs = performance.now()
    }
    requireWanted(signal)
    results.push(map(item, i))
  }
  return results
}

export function requireWanted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  if (signal.reason instanceof CodedError) throw signal.reason
  throw new S2Error('CANCELLED', 'nobody waits for the answer any more')
}
