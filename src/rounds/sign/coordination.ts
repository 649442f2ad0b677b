import { BoundedMap, LIMITS, type PublicKey } from '../../base/index.ts'
import { candidates, choose, openCoordinator, stepCoordinator } from './coordinator.ts'
import type { CoordinatorEvent, CoordinatorStep } from './coordinator.types.ts'
import { coordinatorOrder } from './hashes.ts'
import type { KnownRound } from './known.ts'
import type { Restock } from './restock.ts'

/** Some trips to the farthest member. Who is silent costs this much; who is not, would else cost a session for nothing. */
const HEAD_START_MS = 100
export const headStartId = (round: string): string => `head-start/${round}`

export interface CoordinationInit {
  readonly self: PublicKey
  readonly asksUnready: boolean
  readonly number: () => number
  readonly restock: Restock
}
export type CoordinationWork = CoordinatorStep['effects']

/** Feeds this node's coordinators with what they need to open sessions: members that are ready, and pairs of theirs. */
export class Coordination {
  readonly #c: CoordinationInit
  /** Members in the order in which they last did something for a round, latest last. */
  readonly #active = new BoundedMap<PublicKey, true>(4 * LIMITS.maxSigners)

  constructor(init: CoordinationInit) {
    this.#c = init
  }

  /** The member does something: it is tried before those that were not heard for longer. */
  heard(member: PublicKey): void {
    this.#active.set(member, true)
  }

  begin(r: KnownRound): CoordinationWork {
    const { round, request, key } = r
    const latest = [...this.#active].map(([m]) => m).filter((m) => key.verifyingShares.has(m))
    const others = coordinatorOrder(round, key.members).filter((m) => !latest.includes(m))
    const facts = { round, request, key, self: this.#c.self }
    r.coordinator = openCoordinator(facts, [...latest.reverse(), ...others])
    return [
      ...[...r.declined].flatMap(([member, reason]) => this.step(r, { kind: 'decline', member, session: 0, reason })),
      ...[...r.ready].flatMap((member) => this.step(r, { kind: 'ready', member })),
    ]
  }

  /** Does nothing where this node does not coordinate. */
  step(r: KnownRound, event: CoordinatorEvent): CoordinationWork {
    if (r.coordinator === undefined) return []
    const { state, effects } = stepCoordinator(r.coordinator, event)
    r.coordinator = state
    return effects
  }

  /**
   * Opens sessions while t responsive members have pairs; asks for pairs where that is what they lack. While the latest is
   * young, no other is opened beside it: where all answer, most have answered before the last one has, and could begin again.
   */
  pump(r: KnownRound): CoordinationWork {
    const { restock, number, asksUnready, self } = this.#c
    const { setHash, transcript, items } = r.request
    const isCandidate = (m: PublicKey) => r.ready.has(m) || (asksUnready && m !== self)
    const work: CoordinationWork[number][] = []
    while (r.coordinator !== undefined) {
      if (r.hasHeadStart && r.coordinator.sessions.length > 0) return work
      const { state, effects, chosen } = choose(r.coordinator, isCandidate, (m) =>
        restock.has(m, transcript, items.length),
      )
      r.coordinator = state
      work.push(...effects)
      if (chosen === undefined) {
        const lacking = candidates(state, isCandidate)
        return [...work, ...restock.need(lacking, setHash, transcript, items.length)]
      }
      const taken = restock.take(chosen, setHash, transcript, items.length)
      work.push(...this.step(r, { kind: 'open', session: number(), entries: taken.entries }), ...taken.effects)
      r.hasHeadStart = true
      work.push({ kind: 'arm', id: headStartId(r.round), afterMs: HEAD_START_MS, isPatient: true })
    }
    return work
  }
}
