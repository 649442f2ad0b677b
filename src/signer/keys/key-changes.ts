import { describeError, LIMITS, toHex } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import { DropTokens } from './drop-tokens.ts'
import { KeyError } from './errors.ts'
import { type KeyBook, type KeyEntry, newest } from './key-book.ts'
import { badRequest, checkSpec } from './label.ts'
import type { KeyServiceInit, OpenKeys } from './open-keys.ts'
import type { KeySpec } from './types.ts'

/**
 * What changes the list of keys, one change after the other, so that what one checks still holds when it writes. A secret is made
 * before its key is listed, and the list is on disk before anybody is told: an answer stands whatever crashes then.
 */
export class KeyChanges {
  readonly #init: KeyServiceInit
  readonly #keys: OpenKeys
  readonly #tokens: DropTokens
  /** The last change; how many clients may wait for theirs is bounded where requests come in. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: KeyServiceInit, keys: OpenKeys) {
    this.#init = init
    this.#keys = keys
    this.#tokens = new DropTokens(init.clock)
  }

  generate(spec: KeySpec): Promise<KeyEntry> {
    return this.#change(async (book) => {
      const checked = checkSpec(spec)
      this.#requireType(checked.type)
      this.#checkRoom(book, checked.name)
      const label = { ...checked, id: toHex(randomBytes(16)), version: 1, createdAtMs: this.#init.clock.now() }
      const handle = await this.#keys.backend('making a key', (b) => b.generate(label))
      return this.#keep(book, { versions: [handle], isDropped: false }, 'a key was made')
    })
  }

  rotate(name: string): Promise<KeyEntry> {
    return this.#change(async (book) => {
      const entry = this.#keys.entry(name)
      const { ref: _, publicKey: __, ...label } = newest(entry)
      this.#requireType(label.type)
      if (label.version >= LIMITS.maxKeyVersions)
        throw new KeyError('TOO_MANY_KEYS', `${name} has ${label.version} versions; make a new key for its role`)
      const next = { ...label, version: label.version + 1, createdAtMs: this.#init.clock.now() }
      const handle = await this.#keys.backend('making a key', (b) => b.generate(next))
      return this.#keep(book, { ...entry, versions: [...entry.versions, handle] }, 'a key was rotated')
    })
  }

  provision(sealed: Uint8Array): Promise<KeyEntry> {
    return this.#change(async (book) => {
      this.#keys.requireBackend(this.#init.backend.can.import, 'take keys in')
      if (sealed.length > LIMITS.maxKeyBackupBytes)
        throw badRequest('sealed', `at most ${LIMITS.maxKeyBackupBytes} bytes`)
      const versions = await this.#keys.backend('taking a key in', (b) =>
        b.importSealed(sealed, ([label]) => {
          if (label === undefined) throw new KeyError('KEY_UNREADABLE', 'that backup holds no version of a key')
          if (book.all().some((entry) => newest(entry).id === label.id)) throw exists(`${label.name}, by its id`)
          this.#checkRoom(book, label.name)
        }),
      )
      return this.#keep(book, { versions, isDropped: false }, 'a key was provisioned')
    })
  }

  /** Answers a token for the first step, nothing for the second. */
  drop(name: string, token: Uint8Array | undefined): Promise<Uint8Array | undefined> {
    return this.#change(async (book) => {
      const entry = this.#keys.entry(name)
      const { id, role } = newest(entry)
      if (!book.all().some((other) => other !== entry && newest(other).role === role && this.#keys.isUsable(other)))
        throw new KeyError('KEY_LAST_OF_ROLE', `${name} is the last key for ${role}; make another one for it first`)
      if (token === undefined) return this.#tokens.issue(id)
      if (!this.#tokens.fits(id, token))
        throw badRequest('token', 'what the first step answered, within ten minutes; begin again without one')
      this.#tokens.forget(id)
      await this.#keys.listed('dropping a key', () => book.drop(entry))
      this.#keys.forget(entry)
      this.#init.logger.warn('a key was dropped', { key: name, id, versions: entry.versions.length })
      await this.#erase(book, entry)
      return undefined
    })
  }

  isDropping(id: string): boolean {
    return this.#tokens.isPending(id)
  }

  /** No change is under way any more, and no drop has a first step behind it. */
  async settle(): Promise<void> {
    await this.#last
    this.#tokens.clear()
  }

  #change<T>(work: (book: KeyBook) => Promise<T>): Promise<T> {
    const done = this.#last.then(() => work(this.#keys.book()))
    this.#last = done.catch((error: unknown) => {
      if (error instanceof KeyError && error.code === 'KEY_BACKEND')
        this.#init.logger.error('a change of the keys failed', { error: describeError(error) })
    })
    return done
  }

  async #keep(book: KeyBook, entry: KeyEntry, what: string): Promise<KeyEntry> {
    // Should this fail, the secrets stay where they are, listed by nobody: whether the entry was written is not known.
    await this.#keys.listed('listing a key', () => book.put(entry))
    const { name, id, type, version } = newest(entry)
    this.#init.logger.info(what, { key: name, id, type, version })
    return entry
  }

  /** It is no key any more, so this is not the client's failure; what is left is erased at the next start. */
  async #erase(book: KeyBook, entry: KeyEntry): Promise<void> {
    try {
      for (const { ref } of entry.versions) await this.#keys.backend('erasing a key', (b) => b.destroy(ref))
      await book.forget(entry)
    } catch (error) {
      const key = newest(entry).name
      this.#init.logger.error('a dropped key could not be erased; the next start tries again', {
        key,
        error: describeError(error),
      })
    }
  }

  #requireType(type: KeySpec['type']): void {
    this.#keys.requireBackend(this.#init.backend.can.types.includes(type), `make a key of ${type}`)
  }

  #checkRoom(book: KeyBook, name: string): void {
    if (book.get(name) !== undefined) throw exists(name)
    if (book.all().length >= LIMITS.maxKeys)
      throw new KeyError('TOO_MANY_KEYS', `there are ${LIMITS.maxKeys} keys; drop one that is not needed`)
  }
}

const exists = (name: string) =>
  new KeyError('KEY_EXISTS', `there is a key ${name} already, and keys are never overwritten; choose another name`)
