import { type Fate, NONE, sum } from './account.ts'
import { CHEATS, type Cheat } from './cheats.ts'
import { COUNTS } from './check.ts'
import type { Verdict } from './verdict.ts'

/** What many campaigns came to. */
export class Summary {
  readonly failed: string[] = []
  played = 0
  readonly #counts = new Map(COUNTS.map((name) => [name, 0]))
  readonly #fates = new Map<Cheat, Fate>()
  readonly #slowestMs: number[] = []
  #honestNamed = 0

  add({ seed, wrong, tally, account }: Verdict): void {
    this.played++
    if (wrong.length > 0) this.failed.push(seed)
    if (tally !== undefined) {
      for (const name of COUNTS) this.#counts.set(name, (this.#counts.get(name) ?? 0) + tally.counts[name])
      this.#slowestMs.push(tally.slowestMs)
    }
    this.#honestNamed += account?.honestNamed ?? 0
    for (const cheat of CHEATS) {
      const fate = account?.fates[cheat]
      if (fate !== undefined) this.#fates.set(cheat, sum(this.#fates.get(cheat) ?? NONE, fate))
    }
  }

  lines(): readonly string[] {
    const total = [...this.#fates.values()].reduce(sum, NONE)
    const slowest = this.#slowestMs.toSorted((a, b) => a - b)
    const at = (part: number) => slowest[Math.floor((slowest.length - 1) * part)] ?? 0
    return [
      ...[...this.#counts].map(([name, count]) => `${String(count).padStart(9)} ${name}`),
      '',
      row('faults injected, by kind', ['injected', 'proven', 'not heard', 'heard, lost']),
      ...[...this.#fates].sort().map(([cheat, fate]) => row(cheat, Object.values(fate))),
      row('all', Object.values(total)),
      'not heard: no honest process heard what contradicts itself or is wrong; heard, lost: it died, or was done with it before',
      `honest members named: ${this.#honestNamed}`,
      `virtual ms until the last answer of a campaign: median ${at(0.5)}, 95 of 100 ${at(0.95)}, most ${at(1)}`,
      this.failed.length === 0
        ? `all ${this.played} campaigns held`
        : `failed: ${this.failed.length} of ${this.played}, seeds ${this.failed.join(', ')}`,
    ]
  }
}

const row = (name: string, cells: readonly (string | number)[]): string =>
  name.padEnd(32) + cells.map((c) => String(c).padStart(12)).join('')
