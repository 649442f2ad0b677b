import { type Clock, CodedError, describeError, LIMITS, type Logger, withDeadline } from '../../base/index.ts'
import type { Space } from '../../store/index.ts'
import type { KeyBackend, KeyHandle } from './backend.ts'
import { KeyError } from './errors.ts'
import { KeyBook, type KeyEntry, newest } from './key-book.ts'
import { checkName } from './label.ts'
import { reconcile } from './reconcile.ts'
import type { KeyCapability, KeyRef } from './types.ts'

export interface KeyServiceInit {
  readonly backend: KeyBackend
  /** Space of the store that lists the keys; belongs to this backend's keys alone. */
  readonly space: Space
  readonly clock: Clock
  readonly logger: Logger
}

/** A version that this node lists and can't use; for its operator, not for the wire. */
export interface KeyTrouble {
  readonly name: string
  readonly version: number
  readonly why: string
}

/** The backend and the list of what it holds, while they are open. */
export class OpenKeys {
  readonly #init: KeyServiceInit
  readonly #troubles = new Map<string, KeyTrouble>()
  #book: KeyBook | undefined

  constructor(init: KeyServiceInit) {
    this.#init = init
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#book !== undefined) return
    const { backend, space, logger } = this.#init
    this.#troubles.clear()
    await this.backend('opening the keys', () => backend.start(signal))
    try {
      const book = await this.listed('reading the list of keys', () => KeyBook.open(space))
      await reconcile({
        book,
        logger,
        ask: (what, work) => this.backend(what, work),
        report: (handle, why) => this.report(handle, why),
      })
      this.#book = book
    } catch (error) {
      await backend.stop()
      throw error
    }
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#book = undefined
  }

  book(): KeyBook {
    if (this.#book === undefined) throw new KeyError('KEY_BACKEND', 'the key service is not running')
    return this.#book
  }

  /** `KEY_NOT_FOUND`, and `BAD_REQUEST` on what is no name. */
  entry(name: string): KeyEntry {
    const book = this.book()
    checkName(name)
    const entry = book.get(name)
    if (entry === undefined) throw new KeyError('KEY_NOT_FOUND', `there is no key ${name}`)
    return entry
  }

  /** The newest version unless one is named; `VERSION_NOT_FOUND`. */
  find({ name, version }: KeyRef): KeyHandle {
    const entry = this.entry(name)
    if (version === undefined) return newest(entry)
    const handle = entry.versions.find((v) => v.version === version)
    if (handle === undefined) throw new KeyError('VERSION_NOT_FOUND', `the key ${name} has no version ${version}`)
    return handle
  }

  requireCapability({ name, capabilities }: KeyHandle, capability: KeyCapability): void {
    if (!capabilities.includes(capability))
      throw new KeyError('KEY_NOT_CAPABLE', `${name} was not made to ${capability}; make a key that is`)
  }

  requireBackend(can: boolean, what: string): void {
    if (!can) throw new KeyError('KEY_NOT_CAPABLE', `the backend ${this.#init.backend.can.name} can't ${what}`)
  }

  /** One call to the backend, within its deadline. What comes out of it is a `KeyError`, whose text stays on this machine. */
  backend<T>(what: string, work: (backend: KeyBackend) => Promise<T>): Promise<T> {
    const { backend, clock } = this.#init
    const call = () => work(backend)
    return asKeyError(what, () => withDeadline(what, LIMITS.keyBackendTimeoutMs, call, undefined, clock))
  }

  /** One call to the list. The store has deadlines of its own: a write that is given up here could still happen. */
  listed<T>(what: string, work: () => Promise<T>): Promise<T> {
    return asKeyError(what, work)
  }

  /** A call to the backend that needs the secret of one version: whether it has it is remembered. */
  async use<T>(handle: KeyHandle, what: string, work: (backend: KeyBackend) => Promise<T>): Promise<T> {
    try {
      const result = await this.backend(what, work)
      this.#troubles.delete(handle.ref)
      return result
    } catch (error) {
      if (error instanceof KeyError && error.code === 'KEY_BACKEND') this.report(handle, error.message)
      throw error
    }
  }

  /** An answer of the backend's that can't be right. */
  failed(handle: KeyHandle, why: string): KeyError {
    this.report(handle, why)
    return new KeyError('KEY_BACKEND', `${handle.name}, version ${handle.version}: ${why}`, { key: handle.name })
  }

  /** Told once, however often a client asks; not kept of a key that was dropped meanwhile. */
  report({ name, version, ref }: KeyHandle, why: string): void {
    if (this.#troubles.get(ref)?.why === why) return
    const isListed = this.#book === undefined || this.#book.get(name)?.versions.some((v) => v.ref === ref) === true
    if (isListed) this.#troubles.set(ref, { name, version, why })
    this.#init.logger.error('a key cannot be used', { key: name, version, why })
  }

  troubles(): readonly KeyTrouble[] {
    return [...this.#troubles.values()]
  }

  isUsable(entry: KeyEntry): boolean {
    return !this.#troubles.has(newest(entry).ref)
  }

  forget(entry: KeyEntry): void {
    for (const { ref } of entry.versions) this.#troubles.delete(ref)
  }
}

async function asKeyError<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KeyError) throw error
    const why = error instanceof CodedError ? error.message : describeError(error)
    throw new KeyError('KEY_BACKEND', `${what} failed (${why}); look at the disk or the device`, {}, { cause: error })
  }
}
