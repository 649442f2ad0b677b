import { S2Error } from './errors.ts'
import { requireWanted } from './slices.ts'

/** Lists of keys that wait to be aggregated: of the largest, 12 ms each, this is how long one more would wait, a second and a half. */
const MAX_WAITING = 128

interface Job<T> {
  readonly make: () => T
  /** Of all who want it: it is left out only when nobody does any more. */
  readonly signals: (AbortSignal | undefined)[]
  readonly done: PromiseWithResolvers<T>
}

/** Does one job per turn of the event loop, because each may take as long as a turn should. The same job is done once for all who ask. */
export class AggregationQueue<T> {
  readonly #waiting = new Map<string, Job<T>>()
  readonly #max: number
  #isRunning = false

  constructor(max = MAX_WAITING) {
    this.#max = max
  }

  /** Throws what `make` throws, `OVERLOADED` while too many wait, and for the signal as `requireWanted` does. */
  do(name: string, make: () => T, signal: AbortSignal | undefined): Promise<T> {
    const known = this.#waiting.get(name)
    if (known !== undefined) {
      known.signals.push(signal)
      return known.done.promise
    }
    if (this.#waiting.size >= this.#max) this.#dropUnwanted()
    if (this.#waiting.size >= this.#max)
      return Promise.reject(
        new S2Error('OVERLOADED', 'too many lists of keys wait to be added up; ask again in a second'),
      )
    const done = Promise.withResolvers<T>()
    this.#waiting.set(name, { make, signals: [signal], done })
    this.#run()
    return done.promise
  }

  get waiting(): number {
    return this.#waiting.size
  }

  #run(): void {
    if (this.#isRunning || this.#waiting.size === 0) return
    this.#isRunning = true
    setImmediate(() => {
      this.#isRunning = false
      this.#dropUnwanted()
      const [next] = this.#waiting
      if (next !== undefined) this.#end(...next)
      this.#run()
    })
  }

  #end(name: string, { make, done }: Job<T>): void {
    this.#waiting.delete(name)
    try {
      done.resolve(make())
    } catch (error) {
      done.reject(error)
    }
  }

  #dropUnwanted(): void {
    for (const [name, { signals, done }] of this.#waiting) {
      if (!signals.every((signal) => signal?.aborted)) continue
      this.#waiting.delete(name)
      try {
        requireWanted(signals[0])
      } catch (error) {
        done.reject(error)
      }
    }
  }
}
