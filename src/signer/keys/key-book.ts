import { encodeFields, equalBytes, fromUtf8, LIMITS, utf8 } from '../../base/index.ts'
import type { Space } from '../../store/index.ts'
import { decodeFieldList, decodeFields, decodeNumber } from '../fields.ts'
import type { KeyHandle, KeyLabel } from './backend.ts'
import { KeyError } from './errors.ts'
import { isLabel, publicKeyBytesOf } from './label.ts'
import type { KeyCapability, KeyType } from './types.ts'

const KIND = 'countersign-key-entry-v1'
const REF = /^[\x21-\x7e]{1,128}$/

/** What is remembered of one key; the secrets are the backend's. */
export interface KeyEntry {
  /** Oldest first, at least one. They differ in version, time, ref and public key alone. */
  readonly versions: readonly KeyHandle[]
  /** Its secrets are being erased; it is no key any more, and no crash brings it back. */
  readonly isDropped: boolean
}

/** Of an entry, which has one. */
export function newest(entry: KeyEntry): KeyHandle {
  const last = entry.versions.at(-1)
  if (last === undefined) throw new TypeError('a key without a version')
  return last
}

/** The list of keys, durable in a space of the store: each entry under its key's id, and on disk before it is told of. */
export class KeyBook {
  readonly #space: Space
  readonly #byName = new Map<string, KeyEntry>()
  readonly #dropped: KeyEntry[] = []

  private constructor(space: Space) {
    this.#space = space
  }

  /** Throws `KEY_BACKEND` on an entry that can't be read: it may be of any key. */
  static async open(space: Space): Promise<KeyBook> {
    const book = new KeyBook(space)
    for (const [id, bytes] of await space.entries()) book.#take(decodeEntry(id, bytes))
    return book
  }

  get(name: string): KeyEntry | undefined {
    return this.#byName.get(name)
  }
  /** By name. */
  all(): readonly KeyEntry[] {
    return [...this.#byName.values()].sort((a, b) => (newest(a).name < newest(b).name ? -1 : 1))
  }
  /** Whose secrets were not all erased yet. */
  dropped(): readonly KeyEntry[] {
    return this.#dropped
  }

  /** On disk when it resolves, and only then told of. */
  async put(entry: KeyEntry): Promise<void> {
    await this.#space.put(newest(entry).id, encodeEntry(entry))
    this.#byName.set(newest(entry).name, entry)
  }
  /** No key any more, whatever happens next. */
  async drop(entry: KeyEntry): Promise<void> {
    await this.#space.put(newest(entry).id, encodeEntry({ ...entry, isDropped: true }))
    this.#byName.delete(newest(entry).name)
  }
  /** Once nothing of it is left to erase. */
  forget(entry: KeyEntry): Promise<void> {
    return this.#space.delete(newest(entry).id)
  }

  #take(entry: KeyEntry): void {
    const { name, id } = newest(entry)
    if (entry.isDropped) this.#dropped.push(entry)
    else if (this.#byName.has(name)) throw malformed(id, `another key has its name ${name}`)
    else this.#byName.set(name, entry)
  }
}

function encodeEntry(entry: KeyEntry): Uint8Array {
  const { name, role, type, capabilities } = newest(entry)
  const versions = entry.versions.map((v) => encodeFields(v.version, v.createdAtMs, v.ref, v.publicKey))
  const state = entry.isDropped ? 'dropped' : 'kept'
  return encodeFields(KIND, state, name, role, type, capabilities.join(','), ...versions)
}

function decodeEntry(id: string, bytes: Uint8Array): KeyEntry {
  const [kind, state, name, role, type, capabilities, ...parts] =
    decodeFieldList(bytes, 6 + LIMITS.maxKeyVersions) ?? []
  const isOurs = kind !== undefined && equalBytes(kind, utf8(KIND))
  if (!isOurs || !state || !name || !role || !type || !capabilities || parts.length === 0)
    throw malformed(id, 'no entry')
  try {
    const [stateText, typeText] = [fromUtf8(state), fromUtf8(type) as KeyType]
    if (stateText !== 'kept' && stateText !== 'dropped') throw new TypeError('no state')
    const key = {
      id,
      name: fromUtf8(name),
      role: fromUtf8(role),
      type: typeText,
      capabilities: fromUtf8(capabilities).split(',') as KeyCapability[],
    }
    return { versions: parts.map((part, i) => decodeVersion(key, part, i + 1)), isDropped: stateText === 'dropped' }
  } catch (cause) {
    throw malformed(id, 'it contradicts itself', cause)
  }
}

function decodeVersion(key: Omit<KeyLabel, 'version' | 'createdAtMs'>, part: Uint8Array, expected: number): KeyHandle {
  const [versionField, createdField, refField, publicKey] = decodeFields(part, 4) ?? []
  if (!versionField || !createdField || !refField || !publicKey) throw new TypeError('no version')
  const [version, createdAtMs, ref] = [decodeNumber(versionField), decodeNumber(createdField), fromUtf8(refField)]
  if (version !== expected || createdAtMs === undefined || !REF.test(ref)) throw new TypeError('no version')
  const label = { ...key, version, createdAtMs }
  if (!isLabel(label) || publicKey.length !== publicKeyBytesOf(label.type)) throw new TypeError('no label')
  return { ...label, ref, publicKey: publicKey.slice() }
}

const malformed = (id: string, why: string, cause?: unknown) =>
  new KeyError(
    'KEY_BACKEND',
    `the stored entry of key ${id} is malformed (${why}); restore the data folder from its backup`,
    { id },
    { cause },
  )
