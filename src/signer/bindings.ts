import { describeError, encodeFields, equalBytes, type GroupKey, type Logger } from '../base/index.ts'
import type { Space } from '../store/index.ts'
import { SignerError } from './errors.ts'
import { decodeFields } from './fields.ts'
import { hashOfItem } from './request-shape.ts'
import type { SignItem, ThresholdRequest } from './types.ts'

/** Bindings that nobody is using but that stay in memory, about 400 bytes each; the others are read from the store again. */
const MAX_IDLE_BINDINGS = 10_000

/** A binding that is on disk. */
export interface Binding {
  /** `hashOfItem` of what the request id stands for, 32 bytes. */
  readonly itemHash: Uint8Array
  /** First signature that was verified for it (R28), 64 bytes. */
  readonly signature: Uint8Array | undefined
}

/**
 * What each (key, request id) was first used for (R27). Written only after this operator's own policy approved, never by a peer's message.
 * After one failed write or read everything is refused with `BINDINGS_FAILED`, and the process should stop (R30).
 */
export interface RequestBindings {
  /** Binds the request, or finds what it is bound to already; on disk when it resolves. `equivocation` if that is something else. */
  bind(request: ThresholdRequest): Promise<Binding | 'equivocation'>
  /** What stands on disk; never writes and never grows, so peers may cause it. */
  lookup(groupKey: GroupKey, requestId: string): Promise<Binding | undefined>
  /** Keeps the first verified signature of a bound request and resolves with the one kept, once it is on disk (R28). */
  remember(request: ThresholdRequest, signature: Uint8Array): Promise<Uint8Array>
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
  readonly binding: Promise<{ itemHash: Uint8Array; signature: Uint8Array | undefined; saved: Promise<void> }>
  users: number
}

export const requestBindings = (init: RequestBindingsInit): RequestBindings => new DurableBindings(init)

export const isSameItem = (binding: Binding, item: SignItem): boolean => equalBytes(binding.itemHash, hashOfItem(item))

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
      return isSameItem(binding, request.item) ? binding : 'equivocation'
    })
  }

  async lookup(groupKey: GroupKey, requestId: string): Promise<Binding | undefined> {
    this.#assertSound()
    const key = keyOf(groupKey, requestId)
    const entry = this.#entries.get(key)
    if (entry !== undefined) return entry.binding
    const stored = await this.#critical(() => this.#init.space.get(key))
    return stored === undefined ? undefined : decode(key, stored)
  }

  async remember(request: ThresholdRequest, signature: Uint8Array): Promise<Uint8Array> {
    // A signature never makes a binding: only this operator's own request does (R27).
    const bound = await this.lookup(request.groupKey, request.requestId)
    if (bound === undefined || !isSameItem(bound, request.item))
      throw new SignerError('SIGNATURE_INVALID', 'a signature was made for an item that its request is not bound to')
    return this.#use(request, async (entry) => {
      const binding = await entry.binding
      if (binding.signature === undefined) {
        const kept = Uint8Array.from(signature)
        binding.signature = kept
        const record = encodeFields(binding.itemHash, kept)
        binding.saved = this.#critical(() => this.#init.space.put(keyOf(request.groupKey, request.requestId), record))
      }
      const kept = binding.signature
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
      entry = { binding: this.#loadOrMake(key, hashOfItem(request.item)), users: 0 }
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

  async #loadOrMake(key: string, itemHash: Uint8Array): Promise<Awaited<Entry['binding']>> {
    const stored = await this.#critical(() => this.#init.space.get(key))
    if (stored !== undefined) return { ...decode(key, stored), saved: Promise.resolve() }
    await this.#critical(() => this.#init.space.put(key, encodeFields(itemHash, NO_SIGNATURE)))
    return { itemHash, signature: undefined, saved: Promise.resolve() }
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

const NO_SIGNATURE = new Uint8Array(0)
const keyOf = (groupKey: GroupKey, requestId: string) => `${groupKey}/${requestId}`

function decode(key: string, bytes: Uint8Array): Binding {
  const [itemHash, signature] = decodeFields(bytes, 2) ?? []
  if (itemHash?.length !== 32 || (signature?.length !== 0 && signature?.length !== 64))
    throw new SignerError('BINDINGS_UNREADABLE', `the stored binding ${key} is malformed; restore the data folder`, {
      key,
    })
  return { itemHash: itemHash.slice(), signature: signature.length === 0 ? undefined : signature.slice() }
}
