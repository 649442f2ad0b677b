import {
  BoundedMap,
  type Clock,
  type Counter,
  describeError,
  Emitter,
  type Gauge,
  LIMITS,
  type Logger,
  type Metrics,
  type PublicKey,
} from '../../base/index.ts'
import { decodeEvidence, evidenceId } from './codec.ts'
import { type EvidenceEntry, entryOf, entryText, parseEntry, type Source } from './entry.ts'
import { EvidenceQuota } from './quota.ts'
import { type EvidenceCode, type EvidenceRecord, NOT_PROVEN } from './types.ts'

export interface EvidenceBookInit {
  /** This operator's keys: who accuses one of them is told to the operator (incident 38). */
  readonly own: readonly PublicKey[]
  /** Is this somebody whom this node admits in whatever role? A record about anybody else is of no use to it. */
  readonly isMember: (key: PublicKey) => boolean
  /** Why nothing can be written, if that is so from the start. */
  readonly failure?: string | undefined
  /** Synced when it resolves (fits `ChainedJournal`). */
  readonly journal: { append(payload: string): Promise<unknown> }
  /** What the journal holds already. */
  readonly kept: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Without the record's bytes, which only a file needs. */
export type EvidenceSummary = Omit<EvidenceEntry, 'record'>

export interface EvidenceView {
  readonly records: number
  /** Against a key of this operator, oldest first. */
  readonly accusations: readonly EvidenceSummary[]
  /** Why nothing can be recorded any more; null while all is well. */
  readonly failure: string | null
}

/** Why a record was not taken; also metric labels. */
const REFUSALS = [...NOT_PROVEN, 'malformed', 'not_a_member', 'member_full', 'not_written'] as const
type EvidenceRefusal = (typeof REFUSALS)[number]

/**
 * What this node can prove (docs/ROUNDS.md). Everything is judged before it is written, and one fault is written once: by member,
 * code, round and attempt. A member that cheats for ever fills its own places, and nobody else's.
 */
export class EvidenceBook {
  /** A record that was new here, and is on disk: its bytes, for those who may not have it. */
  readonly recorded = new Emitter<{ readonly bytes: Uint8Array; readonly source: Source }>()
  readonly #c: EvidenceBookInit
  readonly #logger: Logger
  readonly #entries: EvidenceSummary[] = []
  readonly #faults = new Set<string>()
  readonly #ids = new Set<string>()
  /** Other records of faults that are kept: known, so that they are not judged again. */
  readonly #others = new BoundedMap<string, true>(LIMITS.maxEvidenceKnown)
  readonly #quota = new EvidenceQuota()
  /** Bytes of the latest, to be told again. */
  readonly #latest = new BoundedMap<string, Uint8Array>(LIMITS.maxEvidenceRetold)
  readonly #recordedTotal: Counter<'code' | 'source'>
  readonly #refusedTotal: Counter<'reason'>
  readonly #accusedGauge: Gauge<never>
  #failure: string | undefined

  constructor(init: EvidenceBookInit) {
    this.#c = init
    this.#logger = init.logger.child('evidence')
    this.#failure = init.failure
    const { metrics } = init
    this.#recordedTotal = metrics.counter('evidence_recorded_total', 'Provable faults of members, recorded', [
      'code',
      'source',
    ])
    this.#refusedTotal = metrics.counter('evidence_refused_total', 'Accusations that were not recorded', ['reason'])
    this.#accusedGauge = metrics.gauge('evidence_accusations', 'Recorded faults of this operator’s own keys')
    for (const text of init.kept) {
      const entry = parseEntry(text)
      if (entry === undefined) this.#logger.warn('An evidence record can’t be read; it stays in the file')
      else this.#keep(entry)
    }
    this.#showAccusations()
  }

  /** Of this node's own machines. Resolves when it is on disk, or known not to be evidence; never rejects. */
  found(record: EvidenceRecord): Promise<void> {
    return this.#take(record, 'found')
  }

  /** Of another member. Resolves with whether it proves what it says. */
  async heard(bytes: Uint8Array): Promise<boolean> {
    const record = decodeEvidence(bytes)
    if (record === undefined) {
      this.#refuse('malformed')
      return false
    }
    await this.#take(record, 'told')
    return this.has(evidenceId(bytes))
  }

  has(id: string): boolean {
    return this.#ids.has(id) || this.#others.get(id) === true
  }
  latest(): readonly Uint8Array[] {
    return [...this.#latest.values()]
  }
  list(): readonly EvidenceSummary[] {
    return this.#entries
  }
  view(): EvidenceView {
    const accusations = this.#entries.filter((e) => this.#isOwn(e.guilty))
    return { records: this.#entries.length, accusations, failure: this.#failure ?? null }
  }

  async #take(record: EvidenceRecord, source: Source): Promise<void> {
    if (!this.#c.isMember(record.guilty)) return this.#refuse('not_a_member')
    // Before it is judged, which takes signature checks.
    if (this.#quota.isFull(record.guilty)) return this.#refuse('member_full')
    const entry = entryOf(record, source, this.#c.clock.now())
    if (typeof entry === 'string') {
      this.#refuse(entry)
      this.#logger.warn('An accusation does not hold', { member: record.guilty, code: record.code, reason: entry })
      return
    }
    if (this.#faults.has(faultOf(entry))) return void this.#others.set(entry.id, true)
    if (!this.#quota.hasRoom(entry)) return this.#refuse('member_full')
    this.#keep(entry)
    this.#logger.warn('A member’s fault is proven', { ...summaryOf(entry) })
    if (this.#isOwn(entry.guilty)) this.#tellOperator(entry)
    try {
      await this.#c.journal.append(entryText(entry))
    } catch (error) {
      this.#failure = describeError(error)
      this.#refuse('not_written')
      this.#logger.error('Evidence can’t be written', { id: entry.id, error: this.#failure })
    }
    this.#recordedTotal.inc({ code: entry.code, source })
    const bytes = Uint8Array.from(Buffer.from(entry.record, 'base64'))
    this.#latest.set(entry.id, bytes)
    this.recorded.emit({ bytes, source })
  }

  /** In memory before it is on disk, so that the same fault told by two members at once is written once. */
  #keep(entry: EvidenceEntry): void {
    this.#entries.push(summaryOf(entry))
    this.#faults.add(faultOf(entry))
    this.#ids.add(entry.id)
    this.#quota.add(entry)
  }

  /** Incident 38: a node that was convicted must not be the last to hear of it. */
  #tellOperator({ id, code, round }: EvidenceEntry): void {
    this.#showAccusations()
    this.#logger.error('THIS NODE IS ACCUSED, with proof: look at it with "countersign evidence show"', {
      id,
      code,
      round,
    })
  }
  #showAccusations(): void {
    this.#accusedGauge.set({}, this.#entries.filter((e) => this.#isOwn(e.guilty)).length)
  }
  #isOwn(key: PublicKey): boolean {
    return this.#c.own.includes(key)
  }
  #refuse(reason: EvidenceRefusal): void {
    this.#refusedTotal.inc({ reason })
  }
}

/** The same fault shown by other wires, or by another reveal, is the same fault. */
const faultOf = (e: { guilty: PublicKey; code: EvidenceCode; round: string; attempt: number }): string =>
  `${e.guilty}/${e.code}/${e.round}/${e.attempt}`

const summaryOf = ({ record: _, ...summary }: EvidenceEntry): EvidenceSummary => summary
