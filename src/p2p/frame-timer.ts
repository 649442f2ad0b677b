import { type Cancel, patient, systemClock } from '../base/index.ts'

/** What came in while this process was not run is read before its sender is blamed. */
const clock = patient(systemClock)

/**
 * Sees to it that a frame which has begun ends: a peer that sends a byte a second would hold its memory and its place for hours.
 * Between frames a stream may be silent for ever. One timer at most, set where a chunk ends inside a frame.
 */
export class FrameTimer {
  readonly #timeoutMs: number
  readonly #tooSlow: () => void
  #timer: Cancel | undefined
  #isInside = false
  /** The frame that the timer was set for is still the one that is coming in. */
  #isSame = false
  /** We do not read now; or did not for some of the time since the timer was set. */
  #isHeld = false
  #isExcused = false

  constructor(timeoutMs: number, tooSlow: () => void) {
    this.#timeoutMs = timeoutMs
    this.#tooSlow = tooSlow
  }

  /** A chunk was taken in. */
  onBytes(atBoundary: boolean): void {
    this.#isInside = !atBoundary
    if (this.#isInside && this.#timer === undefined) this.#arm()
  }
  /** A frame has ended. */
  onFrame(): void {
    this.#isSame = false
  }
  /** We stop reading: what is under way gets its whole time anew once we read again. */
  hold(): void {
    this.#isHeld = true
    this.#isExcused = true
  }
  release(): void {
    this.#isHeld = false
  }
  stop(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#isInside = false
  }

  #arm(): void {
    this.#isSame = true
    this.#isExcused = this.#isHeld
    this.#timer = clock.after(this.#timeoutMs, () => {
      this.#timer = undefined
      if (!this.#isInside) return
      if (this.#isSame && !this.#isExcused) this.#tooSlow()
      else this.#arm()
    })
  }
}
