import type { Cancel, Clock } from '../../base/index.ts'

/**
 * A timer that fires late because this process was not run tells nothing of the others: so often it begins anew. Else all who
 * share a busy machine would take each other for silent, and the help and the questions that follow would keep it busy.
 */
const MAX_POSTPONED = 3

export interface TimerAsked {
  readonly id: string
  readonly afterMs: number
  /** It waits for others' words, and nothing depends on its time. */
  readonly isPatient?: true
}

/** Named timers of the sign machines: one that is armed again is replaced, and a patient one gives a late process time. */
export class PatientTimers {
  readonly #clock: Clock
  readonly #onFire: (id: string) => void
  readonly #cancels = new Map<string, Cancel>()

  constructor(clock: Clock, onFire: (id: string) => void) {
    this.#clock = clock
    this.#onFire = onFire
  }

  arm(asked: TimerAsked, postponed = 0): void {
    const { id, afterMs, isPatient } = asked
    const dueAtMs = this.#clock.now() + afterMs
    const fire = () => {
      this.#cancels.delete(id)
      // This process was not run in time, so what the timer waited for may lie here unread.
      const isLate = this.#clock.now() - dueAtMs >= afterMs / 2
      if (isLate && isPatient && postponed < MAX_POSTPONED) this.arm(asked, postponed + 1)
      else this.#onFire(id)
    }
    this.#cancels.get(id)?.()
    this.#cancels.set(id, this.#clock.after(afterMs, fire))
  }

  disarm(id: string): void {
    this.#cancels.get(id)?.()
    this.#cancels.delete(id)
  }

  clear(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }
}
