import {
  type Cancel,
  type Clock,
  CodedError,
  describeError,
  LIMITS,
  type Logger,
  type PublicKey,
  type SetHash,
  type Startable,
} from '../base/index.ts'
import { type RegistryWatcher, registryScope, type SignerSet, type Snapshot } from '../registry/index.ts'
import type { Space } from '../store/index.ts'
import { EXPIRY_PATIENCE_MS } from './decide.ts'
import { findSet } from './find-set.ts'
import { KnownSets, type KnownSetsInit, type OwnKnownSet } from './known-sets.ts'
import { decodeRecall, encodeRecall, type OwnRecall, type Recall } from './recall-record.ts'

/** Timers of the platform end at 24 days, approvals at 30: who waits for one looks again after this. */
const LONGEST_WAIT_MS = 3_600_000
/** How soon a recall is granted again whose end the wall clock showed for a moment only. */
const LOOK_AGAIN_MS = 5_000

export interface RecallsInit extends Omit<KnownSetsInit, 'space'> {
  /** Sets that this node saw on chain. */
  readonly sets: Space
  /** Recalls by set hash. */
  readonly recalls: Space
  readonly watcher: Pick<RegistryWatcher, 'latest'>
  /** A recall expires after this, like an approval. */
  readonly ttlMs: number
  /** Told of every change: the sets recalled now, none before the registry was read. The gate hears it first (docs/GATING.md). */
  readonly onRecalled: (sets: readonly SignerSet[]) => void
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Replaced sets, and which of them this operator recalled (R8). A recall is on disk before anyone is admitted by it; it ends by
 * withdrawal, with its time, or when its set is the current one again.
 */
export class Recalls implements Startable {
  readonly #c: RecallsInit
  readonly #known: KnownSets
  readonly #recalls: Map<SetHash, Recall>
  /** Since when every look has found a recall past its end; monotonic. */
  readonly #lapsedSinceMs = new Map<SetHash, number>()
  readonly #prefix: string
  readonly #logger: Logger
  /** Recalls and withdrawals run one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #told = ''
  #cancelTimer: Cancel = () => {}

  private constructor(init: RecallsInit, known: KnownSets, prefix: string, recalls: Map<SetHash, Recall>) {
    this.#c = init
    this.#known = known
    this.#prefix = prefix
    this.#recalls = recalls
    this.#logger = init.logger.child('recall')
  }

  /** Throws `STORE_UNREADABLE`. */
  static async load(init: RecallsInit): Promise<Recalls> {
    const known = await KnownSets.load({ ...init, space: init.sets })
    const prefix = `${registryScope(init.registryId)}/`
    const recalls = new Map<SetHash, Recall>()
    for (const [key, value] of await init.recalls.entries()) {
      if (!key.startsWith(prefix)) continue
      const recall = decodeRecall(known, key.slice(prefix.length), value)
      if (recall === undefined)
        throw new CodedError('STORE_UNREADABLE', `the stored recall ${key} is malformed; restore the data folder`)
      recalls.set(recall.set.hash, recall)
    }
    return new Recalls(init, known, prefix, recalls)
  }

  async start(): Promise<void> {
    this.#settle()
  }
  async stop(): Promise<void> {
    this.#cancelTimer()
    this.#cancelTimer = () => {}
    await this.#work
  }

  /** Was the key in use ever in a set that this node saw on chain, before a restart too? */
  wasMember(): boolean {
    return this.#known.wasMember()
  }

  /** A snapshot was applied: its set is known from now on, and needs no recall. */
  note(snapshot: Snapshot): void {
    if (snapshot.kind !== 'set') return
    const { set, tip } = snapshot
    const noted = this.#known.note({ set, seenAtMs: this.#c.clock.now(), tip }, (hash) => this.#recalls.has(hash))
    this.#inBackground('A signer set could not be recorded', noted)
    this.#settle()
  }

  /**
   * R8: durable, then told. Again: its time begins anew. `name`: the set's hash, or how it begins. Throws `SET_UNKNOWN`,
   * `SET_PREFIX_SHORT`, `SET_AMBIGUOUS`, `SET_CURRENT`, `NOT_A_MEMBER`, `EARLIER_KEY`, `RECALL_LIMIT`, `REGISTRY_UNKNOWN`.
   */
  recall(name: string): Promise<Recall> {
    return this.#alone(async () => {
      const set = this.#recallable(name)
      const approvedAtMs = this.#c.clock.now()
      const recall: Recall = { set, approvedAtMs, expiresAtMs: approvedAtMs + this.#c.ttlMs }
      await this.#c.recalls.put(this.#prefix + set.hash, encodeRecall(recall))
      this.#recalls.set(set.hash, recall)
      this.#logger.warn('Replaced signer set recalled', { setHash: set.hash, keys: set.keys })
      this.#settle()
      return recall
    })
  }

  /**
   * Told first, then durable: whoever is no longer wanted must not stay for a slow disk. `name` as for `recall`, among the
   * sets that are recalled. Throws `SET_NOT_RECALLED`, `SET_PREFIX_SHORT`, `SET_AMBIGUOUS`.
   */
  withdraw(name: string): Promise<Recall> {
    return this.#alone(async () => {
      const live = this.#live()
      const hash = findSet(
        name,
        live.map((r) => r.set.hash),
      )
      const recall = live.find((r) => r.set.hash === hash)
      if (recall === undefined)
        throw new CodedError(
          'SET_NOT_RECALLED',
          'this node has recalled no such set, or its time is over: `countersign rotation recall` lists them',
        )
      this.#recalls.delete(recall.set.hash)
      this.#lapsedSinceMs.delete(recall.set.hash)
      this.#logger.info('Recall withdrawn', { setHash: hash })
      this.#settle()
      await this.#c.recalls.delete(this.#prefix + recall.set.hash)
      return recall
    })
  }

  /** Recalls that stand now. */
  list(): readonly OwnRecall[] {
    return this.#live().map((recall) => {
      const key = this.#known.ownKeyIn(recall.set)
      return key === undefined || key === this.#c.self ? recall : { ...recall, earlierKey: key }
    })
  }

  /** Replaced sets that this node was a member of, the latest first; those of its key in use could be recalled. */
  replaced(): readonly OwnKnownSet[] {
    const current = this.#current()
    return this.#known.own().filter(({ set }) => set.hash !== current?.hash)
  }

  #recallable(text: string): SignerSet {
    const current = this.#current()
    if (current === undefined)
      throw new CodedError('REGISTRY_UNKNOWN', 'the registry has shown no signer set yet: see `countersign status`')
    const hash = findSet(text, [current.hash, ...this.#known.all().map(({ set }) => set.hash)])
    if (hash === current.hash)
      throw new CodedError('SET_CURRENT', 'this is the current set: it signs without a recall, and can not be recalled')
    const set = hash && this.#known.get(hash)?.set
    if (set === undefined)
      throw new CodedError(
        'SET_UNKNOWN',
        'this node saw no set of this hash on chain: `countersign rotation recall` lists those that it can recall',
      )
    const own = this.#known.ownKeyIn(set)
    if (own === undefined)
      throw new CodedError('NOT_A_MEMBER', 'this node was not a member of that set, and holds no share of its key')
    if (own !== this.#c.self) throw earlierKey(set, own)
    const others = this.#live().filter((r) => r.set.hash !== hash)
    if (others.length >= LIMITS.maxRecalledSets)
      throw new CodedError(
        'RECALL_LIMIT',
        `${others.length} sets are recalled already, and no more may be at once: withdraw one with --withdraw`,
      )
    return set
  }

  #current(): SignerSet | undefined {
    const snapshot = this.#c.watcher.latest()
    return snapshot?.kind === 'set' ? snapshot.set : undefined
  }

  #live(): readonly Recall[] {
    const nowMs = this.#c.clock.now()
    const current = this.#current()
    return [...this.#recalls.values()].filter((r) => r.expiresAtMs > nowMs && r.set.hash !== current?.hash)
  }

  /** Tells of a change, drops what is over, and waits for the next end. */
  #settle(): void {
    this.#cancelTimer()
    this.#cancelTimer = () => {}
    // R5, R6: by no reading at all, nobody is admitted.
    if (this.#current() === undefined) return
    const live = this.#live()
    const isLapsed = this.#dropOver(live)
    // R7: a recall that was made under an earlier key admits nobody, because this one could do nothing with them.
    const usable = live.map((r) => r.set).filter((set) => this.#known.ownKeyIn(set) === this.#c.self)
    const names = usable.map((set) => set.hash).join()
    if (names !== this.#told) {
      this.#told = names
      this.#c.onRecalled(usable)
    }
    if (live.length === 0 && !isLapsed) return
    const nextEndMs = Math.min(...live.map((r) => r.expiresAtMs)) - this.#c.clock.now()
    const waitMs = isLapsed ? Math.min(nextEndMs, LOOK_AGAIN_MS) : nextEndMs
    this.#cancelTimer = this.#c.clock.after(Math.min(waitMs, LONGEST_WAIT_MS), () => this.#settle())
  }

  /**
   * Past its end a recall grants nothing, but it is deleted only when every look for a while found it so: a wall clock that is
   * wrong for a moment comes back, and a deleted recall does not. True if there is such a one.
   */
  #dropOver(live: readonly Recall[]): boolean {
    const { clock } = this.#c
    const nowMs = clock.monotonicMs()
    for (const { set } of live) this.#lapsedSinceMs.delete(set.hash)
    for (const hash of [...this.#recalls.keys()]) {
      if (live.some((r) => r.set.hash === hash)) continue
      const sinceMs = this.#lapsedSinceMs.get(hash) ?? nowMs
      this.#lapsedSinceMs.set(hash, sinceMs)
      if (hash === this.#current()?.hash || nowMs >= sinceMs + EXPIRY_PATIENCE_MS) this.#end(hash)
    }
    return this.#lapsedSinceMs.size > 0
  }

  #end(hash: SetHash): void {
    this.#recalls.delete(hash)
    this.#lapsedSinceMs.delete(hash)
    this.#logger.info('A recall is over: its time has come, or its set is the current one again', { setHash: hash })
    this.#inBackground('A recall that is over could not be deleted', this.#c.recalls.delete(this.#prefix + hash))
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#work.then(work)
    this.#work = Promise.allSettled([mine])
    return mine
  }

  /** Nobody waits for it but `stop`; a store that fails stops the node by itself (R30). */
  #inBackground(what: string, done: Promise<void>): void {
    const told = done.catch((error: unknown) => this.#logger.error(what, { error: describeError(error) }))
    this.#work = Promise.allSettled([this.#work, told])
  }
}

/**
 * R7: the share is sealed to the earlier key's file, and only under that key do the other members know this node. What helps
 * is said, because the operator is here for money that is stuck.
 */
function earlierKey({ keys, threshold }: SignerSet, own: PublicKey): CodedError {
  const others = keys.length - 1
  const without =
    others < threshold
      ? `needs all ${keys.length} of its members`
      : `can sign without this node if ${threshold} of its other ${others} members recall it`
  return new CodedError(
    'EARLIER_KEY',
    `this node was in that set under its earlier key ${own}, and its share there is sealed to that key's file: under the key in use it can't help. The set ${without}. To help with this share, start this node with the earlier key as [identity] key_file and no next_… keys, and recall the set there; until it is started as it was, it doesn't sign for the current set`,
    { earlierKey: own },
  )
}
