import { describeError, equalBytes, type GroupKey, type Logger } from '../base/index.ts'
import type { Space } from '../store/index.ts'
import { type Binding, decodeBinding, encodeBinding, SIGNATURE_BYTES } from './binding-record.ts'
import { SignerError } from './errors.ts'
import { hashOfItems } from './request-shape.ts'
import type { SignItem, ThresholdRequest } from './types.ts'

/** Bindings that nobody is using but that stay in memory, up to 10 KiB each (64 signatures); the others are read from the store again. */
const MAX_IDLE_BINDINGS = 2_000

/** A consent that is asked for again is written again if it lasts this much longer: a bridge that asks every second costs no sync each time. */
const RENEWAL_STEP_MS = 60_000

/**
 * What each (key, request id) was first used for (R27). Written only after this operator's own policy approved, never by a peer's message.
 * After one failed write or read everything is refused with `BINDINGS_FAILED`, and the process should stop (R30).
 */
export interface RequestBindings {
  /**
   * Binds the request, or finds what it is bound to already; on disk when it resolves, signatures too. `equivocation` if that is something else.
   * The consent stands until `expiresAtMs`: the same request may prolong it, nothing shortens it.
   */
  bind(request: ThresholdRequest): Promise<Binding | 'equivocation'>
  /** What stands on disk; never writes and never grows, so peers may cause it. */
  lookup(groupKey: GroupKey, requestId: string): Promise<Binding | undefined>
  /** Keeps the first verified signatures of a bound request and resolves with those kept, once they are on disk (R28). */
  remember(request: ThresholdRequest, signatures: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
}

export interface RequestBindingsInit {
  readonly space: Space
  readonly logger: Logger
  /** Called once, at the first failed write or read. */
  readonly onFatal: (error: SignerError) => void
  readonly maxIdle?: number
}

interface Entry {
  /** The one answer for this key, whoever asked first: stored earlier, or made now. */
  readonly binding: Promise<Kept>
  users: number
}

interface Kept {
  readonly itemsHash: Uint8Array
  signatures: readonly Uint8Array[] | undefined
  untilMs: number | undefined
  /** As it stands on disk. */
  savedUntilMs: number | undefined
  /** The last write that matters. */
  saved: Promise<void>
}

export const requestBindings = (init: RequestBindingsInit): RequestBindings => new DurableBindings(init)

export const isBoundTo = (binding: Binding, items: readonly SignItem[]): boolean =>
  equalBytes(binding.itemsHash, hashOfItems(items))

class DurableBindings implements RequestBindings {
  readonly #init: RequestBindingsInit
  readonly #entries = new Map<string, Entry>()
  #fatal: SignerError | undefined

  constructor(init: RequestBindingsInit) {
    this.#init = init
  }

  async bind(request: ThresholdRequest): Promise<Binding | 'equivocation'> {
    // Check and reserve happen in this call's synchronous part (R30): the entry stands before anything is awaited.
    return this.#use(request, async (entry) => {
      const binding = await entry.binding
      if (!isBoundTo(binding, request.items)) return 'equivocation'
      await this.#prolong(binding, request)
      return standing(binding)
    })
  }

  async lookup(groupKey: GroupKey, requestId: string): Promise<Binding | undefined> {
    this.#assertSound()
    const key = keyOf(groupKey, requestId)
    const entry = this.#entries.get(key)
    if (entry !== undefined) return standing(await entry.binding)
    const stored = await this.#critical(() => this.#init.space.get(key))
    return stored === undefined ? undefined : decodeBinding(key, stored)
  }

  async remember(request: ThresholdRequest, signatures: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    // Signatures never make a binding: only this operator's own request does (R27).
    const bound = await this.lookup(request.groupKey, request.requestId)
    if (bound === undefined || !isBoundTo(bound, request.items))
      throw new SignerError('SIGNATURE_INVALID', 'signatures were made for items that their request is not bound to')
    if (signatures.length !== request.items.length || signatures.some((s) => s.length !== SIGNATURE_BYTES))
      throw new SignerError(
        'SIGNATURE_INVALID',
        'a request was answered with fewer or other signatures than it has items',
      )
    return this.#use(request, async (entry) => {
      const binding = await entry.binding
      if (binding.signatures === undefined) {
        const kept = signatures.map((s) => Uint8Array.from(s))
        binding.signatures = kept
        this.#save(keyOf(request.groupKey, request.requestId), binding)
      }
      const kept = binding.signatures
      await binding.saved
      return kept
    })
  }

  /** Entries in use are never dropped from memory, so there is one entry per key at any time. */
  async #use<T>(request: ThresholdRequest, work: (entry: Entry) => Promise<T>): Promise<T> {
    this.#assertSound()
    const key = keyOf(request.groupKey, request.requestId)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { binding: this.#loadOrMake(key, request), users: 0 }
      this.#entries.set(key, entry)
    }
    entry.users++
    try {
      const result = await work(entry)
      this.#assertSound()
      return result
    } finally {
      entry.users--
      this.#dropIdle()
    }
  }

  async #loadOrMake(key: string, { items, expiresAtMs: untilMs }: ThresholdRequest): Promise<Kept> {
    // Taken before the first wait: the caller's list is his own.
    const itemsHash = hashOfItems(items)
    const stored = await this.#critical(() => this.#init.space.get(key))
    if (stored !== undefined) {
      const known = decodeBinding(key, stored)
      return { ...known, savedUntilMs: known.untilMs, saved: Promise.resolve() }
    }
    const made: Kept = { itemsHash, signatures: undefined, untilMs, savedUntilMs: untilMs, saved: Promise.resolve() }
    this.#save(key, made)
    await made.saved
    return made
  }

  /** What a crash may lose of this is time, never the binding: the bridge asks again. */
  async #prolong(binding: Kept, { groupKey, requestId, expiresAtMs }: ThresholdRequest): Promise<void> {
    if (binding.untilMs === undefined || expiresAtMs === undefined || expiresAtMs <= binding.untilMs) return
    binding.untilMs = expiresAtMs
    if (expiresAtMs - (binding.savedUntilMs ?? 0) < RENEWAL_STEP_MS) return
    this.#save(keyOf(groupKey, requestId), binding)
    await binding.saved
  }

  #save(key: string, binding: Kept): void {
    const { itemsHash, signatures, untilMs } = binding
    const record = encodeBinding({ itemsHash, signatures, untilMs })
    binding.savedUntilMs = untilMs
    binding.saved = this.#critical(() => this.#init.space.put(key, record))
  }

  #dropIdle(): void {
    const max = this.#init.maxIdle ?? MAX_IDLE_BINDINGS
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= max) return
      if (entry.users === 0) this.#entries.delete(key)
    }
  }

  async #critical<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #fail(cause: unknown): SignerError {
    if (this.#fatal !== undefined) return this.#fatal
    const error = new SignerError(
      'BINDINGS_FAILED',
      `request bindings could not be read or written (${describeError(cause)}); nothing is signed any more, check the disk and start the node again`,
      {},
      { cause },
    )
    this.#fatal = error
    this.#init.logger.error('request bindings failed; signing stops', { error: describeError(cause) })
    queueMicrotask(() => this.#init.onFatal(error))
    return error
  }

  #assertSound(): void {
    if (this.#fatal !== undefined) throw this.#fatal
  }
}

/** As it is now, once that is on disk: a crash must not take back signatures that a repeat was answered with (R28). */
async function standing({ itemsHash, signatures, untilMs, saved }: Kept): Promise<Binding> {
  await saved
  return { itemsHash, signatures, untilMs }
}

const keyOf = (groupKey: GroupKey, requestId: string) => `${groupKey}/${requestId}`
