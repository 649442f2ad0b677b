import type { Counter, Gauge, Metrics } from '../../base/index.ts'
import type { ClockView } from './clock-check.ts'
import type { LifeSign, MemberLiveness } from './tracker.ts'

/** What became of a beat that arrived; closed list of labels. */
export const BEAT_RESULTS = ['news', 'older', 'unexpected', 'malformed', 'version', 'out_of_place'] as const
export type BeatResult = (typeof BEAT_RESULTS)[number]
const SIGNS: readonly LifeSign[] = ['alive', 'silent', 'never']

/** Counters and gauges of liveness. */
export class LivenessMeters {
  readonly #received: Counter<'result'>
  readonly #unsent: Counter<never>
  readonly #members: Gauge<'state'>
  readonly #diverging: Gauge<never>
  readonly #doubled: Counter<never>
  readonly #offset: Gauge<never>

  constructor(metrics: Metrics) {
    this.#received = metrics.counter('liveness_beats_received_total', 'Heartbeats of members, by what became of them', [
      'result',
    ])
    this.#unsent = metrics.counter('liveness_beats_unsent_total', 'Own heartbeats that could not be published')
    this.#members = metrics.gauge('liveness_members', 'Other members of the set, by whether they are heard', ['state'])
    this.#diverging = metrics.gauge(
      'liveness_diverging_members',
      'Members that act by another signer set than this node',
    )
    this.#doubled = metrics.counter(
      'liveness_double_voices_total',
      "Messages of a member's older boot, said while a newer speaks",
    )
    this.#offset = metrics.gauge(
      'clock_offset_seconds',
      "Members' median clock minus this node's; 0 while too few are heard",
    )
  }

  received(result: BeatResult): void {
    this.#received.inc({ result })
  }
  unsent(): void {
    this.#unsent.inc({})
  }
  doubleVoice(): void {
    this.#doubled.inc({})
  }
  show(members: Iterable<MemberLiveness>, clock: ClockView): void {
    const all = [...members]
    for (const state of SIGNS) this.#members.set({ state }, all.filter((m) => m.sign === state).length)
    this.#diverging.set({}, all.filter((m) => m.divergesSinceMs !== undefined).length)
    this.#offset.set({}, (clock.offsetMs ?? 0) / 1000)
  }
}
