import { type Clock, type GroupKey, LIMITS, type Logger, type PublicKey, type SetHash } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import {
  type HandoffItem,
  type HandoffList,
  type HeardHandoffs,
  handoffRequest,
  isHandoffRequest,
  nameOfItem,
  type PendingSpec,
  type SignDriver,
  verifyHandoff,
} from '../rounds/index.ts'
import type { Space } from '../store/index.ts'
import type { HandoffFacts } from './decide.ts'
import { dropOldHandoffs, type HandoffRecord, saveHandoff } from './handoff-record.ts'

/** Rounds of one handoff at once. */
const PARALLEL = 8
/** Wrong signatures that one member may show for one digest: each costs a check. */
const MAX_WRONG = 4

/** What `rounds` is asked for a signature with. */
export type HandoffRounds = Pick<SignDriver, 'sign'>
/** Does this node take part in signing this? */
export type HandoffRequest = Parameters<typeof isHandoffRequest>[0]

export interface HandoffInit {
  readonly self: PublicKey
  readonly spec: PendingSpec
  readonly rounds: HandoffRounds
  readonly space: Space
  /** Ends rounds when the node stops or the pending set is over. */
  readonly signal: AbortSignal
  /** A list or signature of this node changed: tell the others, and look again. */
  readonly onChange: (list: HandoffList) => void
  readonly clock: Clock
  readonly logger: Logger
}

/** What the old key is to sign before rotate-keys (R29): this operator's list, and how far it is. */
export class Handoff {
  readonly #c: HandoffInit
  readonly #logger: Logger
  #own: HandoffRecord | undefined
  #heard: HeardHandoffs = new Map()
  /** Since when enough members list an own digest, by name: whose turn it is to ask counts from here. */
  readonly #readySinceMs = new Map<string, number>()
  readonly #wrong = new Map<string, number>()
  #writing: Promise<unknown> = Promise.resolve()
  #signing = false
  #triedAtMs = Number.NEGATIVE_INFINITY
  #lastFailure: string | undefined

  /** `own`: as it was loaded from `space`. */
  constructor(init: HandoffInit, own: HandoffRecord | undefined) {
    this.#c = init
    this.#own = own
    this.#logger = init.logger.child('handoff')
  }

  get own(): HandoffRecord | undefined {
    return this.#own
  }
  get heard(): HeardHandoffs {
    return this.#heard
  }
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  /** This operator's word: on disk, then told. Signatures of digests that stay are kept; the same list again is harmless. */
  list(groupKey: GroupKey, items: readonly HandoffItem[], hold: boolean): Promise<void> {
    return this.#alone(() => this.#list(groupKey, items, hold))
  }

  async #list(groupKey: GroupKey, items: readonly HandoffItem[], hold: boolean): Promise<void> {
    const { space, spec, clock } = this.#c
    const before = this.#own
    if (before?.hold === hold && before.items.map(nameOfItem).join() === items.map(nameOfItem).join()) return
    const names = new Set(items.map(nameOfItem))
    const signatures = new Map([...(before?.signatures ?? [])].filter(([name]) => names.has(name)))
    const revision = Math.max((before?.revision ?? 0) + 1, clock.now())
    if (before === undefined) await dropOldHandoffs(space, spec.id)
    const record = { pendingId: spec.id, groupKey, revision, hold, items, signatures }
    await saveHandoff(space, record)
    this.#own = record
    for (const name of [...this.#readySinceMs.keys()]) if (!names.has(name)) this.#readySinceMs.delete(name)
    this.#lastFailure = undefined
    this.#triedAtMs = Number.NEGATIVE_INFINITY
    this.#c.onChange(record)
  }

  /** R27: this operator's consent is its list, and nothing beside it. */
  consents(request: HandoffRequest): boolean {
    const own = this.#own
    return own !== undefined && isHandoffRequest(request, this.#c.spec.id, own.groupKey, own.items)
  }

  /** Takes in what others say; of it only signatures that verify under the old key are believed. */
  async hear(heard: HeardHandoffs): Promise<void> {
    this.#heard = heard
    this.#noteReady()
    for (const { item, name } of this.#unsigned())
      for (const [author, { signatures }] of heard) {
        const signature = signatures.get(name)
        if (signature === undefined || !this.#verifies(author, item, signature)) continue
        await this.#keep(item, signature)
        break
      }
  }

  facts(): HandoffFacts {
    const items = this.#own?.items ?? []
    return {
      hold: this.#own?.hold ?? false,
      listed: items.map((item) => {
        const name = nameOfItem(item)
        const signed = this.#own?.signatures.has(name) ?? false
        return { name, signed, by: this.listedBy(item), readySinceMs: this.#readySinceMs.get(name) }
      }),
      signing: this.#signing,
      triedAtMs: this.#triedAtMs,
    }
  }

  /** Members of the current set that list it, this one included; in the set's order. */
  listedBy(item: HandoffItem): readonly PublicKey[] {
    const name = nameOfItem(item)
    const lists = (key: PublicKey) => (key === this.#c.self ? this.#own : this.#heard.get(key))?.items ?? []
    return this.#c.spec.currentKeys.filter((key) => lists(key).some((listed) => nameOfItem(listed) === name))
  }

  /** Asks the old key for these digests. Returns at once; one run at a time. */
  sign(names: readonly string[]): void {
    const wanted = this.#unsigned().filter(({ name }) => names.includes(name))
    if (this.#signing || wanted.length === 0) return
    this.#signing = true
    this.#lastFailure = undefined
    this.#signAll(wanted.map(({ item }) => item))
      // A store that fails stops the node by itself (R30); of the rounds nothing throws.
      .catch((error: unknown) => this.#failed(String(error)))
      .finally(() => {
        this.#signing = false
        this.#triedAtMs = this.#c.clock.now()
        if (this.#own !== undefined && !this.#c.signal.aborted) this.#c.onChange(this.#own)
      })
  }

  async #signAll(items: readonly HandoffItem[]): Promise<void> {
    const queue = [...items]
    const work = async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await this.#signOne(item)
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
  }

  async #signOne(item: HandoffItem): Promise<void> {
    const { rounds, spec, clock, signal } = this.#c
    const groupKey = this.#own?.groupKey
    if (groupKey === undefined || signal.aborted) return
    const request = handoffRequest(spec.id, groupKey, item)
    const result = await rounds.sign(request, clock.now() + LIMITS.signTimeoutMs, signal)
    const [signature] = result.ok ? result.signatures : []
    if (signature !== undefined && verifyHandoff(groupKey, item, signature)) return await this.#keep(item, signature)
    this.#failed(result.ok ? 'a sign round ended with a signature that does not verify' : result.message)
  }

  #failed(why: string): void {
    if (this.#c.signal.aborted) return
    this.#lastFailure = `the old key could not sign what was listed: ${why}`
    this.#logger.info('A digest of the handoff is not signed yet', { why })
  }

  /** R28: the first that verified stays. Nothing is kept of what is not listed any more. */
  #keep(item: HandoffItem, signature: Uint8Array): Promise<void> {
    return this.#alone(() => this.#keepFirst(item, signature))
  }

  async #keepFirst(item: HandoffItem, signature: Uint8Array): Promise<void> {
    const own = this.#own
    const name = nameOfItem(item)
    if (own === undefined || own.signatures.has(name) || !own.items.some((i) => nameOfItem(i) === name)) return
    const record = { ...own, signatures: new Map([...own.signatures, [name, signature.slice()]]) }
    await saveHandoff(this.#c.space, record)
    this.#own = record
    this.#logger.info('The old key signed a digest of the handoff', { digest: item.digest })
    this.#c.onChange(record)
  }

  /** What is written last must hold all that was written before it. */
  #alone(work: () => Promise<void>): Promise<void> {
    const mine = this.#writing.then(work)
    this.#writing = Promise.allSettled([mine])
    return mine
  }

  #unsigned(): readonly { readonly item: HandoffItem; readonly name: string }[] {
    const own = this.#own
    if (own === undefined) return []
    return own.items.map((item) => ({ item, name: nameOfItem(item) })).filter(({ name }) => !own.signatures.has(name))
  }

  #noteReady(): void {
    for (const { item, name } of this.#unsigned()) {
      if (this.listedBy(item).length < this.#c.spec.currentThreshold) this.#readySinceMs.delete(name)
      else if (!this.#readySinceMs.has(name)) this.#readySinceMs.set(name, this.#c.clock.now())
    }
  }

  #verifies(author: PublicKey, item: HandoffItem, signature: Uint8Array): boolean {
    const groupKey = this.#own?.groupKey
    const key = `${author}/${nameOfItem(item)}`
    const wrong = this.#wrong.get(key) ?? 0
    if (groupKey === undefined || wrong >= MAX_WRONG) return false
    if (verifyHandoff(groupKey, item, signature)) return true
    this.#wrong.set(key, wrong + 1)
    this.#logger.warn('A member told a signature that does not verify', { author, digest: item.digest })
    return false
  }
}

/** The key that `spec` replaces, while the snapshot still holds it. */
export const oldKeyOf = (snapshot: Snapshot, parentSetHash: SetHash): GroupKey | undefined =>
  snapshot.kind === 'set' && snapshot.set.hash === parentSetHash ? snapshot.set.groupKey : undefined
