import { equalBytes, type PublicKey, toHex } from '../../../src/base/index.ts'
import { decodeEnvelope, type EnvelopeFields } from '../../../src/p2p/envelope.ts'
import { decodeSign } from '../../../src/rounds/sign/codec.ts'
import { packageHash } from '../../../src/rounds/sign/index.ts'
import type { Judged } from '../host.ts'
import type { Spoken } from './mouths.ts'

/** One fault as evidence names it. */
export const faultName = (f: {
  readonly guilty: PublicKey
  readonly code: string
  readonly round: string
  readonly attempt: number
}): string => `${f.guilty} ${f.code} ${f.round.slice(0, 16)} ${f.attempt}`

/** What is gossiped comes to all witnesses as the same bytes: it is read once. */
const known = new WeakMap<Uint8Array, EnvelopeFields | undefined>()

function fieldsOf(data: Uint8Array): EnvelopeFields | undefined {
  if (known.has(data)) return known.get(data)
  const decoded = decodeEnvelope(data)
  const fields = decoded.ok ? decoded.value.fields : undefined
  known.set(data, fields)
  return fields
}

interface Package {
  readonly round: string
  readonly attempt: number
  readonly hash: string
  /** Members that owe a share, but for the coordinator. */
  readonly others: ReadonlySet<PublicKey>
}
interface Share {
  readonly author: PublicKey
  readonly packageHash: string
  readonly payload: string
  readonly atMs: number
}

/**
 * What one process heard, and what it must therefore be able to prove. Worked out from the messages alone, by other code than
 * the node's: slots are compared by their bytes, and a wrong share is one that its author falsified.
 */
export class Witness {
  readonly self: PublicKey
  /** First and further payloads of each author in each slot. */
  readonly #slots = new Map<string, { readonly fault: string; readonly first: Uint8Array; isContradicted: boolean }>()
  readonly #packages = new Map<string, Package>()
  readonly #shares = new Map<string, Share>()
  /** When the process had no use any more for a package of this round, or of this member. */
  readonly #roundOver = new Map<string, number>()
  readonly #spoiled: { readonly author: PublicKey; readonly attempt: number | undefined; readonly atMs: number }[] = []
  readonly #boots = new Map<PublicKey, number>()

  constructor(self: PublicKey) {
    this.self = self
  }

  hear({ data, dropped }: Judged, atMs: number): void {
    // What the intake dropped before any machine saw it was not heard.
    if (dropped !== undefined && dropped !== 'ignored') return
    const fields = fieldsOf(data)
    if (fields === undefined) return
    const { author, boot, round, attempt, step, payload } = fields
    const known = this.#boots.get(author)
    if (known !== undefined && known < boot) this.#spoiled.push({ author, attempt: undefined, atMs })
    this.#boots.set(author, Math.max(known ?? 0, boot))
    if (step === 'result') this.#over(round, atMs)
    if (step === 'decline') this.#spoiled.push({ author, attempt, atMs })
    if (step !== 'ready' && step !== 'nonces' && step !== 'package' && step !== 'share') return
    const share = step === 'share' ? decodeSign(step, payload) : undefined
    if (step === 'share' && share === undefined) return
    const slot = [author, boot, round, attempt, step, share?.coordinator, share?.packageHash].join(' ')
    const before = this.#slots.get(slot)
    if (before !== undefined) {
      before.isContradicted ||= !equalBytes(before.first, payload)
      return
    }
    const fault = faultName({ guilty: author, code: 'equivocation', round, attempt })
    this.#slots.set(slot, { fault, first: payload, isContradicted: false })
    if (share?.coordinator === this.self)
      this.#shares.set(slot, { author, packageHash: share.packageHash, payload: toHex(payload), atMs })
  }

  /** What this process said itself: its packages, and results. */
  spoke({ said: { round, attempt, step, payload }, atMs }: Spoken): void {
    if (step === 'result') this.#over(round, atMs)
    const p = step === 'package' ? decodeSign(step, payload) : undefined
    if (p === undefined) return
    const hash = packageHash(this.self, attempt, p)
    const others = new Set([...p.entries.keys()].filter((m) => m !== this.self))
    this.#packages.set(hash, { round, attempt, hash, others })
  }

  /** Slots in which somebody said two things to this process. */
  contradictions(): ReadonlySet<string> {
    return new Set([...this.#slots.values()].filter((s) => s.isContradicted).map((s) => s.fault))
  }

  /**
   * Wrong shares that came to this process as coordinator. `must`: all shares of the package were there while its session was
   * open, so that no signature came of it, and they were looked at at once. The others came to a session that ended otherwise,
   * and are looked at afterwards, by a process that lives to do it.
   */
  wrongShares(
    isWrong: (author: PublicKey, payload: string) => boolean,
    /** When this process named a member of that session. */
    namedAtMs: (round: string, attempt: number) => number | undefined,
  ): { readonly all: ReadonlySet<string>; readonly must: ReadonlySet<string> } {
    const all = new Set<string>()
    const must = new Set<string>()
    for (const p of this.#packages.values()) {
      const shares = [...this.#shares.values()].filter((s) => s.packageHash === p.hash && p.others.has(s.author))
      const wrong = shares
        .filter((s) => isWrong(s.author, s.payload))
        .map((s) => faultName({ guilty: s.author, code: 'invalid_share', round: p.round, attempt: p.attempt }))
      for (const fault of wrong) all.add(fault)
      if (shares.length < p.others.size) continue
      const wholeAtMs = Math.max(...shares.map((s) => s.atMs))
      const namedMs = namedAtMs(p.round, p.attempt) ?? Number.POSITIVE_INFINITY
      const endedMs = Math.min(this.#endOf(p), namedMs < wholeAtMs ? namedMs : Number.POSITIVE_INFINITY)
      if (wholeAtMs < endedMs) for (const fault of wrong) must.add(fault)
    }
    return { all, must }
  }

  #over(round: string, atMs: number): void {
    if (!this.#roundOver.has(round)) this.#roundOver.set(round, atMs)
  }
  #endOf({ round, attempt, others }: Package): number {
    const spoiled = this.#spoiled
      .filter((s) => others.has(s.author) && (s.attempt === undefined || s.attempt === attempt))
      .map((s) => s.atMs)
    return Math.min(this.#roundOver.get(round) ?? Number.POSITIVE_INFINITY, ...spoiled)
  }
}
