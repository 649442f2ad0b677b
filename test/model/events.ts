import * as fc from 'fast-check'
import type { Step } from './chain.ts'
import { DATA_LIES, type EndpointMood, FAILURES, type Lies, TENURE_LIES, TIP_LIES } from './endpoint.ts'
import { GARBAGE, PEERS, SETS } from './universe.ts'

/** What can happen. Every event fits every state, so that a failing sequence can be shortened at will. */
export type Event =
  | { readonly do: 'mine'; readonly steps: readonly Step[]; readonly state?: string }
  | { readonly do: 'reorg'; readonly depth: number; readonly steps: readonly Step[]; readonly state?: string }
  | { readonly do: 'endpoints'; readonly moods: readonly EndpointMood[] }
  | { readonly do: 'time'; readonly minutes: number }
  | { readonly do: 'approve'; readonly set: string; readonly attempt: number }
  | { readonly do: 'expire' }
  | { readonly do: 'recall'; readonly sets: readonly string[] }
  | { readonly do: 'restart'; readonly config: Config }
  /** The lists of the config anew, in the same process; `onStale` needs a restart. */
  | { readonly do: 'reload'; readonly config: Config }

export interface Config {
  readonly bridges: readonly string[]
  readonly backups: readonly string[]
  readonly denied: readonly string[]
  readonly onStale: 'freeze' | 'close'
}

export interface Timed {
  readonly event: Event
  /** Whether the registry is read after it, or only time is looked at. */
  readonly read: boolean
}

export interface Scenario {
  readonly endpoints: number
  readonly quorum: number
  readonly confirmations: number
  readonly start: string
  readonly config: Config
  readonly events: readonly Timed[]
}

export const MAX_ENDPOINTS = 5
/** Longer than `maxReorg`, so that some are too deep to be believed. */
const DEEPEST_REORG = 9

const of = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: of<Step>('tenure') },
  { weight: 2, arbitrary: of<Step>('extend') },
  { weight: 1, arbitrary: of<Step>('empty') },
)
const steps = fc.array(step, { minLength: 1, maxLength: 4 })
const validSet = of(...SETS.map((s) => s.name))
const state = fc.oneof({ weight: 5, arbitrary: validSet }, { weight: 1, arbitrary: of(...GARBAGE.map((s) => s.name)) })
const maybeState = fc.option(state, { nil: undefined, freq: 2 }).map((s) => (s === undefined ? {} : { state: s }))

const lies: fc.Arbitrary<Lies> = fc.record({
  tip: of(...TIP_LIES),
  tenure: of(...TENURE_LIES),
  data: of(...DATA_LIES),
})
const lag = fc.oneof({ weight: 3, arbitrary: of(0) }, { weight: 2, arbitrary: fc.nat(6) })
const mood: fc.Arbitrary<EndpointMood> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ lag }) },
  { weight: 2, arbitrary: fc.record({ lag, failure: of(...FAILURES) }) },
  { weight: 2, arbitrary: fc.record({ lag, lies }) },
)
export const honestMoods: readonly EndpointMood[] = Array.from({ length: MAX_ENDPOINTS }, () => ({ lag: 0 }))

const some = (names: readonly string[]) => fc.subarray([...names])
const all = (names: string[]) => fc.oneof({ weight: 2, arbitrary: of(names) }, { weight: 1, arbitrary: some(names) })
const config: fc.Arbitrary<Config> = fc.record({
  bridges: all(['bridge', 'ed-bridge']),
  backups: all(['backup', 'ed-backup']),
  denied: fc.oneof(
    { weight: 2, arbitrary: of<string[]>([]) },
    { weight: 1, arbitrary: some(PEERS.map((p) => p.name).filter((name) => name !== 'self')) },
  ),
  onStale: of('freeze', 'close'),
})

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(steps, maybeState).map(([s, m]): Event => ({ do: 'mine', steps: s, ...m })) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: DEEPEST_REORG }), steps, maybeState)
      .map(([depth, s, m]): Event => ({ do: 'reorg', depth, steps: s, ...m })),
  },
  {
    weight: 5,
    arbitrary: fc
      .array(mood, { minLength: MAX_ENDPOINTS, maxLength: MAX_ENDPOINTS })
      .map((moods): Event => ({ do: 'endpoints', moods })),
  },
  { weight: 2, arbitrary: of<Event>({ do: 'endpoints', moods: honestMoods }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 90 }).map((minutes): Event => ({ do: 'time', minutes })) },
  {
    weight: 3,
    arbitrary: fc.tuple(validSet, fc.nat(1)).map(([set, attempt]): Event => ({ do: 'approve', set, attempt })),
  },
  { weight: 1, arbitrary: of<Event>({ do: 'expire' }) },
  {
    weight: 4,
    arbitrary: fc.uniqueArray(validSet, { maxLength: 2 }).map((sets): Event => ({ do: 'recall', sets })),
  },
  { weight: 2, arbitrary: config.map((c): Event => ({ do: 'restart', config: c })) },
  { weight: 2, arbitrary: config.map((c): Event => ({ do: 'reload', config: c })) },
)
const timed: fc.Arbitrary<Timed> = fc.record({ event, read: fc.nat(9).map((n) => n > 0) })

export const scenario: fc.Arbitrary<Scenario> = fc.integer({ min: 1, max: MAX_ENDPOINTS }).chain((endpoints) =>
  fc.record({
    endpoints: of(endpoints),
    quorum: fc.integer({ min: Math.floor(endpoints / 2) + 1, max: endpoints }),
    confirmations: fc.nat(2),
    start: fc.oneof({ weight: 2, arbitrary: of('set1') }, { weight: 1, arbitrary: of('blank') }),
    config,
    events: fc.array(timed, { minLength: 4, maxLength: 16, size: 'max' }),
  }),
)
