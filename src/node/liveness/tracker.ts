import { type Clock, LIMITS, type PublicKey, type SetHash } from '../../base/index.ts'
import type { Beat } from './beat.ts'
import { type ClockView, judgeClock } from './clock-check.ts'

/**
 * Samples of a member's clock that are remembered: a beat may come late but never early, so the greatest of a few is the one
 * that was least delayed.
 */
const CLOCK_SAMPLES = 3

/** `never`: not heard since this node started, or since the member joined. */
export type LifeSign = 'alive' | 'silent' | 'never'

export interface MemberLiveness {
  readonly sign: LifeSign
  /** By our clock; undefined if never. */
  readonly lastHeardAtMs: number | undefined
  /** The latest beat, by its author's own order. */
  readonly beat: Beat | undefined
  /** It acts by another signer set than this node, since when (our clock). */
  readonly divergesSinceMs: number | undefined
  /** Its clock minus ours, as near as a beat's way tells; undefined while nothing was heard lately. */
  readonly clockOffsetMs: number | undefined
  /** Neither a beat nor the start of waiting is younger than `LIMITS.silentAfterMs`. */
  readonly overdue: boolean
}

interface Row {
  /** Monotonic: when it was heard, or began to be expected. */
  waitedForSinceMs: number
  boot: number
  counter: number
  lastHeardAtMs: number | undefined
  beat: Beat | undefined
  divergesSinceMs: number | undefined
  samples: readonly number[]
  /** Monotonic. */
  sampledAtMs: number
}

/** `older`: a repetition, or overtaken on its way: it says nothing new. `unexpected`: not a member of our set. */
export type Heard = 'news' | 'older' | 'unexpected'

/** Who was heard, when, and what they claimed. Holds one row per member, whatever is said. */
export class LivenessTracker {
  readonly #clock: Clock
  readonly #rows = new Map<PublicKey, Row>()
  #ownSet: SetHash | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The members besides this node, and the set they should claim. A member that stays keeps what was heard of it. */
  expect(members: readonly PublicKey[], ownSet: SetHash | undefined): void {
    this.#ownSet = ownSet
    for (const key of this.#rows.keys()) if (!members.includes(key)) this.#rows.delete(key)
    for (const key of members) if (!this.#rows.has(key)) this.#rows.set(key, this.#fresh())
    for (const row of this.#rows.values()) this.#compare(row)
  }

  /** R16: only a later beat of its author counts, however often and in whichever order beats arrive. */
  heard(author: PublicKey, at: { readonly boot: number; readonly counter: number }, beat: Beat): Heard {
    const row = this.#rows.get(author)
    if (row === undefined) return 'unexpected'
    if (at.boot < row.boot || (at.boot === row.boot && at.counter <= row.counter)) return 'older'
    row.boot = at.boot
    row.counter = at.counter
    row.beat = beat
    row.lastHeardAtMs = this.#clock.now()
    row.waitedForSinceMs = this.#clock.monotonicMs()
    this.#sample(row, beat.sentAtMs - this.#clock.now())
    this.#compare(row)
    return 'news'
  }

  /** A member's clock was seen without a beat: its words were refused for their time. */
  clockSeen(author: PublicKey, offsetMs: number): void {
    const row = this.#rows.get(author)
    if (row !== undefined) this.#sample(row, offsetMs)
  }

  of(member: PublicKey): MemberLiveness | undefined {
    const row = this.#rows.get(member)
    return row && this.#view(row)
  }
  members(): ReadonlyMap<PublicKey, MemberLiveness> {
    return new Map([...this.#rows].map(([key, row]) => [key, this.#view(row)]))
  }
  clock(): ClockView {
    return judgeClock([...this.#rows.values()].map((r) => this.#offsetOf(r)).filter((o) => o !== undefined))
  }

  #fresh(): Row {
    return {
      waitedForSinceMs: this.#clock.monotonicMs(),
      boot: -1,
      counter: -1,
      lastHeardAtMs: undefined,
      beat: undefined,
      divergesSinceMs: undefined,
      samples: [],
      sampledAtMs: 0,
    }
  }

  #compare(row: Row): void {
    const diverges = row.beat !== undefined && this.#ownSet !== undefined && row.beat.setHash !== this.#ownSet
    row.divergesSinceMs = diverges ? (row.divergesSinceMs ?? this.#clock.now()) : undefined
  }

  #sample(row: Row, offsetMs: number): void {
    row.samples = [...row.samples, offsetMs].slice(-CLOCK_SAMPLES)
    row.sampledAtMs = this.#clock.monotonicMs()
  }

  #offsetOf(row: Row): number | undefined {
    const isLate = this.#clock.monotonicMs() - row.sampledAtMs > LIMITS.silentAfterMs
    return row.samples.length === 0 || isLate ? undefined : Math.max(...row.samples)
  }

  #view(row: Row): MemberLiveness {
    const { lastHeardAtMs, beat, divergesSinceMs } = row
    const overdue = this.#clock.monotonicMs() - row.waitedForSinceMs > LIMITS.silentAfterMs
    const sign = lastHeardAtMs === undefined ? 'never' : overdue ? 'silent' : 'alive'
    return { sign, lastHeardAtMs, beat, divergesSinceMs, clockOffsetMs: this.#offsetOf(row), overdue }
  }
}
