import type { Cheat } from './cheats.ts'
import { isHonest } from './plan.ts'
import type { Played } from './play.ts'
import { faultName } from './witness.ts'

/** What became of the faults of one kind that a campaign injected. */
export interface Fate {
  readonly injected: number
  readonly proven: number
  /** Nothing that an honest process heard contradicts itself or is wrong. */
  readonly unheard: number
  /** An honest process heard it, and died or was done with it before it could prove it. */
  readonly lost: number
}
export interface Account {
  readonly fates: Partial<Record<Cheat, Fate>>
  /** Pieces of evidence of honest members against honest ones; 0. */
  readonly honestNamed: number
}

/** Counts by what was meant and what stands on disks; `check` judges whether it had to be so. */
export function accountOf({ injected, cast, nodes, witnesses, isWrong, evidence }: Played): Account {
  const honest = nodes.filter((n) => isHonest(cast, n.index))
  const keys = new Set(honest.map((n) => n.publicKey))
  const kept = honest.flatMap((n) => evidence.get(n) ?? [])
  const proven = new Set(kept.map(faultName))
  const heard = new Set(
    witnesses.flatMap((w) => [...w.contradictions(), ...w.wrongShares(isWrong, () => undefined).all]),
  )
  const fates: Partial<Record<Cheat, Fate>> = {}
  for (const [fault, cheat] of injected) {
    const one = proven.has(fault) ? 'proven' : heard.has(fault) ? 'lost' : 'unheard'
    fates[cheat] = sum(fates[cheat] ?? NONE, { ...NONE, injected: 1, [one]: 1 })
  }
  return { fates, honestNamed: kept.filter((e) => keys.has(e.guilty)).length }
}

export const NONE: Fate = { injected: 0, proven: 0, unheard: 0, lost: 0 }

export const sum = (a: Fate, b: Fate): Fate => ({
  injected: a.injected + b.injected,
  proven: a.proven + b.proven,
  unheard: a.unheard + b.unheard,
  lost: a.lost + b.lost,
})
