import type { Cancel, Clock } from '../../base/index.ts'

/**
 * Lines that one client's refusals of one code have in a minute: enough to see what it tries, and under 1 GB a year if it never
 * stops. Each code has its own, so that many refusals of one kind hide none of another.
 */
const MAX_LINES = 5
const WINDOW_MS = 60_000

/** A client's refusals of a minute: the first ones are told one by one, the others as counts by code when the minute is over. */
export class RefusalWindow {
  readonly #clock: Clock
  readonly #tell: (counts: Readonly<Record<string, number>>) => Promise<void>
  #beganMs = Number.NEGATIVE_INFINITY
  /** By code; codes come from closed lists. */
  readonly #lines = new Map<string, number>()
  #counts: Record<string, number> | undefined
  #timer: Cancel | undefined

  constructor(clock: Clock, tell: (counts: Readonly<Record<string, number>>) => Promise<void>) {
    this.#clock = clock
    this.#tell = tell
  }

  /** True = it gets a line of its own; otherwise it was counted. */
  takeLine(code: string): boolean {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#beganMs >= WINDOW_MS) {
      void this.end()
      this.#beganMs = nowMs
      this.#lines.clear()
    }
    const lines = this.#lines.get(code) ?? 0
    if (lines < MAX_LINES) {
      this.#lines.set(code, lines + 1)
      return true
    }
    this.#counts ??= {}
    this.#counts[code] = (this.#counts[code] ?? 0) + 1
    this.#timer ??= this.#clock.after(this.#beganMs + WINDOW_MS - nowMs, () => void this.end())
    return false
  }

  /** Tells what was counted. Never rejects. */
  async end(): Promise<void> {
    this.#timer?.()
    this.#timer = undefined
    const counts = this.#counts
    this.#counts = undefined
    if (counts !== undefined) await this.#tell(counts)
  }
}
