import { LIMITS } from '../../../src/base/index.ts'
import { type EvidenceEntry, entryText, verifyEntry } from '../../../src/rounds/evidence/entry.ts'
import type { SimulatedNode } from '../simulation.ts'
import { isHonest } from './plan.ts'
import type { Played } from './play.ts'
import { faultName } from './witness.ts'

/** What a run came to. */
export interface Tally {
  /** Everything that was not as it must be; empty. */
  readonly wrong: readonly string[]
  readonly counts: Readonly<Record<Count, number>>
  readonly slowestMs: number
}
export const COUNTS = [
  'requests',
  'digests',
  'restarts',
  'faults injected',
  'faults that an honest member heard',
  'faults proven',
  'pieces of evidence at honest members',
  'wrong shares that a process heard which died before all shares of their session were there',
  'of them proven all the same',
  'honest members that do not know of a proven fault yet',
] as const
export type Count = (typeof COUNTS)[number]

/** Judges a run by what was said and heard in it. */
export function check(played: Played): Tally {
  const { plan, cast, nodes, witnesses, injected, isWrong, bridges, evidence, isSigned, complaints } = played
  const wrong: string[] = []
  const expect = (holds: boolean, what: string) => void (holds || wrong.push(what))
  const honest = nodes.filter((n) => isHonest(cast, n.index))
  for (const { node, answers } of bridges)
    for (const asked of plan.asked) {
      const answer = answers.get(asked)
      const code = answer?.ok === false ? answer.code : 'no answer, or a bad signature'
      expect(!honest.includes(node) || isSigned(asked, answer), `a request did not complete at ${node.place}: ${code}`)
    }
  const isOfHonest = (line: string) => honest.some((n) => line.startsWith(`${n.place} `))
  for (const line of complaints.filter(isOfHonest)) wrong.push(`an honest member's node complains: ${line}`)

  const faulty = new Set(nodes.filter((n) => !honest.includes(n)).map((n) => n.publicKey))
  const proven = new Set<string>()
  const verified = new Map<string, EvidenceEntry>()
  for (const node of honest)
    for (const entry of evidence.get(node) ?? []) {
      const name = faultName(entry)
      proven.add(name)
      expect(faulty.has(entry.guilty), `an honest member is named: ${name}`)
      expect(injected.has(name), `nobody did this: ${name}`)
      expect(isProven(entry, verified), `${node.place} keeps what proves nothing: ${name}`)
    }

  const heard = new Set<string>()
  let [cut, cutProven] = [0, 0]
  for (const w of witnesses) {
    const node = nodes.find((n) => n.publicKey === w.self)
    if (node === undefined) continue
    const entries = evidence.get(node) ?? []
    const namedAtMs = (round: string, attempt: number) =>
      entries.find((e) => e.code === 'invalid_share' && e.round === round && e.attempt === attempt)?.atMs
    const shares = w.wrongShares(isWrong, namedAtMs)
    // What a process that died had not looked at yet died with it.
    const must = witnesses.findLast((x) => x.self === w.self) === w ? shares.all : shares.must
    for (const fault of [...w.contradictions(), ...must]) {
      heard.add(fault)
      const times = entries.filter((e) => faultName(e) === fault).length
      expect(times === 1 || isFull(entries, fault), `${node.place} keeps ${times} pieces of evidence of ${fault}`)
    }
    for (const fault of shares.all) {
      if (must.has(fault)) continue
      cut++
      if (proven.has(fault)) cutProven++
    }
  }

  const entries = honest.flatMap((n) => evidence.get(n) ?? [])
  return {
    wrong,
    slowestMs: played.slowestMs,
    counts: {
      requests: plan.asked.length,
      digests: plan.asked.reduce((n, a) => n + a.items.length, 0),
      restarts: cast.restarts.length,
      'faults injected': injected.size,
      'faults that an honest member heard': heard.size,
      'faults proven': proven.size,
      'pieces of evidence at honest members': entries.length,
      'wrong shares that a process heard which died before all shares of their session were there': cut,
      'of them proven all the same': cutProven,
      'honest members that do not know of a proven fault yet': unaware(honest, played, proven),
    },
  }
}

/** The same record at another member needs no other proof; the chain of each file is checked where it is written. */
function isProven(entry: EvidenceEntry, verified: Map<string, EvidenceEntry>): boolean {
  const same = verified.get(entry.record)
  if (same !== undefined) return faultName(same) === faultName(entry) && same.id === entry.id
  verified.set(entry.record, entry)
  return verifyEntry(entry) === 'proven'
}

/** A member that cheats for ever fills its own places, and nobody else's. */
function isFull(entries: readonly EvidenceEntry[], fault: string): boolean {
  const kept = entries.filter((e) => fault.startsWith(e.guilty))
  const bytes = kept.reduce((n, e) => n + entryText(e).length, LIMITS.maxJournalRecordBytes)
  return kept.length >= LIMITS.maxEvidencePerMember || bytes > LIMITS.maxMemberEvidenceBytes
}

function unaware(honest: readonly SimulatedNode[], { evidence }: Played, proven: ReadonlySet<string>): number {
  return honest.reduce((n, node) => {
    const known = new Set((evidence.get(node) ?? []).map(faultName))
    return n + [...proven].filter((fault) => !known.has(fault)).length
  }, 0)
}
