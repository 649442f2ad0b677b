import type { Clock, GroupKey, Logger, PublicKey, SetHash } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'
import {
  type HandoffItem,
  type HandoffList,
  type HeardHandoffs,
  isHandoffRequest,
  maxItemsFor,
  nameOfItem,
  type PendingSpec,
  verifyHandoff,
} from '../rounds/index.ts'
import type { Space } from '../store/index.ts'
import type { HandoffFacts } from './decide.ts'
import { handoffBatches } from './handoff-batches.ts'
import { dropOldHandoffs, type HandoffRecord, saveHandoff, signaturesUnder } from './handoff-record.ts'
import { type HandoffRounds, HandoffSigning, type Signed } from './handoff-signing.ts'

/** Wrong signatures that one member may show for one digest: each costs a check. */
const MAX_WRONG = 4

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
  readonly #signing: HandoffSigning
  #writing: Promise<unknown> = Promise.resolve()

  /** `own`: as it was loaded from `space`. */
  constructor(init: HandoffInit, own: HandoffRecord | undefined) {
    this.#c = init
    this.#own = own
    this.#logger = init.logger.child('handoff')
    const { rounds, clock, signal } = init
    this.#signing = new HandoffSigning({
      ...{ rounds, clock, signal, pendingId: init.spec.id, logger: this.#logger },
      keep: (signed) => this.#keep(signed),
    })
  }

  get own(): HandoffRecord | undefined {
    return this.#own
  }
  get heard(): HeardHandoffs {
    return this.#heard
  }
  /** What was not signed when it was last asked for, and why; undefined if nothing failed. */
  get lastFailure(): string | undefined {
    const unsigned = this.#unsigned().map(({ item }) => item)
    return this.#signing.lastFailure(unsigned, this.#own?.items.length ?? 0)
  }
  /** Why the old key did not sign this own item when it was last asked to; undefined once it is signed. */
  failureOf(item: HandoffItem): string | undefined {
    const name = nameOfItem(item)
    return this.#own?.signatures.has(name) ? undefined : this.#signing.failures.get(name)
  }

  /** This operator's word: on disk, then told. No signature is forgotten for it; the same list again is harmless. */
  list(groupKey: GroupKey, items: readonly HandoffItem[], hold: boolean): Promise<void> {
    return this.#alone(() => this.#list(groupKey, items, hold))
  }

  async #list(groupKey: GroupKey, items: readonly HandoffItem[], hold: boolean): Promise<void> {
    const { space, spec, clock } = this.#c
    const before = this.#own
    if (before?.hold === hold && before.items.map(nameOfItem).join() === items.map(nameOfItem).join()) return
    const names = new Set(items.map(nameOfItem))
    const revision = Math.max((before?.revision ?? 0) + 1, clock.now())
    if (before === undefined) await dropOldHandoffs(space, spec.id)
    const record = { pendingId: spec.id, groupKey, revision, hold, items, ...signaturesUnder(items, before) }
    await saveHandoff(space, record)
    this.#own = record
    for (const name of [...this.#readySinceMs.keys()]) if (!names.has(name)) this.#readySinceMs.delete(name)
    this.#signing.startAfresh()
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
    const found = this.#unsigned().flatMap(({ item, name }): Signed[] => {
      for (const [author, { signatures }] of heard) {
        const signature = signatures.get(name)
        if (signature !== undefined && this.#verifies(author, item, signature)) return [{ item, signature }]
      }
      return []
    })
    if (found.length > 0) await this.#keep(found)
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
      signing: this.#signing.isRunning,
      triedAtMs: this.#signing.triedAtMs,
    }
  }

  /** Members of the current set that list it, this one included; in the set's order. */
  listedBy(item: HandoffItem): readonly PublicKey[] {
    const name = nameOfItem(item)
    const lists = (key: PublicKey) => (key === this.#c.self ? this.#own : this.#heard.get(key))?.items ?? []
    return this.#c.spec.currentKeys.filter((key) => lists(key).some((listed) => nameOfItem(listed) === name))
  }

  /** Asks the old key for these digests, as many in one request as the same members list. Returns at once; one run at a time. */
  sign(names: readonly string[]): void {
    const own = this.#own
    const wanted = this.#unsigned().filter(({ name }) => names.includes(name))
    if (own === undefined || this.#signing.isRunning || wanted.length === 0) return
    const batches = handoffBatches(
      wanted.map(({ item }) => item),
      (item) => this.listedBy(item),
      maxItemsFor(this.#c.spec.currentThreshold),
    )
    void this.#signing.run(own.groupKey, batches).then(() => {
      if (this.#own !== undefined && !this.#c.signal.aborted) this.#c.onChange(this.#own)
    })
  }

  /** R28: the first that verified stays. Nothing is kept of what is not listed any more. One write: what is signed together stays so. */
  #keep(signed: readonly Signed[]): Promise<void> {
    return this.#alone(() => this.#keepFirst(signed))
  }

  async #keepFirst(signed: readonly Signed[]): Promise<void> {
    const own = this.#own
    if (own === undefined) return
    const open = new Set(this.#unsigned().map(({ name }) => name))
    const fresh = signed.filter(({ item }) => open.has(nameOfItem(item)))
    if (fresh.length === 0) return
    const added = fresh.map(({ item, signature }) => [nameOfItem(item), signature.slice()] as const)
    const record = { ...own, signatures: new Map([...own.signatures, ...added]) }
    await saveHandoff(this.#c.space, record)
    this.#own = record
    for (const { item } of fresh)
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
      else if (!this.#readySinceMs.has(name)) this.#readySinceMs.set(name, this.#c.clock.monotonicMs())
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
