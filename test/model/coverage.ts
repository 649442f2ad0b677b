import { type ModelFacts, mayConnect, mayGossip, roleOf } from './rules.ts'
import { PEERS, SETS } from './universe.ts'

/** How often things happened over many sequences: a run in which nothing happens proves nothing. */
export class Coverage {
  readonly counts = new Map<string, number>()
  note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
  of(what: string): number {
    return this.counts.get(what) ?? 0
  }

  noteRoles(facts: ModelFacts): void {
    if (facts.stale) this.note(`stale, ${facts.onStale}`)
    if (facts.selfRemoved) this.note('self removed')
    for (const peer of PEERS) {
      const role = roleOf(facts, peer)
      this.note(`role ${role}`)
      if (facts.selfRemoved && mayConnect(facts, peer, 'inbound') === 'ok') this.note(`removed, yet ${role}`)
      for (const { name } of SETS)
        if (facts.set?.name !== name && mayGossip(facts, peer, 'sign', name) === 'ok') this.note('recalled topic')
    }
  }
}
