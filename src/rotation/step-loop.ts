import { type Cancel, type Clock, CodedError } from '../base/index.ts'

/** Between looks when nothing happens. */
const TICK_MS = 500

export interface StepLoopInit {
  /** True: what it depends on is another now, look again at once. */
  readonly step: () => Promise<boolean>
  /** A step is over; with what it failed with. Not told of failures once the loop stops. */
  readonly onStep: (failure?: { readonly error: unknown }) => void
  readonly clock: Clock
}

/**
 * Takes steps when poked and by the clock. Steps, and whatever else is run in it, come one after the other, never beside each other
 * (R7: one at a time).
 */
export class StepLoop {
  readonly #c: StepLoopInit
  #cancelTick: Cancel = () => {}
  /** Whatever runs or waits to run; `stop` waits for its end. */
  #work: Promise<unknown> = Promise.resolve()
  #looking = false
  #again = false
  #life = new AbortController()

  constructor(init: StepLoopInit) {
    this.#c = init
    this.#life.abort()
  }

  /** Of the run that is under way; aborted while there is none. */
  get signal(): AbortSignal {
    return this.#life.signal
  }

  /** From now on work is taken; the clock ticks from `tick` on. */
  open(): void {
    this.#life = new AbortController()
  }

  tick(): void {
    if (this.#life.signal.aborted) return
    this.poke()
    this.#cancelTick = this.#c.clock.after(TICK_MS, () => this.tick())
  }

  /** Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#life.abort(new CodedError('STOPPED', 'the node is stopping'))
    this.#cancelTick()
    await this.#work
  }

  /** Look now. Calls while a look waits or runs become one more look after it. */
  poke(): void {
    if (this.#life.signal.aborted) return
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = true
    this.alone(this.#c.step)
      .then(
        (again) => {
          if (again) this.#again = true
          this.#c.onStep()
        },
        (error: unknown) => {
          if (!this.#life.signal.aborted) this.#c.onStep({ error })
        },
      )
      .finally(() => {
        this.#looking = false
        if (!this.#again) return
        this.#again = false
        this.poke()
      })
  }

  /** Runs after everything asked before, and not at all once the node is stopping. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#work.then(() => {
      this.#life.signal.throwIfAborted()
      return work()
    })
    this.#work = Promise.allSettled([mine])
    return mine
  }
}
