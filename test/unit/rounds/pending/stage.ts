import type { PublicKey } from '../../../../src/base/index.ts'
import type { Envelope } from '../../../../src/p2p/index.ts'
import { VirtualClock } from '../../../simulator/virtual-clock.ts'
import { type Federation, openFederation, registryId } from './federation.ts'

export type Member = Federation['members'][number]
const FAR = 4_000_000_000_000
const TICK_MS = 50

/** A federation in virtual time; its first member is the hostile one. */
export class Stage {
  readonly clock = new VirtualClock()
  readonly fed: Federation
  readonly hostile: Member
  readonly honest: readonly Member[]
  /** Whom members blame by proof, in words. */
  readonly blamed = new Set<PublicKey>()
  readonly reasons: string[] = []

  constructor(size = 4, threshold = 3) {
    this.fed = openFederation(size, threshold, {
      clock: this.clock,
      onAborted: (by, _spec, reason) => {
        this.reasons.push(`${by} ${reason.kind}`)
        if (by !== this.hostile.publicKey && reason.kind === 'fault')
          for (const { member } of reason.faults) this.blamed.add(member)
      },
    })
    const [hostile, ...honest] = this.fed.members as [Member, ...Member[]]
    this.hostile = hostile
    this.honest = honest
  }

  begin(): void {
    for (const m of [...this.fed.members, this.fed.leaving]) m.session.announceApproval(FAR)
    for (const m of this.fed.members) m.session.startKeygen()
  }

  /** Words of the hostile member's own, to one member. */
  say(to: Member, attempt: number, step: string, payload: Uint8Array): void {
    const topic = { network: registryId.network, scope: this.fed.spec.id, purpose: 'keygen' } as const
    this.fed.bus.speak(this.hostile.key, topic, { round: this.fed.spec.id, attempt, step, payload }, to.publicKey)
  }

  /** As real time would pass: what is under way arrives long before the next timer. */
  async run(durationMs: number, holds: () => boolean = () => false): Promise<boolean> {
    for (let t = 0; t < durationMs; t += TICK_MS) {
      await this.clock.runFor(TICK_MS)
      for (let i = 0; i < 16; i++) await new Promise((next) => setImmediate(next))
      if (holds()) return true
    }
    return holds()
  }

  isProven = (): boolean => this.fed.members.every((m) => m.session.proposal() !== undefined)
  transcripts = (): Set<string | undefined> =>
    new Set(this.fed.members.map((m) => m.session.proposal()?.proposal.transcript))
  /** In which attempts a member gave its share of the trial. */
  trialsOf = ({ publicKey }: Member): Set<number> =>
    new Set(
      this.fed.bus.gossiped.filter((e) => e.author === publicKey && e.step.startsWith('trial')).map((e) => e.attempt),
    )
}

/** Calls back once all honest members have confirmed an attempt and heard each other. */
export const onceConfirmed = (s: Stage, then: (attempt: number) => void) => {
  const confirmed = new Map<number, Set<PublicKey>>()
  return (e: Envelope) => {
    if (e.step !== 'confirm' || e.author === s.hostile.publicKey) return
    const of = confirmed.get(e.attempt) ?? new Set()
    confirmed.set(e.attempt, of)
    if (of.size < s.honest.length && of.add(e.author).size === s.honest.length)
      s.clock.after(200, () => then(e.attempt))
  }
}
