import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError, describeError, equalBytes, LIMITS, toHex, zeroize } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import { ensurePrivateFolder, readPrivateFile, removeFile, writeFileAtomic } from '../../store/index.ts'
import type { KeyBackend, KeyHandle } from './backend.ts'
import { decodeVersion, encodeVersion, type OpenedVersion } from './key-records.ts'
import { labelDifference } from './label.ts'
import { OpenSecrets } from './open-secrets.ts'
import { mismatch, type SecretShelf, type SoftwareBackendInit, softwareBackend } from './software-backend.ts'

export interface FileBackendInit extends SoftwareBackendInit {
  /** Folder of the sealed files, one for each version. */
  readonly dir: string
  /** Secrets that stay open. */
  readonly maxOpen?: number
}

/** A record of one version is under 1 KiB sealed. */
const MAX_FILE_BYTES = 4 * 1024
const SUFFIX = '.key.age'
/** Names come back from the store and the folder, and go into paths. */
const REF = /^[0-9a-f]{32}-\d{1,4}-[0-9a-f]{8}$/

/**
 * Keys in files that the node's own sealer seals, mode 0600 in a folder of 0700, written whole or not at all. What a file is for stands
 * inside its seal and is compared with what the service knows at every opening (R38): a swapped or older file is an error.
 */
export const fileKeyBackend = (init: FileBackendInit): KeyBackend => softwareBackend('file', new FileShelf(init), init)

class FileShelf implements SecretShelf {
  readonly #init: FileBackendInit
  readonly #open: OpenSecrets

  constructor(init: FileBackendInit) {
    this.#init = init
    this.#open = new OpenSecrets(init.maxOpen ?? LIMITS.maxOpenKeySecrets)
  }

  async start(): Promise<void> {
    await ensurePrivateFolder(this.#init.dir)
  }

  stop(): Promise<void> {
    return this.#open.close()
  }

  /** The end of a ref is random: what a crash left under the same version is in nobody's way. */
  async keep(version: OpenedVersion): Promise<string> {
    const ref = `${version.label.id}-${version.label.version}-${toHex(randomBytes(4))}`
    const plaintext = encodeVersion(this.#init.owner, version)
    try {
      await writeFileAtomic(this.#pathOf(ref), await this.#init.sealer.seal(plaintext), { overwrite: 'never' })
    } finally {
      zeroize(plaintext)
    }
    return ref
  }

  use<T>(handle: KeyHandle, use: (secret: Uint8Array) => T): Promise<T> {
    return this.#open.use(handle.ref, () => this.#load(handle), use)
  }

  async destroy(ref: string): Promise<void> {
    this.#open.forget(ref)
    await removeFile(this.#pathOf(ref))
  }

  async refs(): Promise<readonly string[]> {
    const refs: string[] = []
    for (const name of (await readdir(this.#init.dir)).sort()) {
      const ref = name.slice(0, -SUFFIX.length)
      if (name.endsWith(SUFFIX) && REF.test(ref)) refs.push(ref)
      else this.#init.logger.warn('not a key file; ignored', { path: join(this.#init.dir, name) })
    }
    return refs
  }

  async #load(handle: KeyHandle): Promise<Uint8Array> {
    const path = this.#pathOf(handle.ref)
    const plaintext = await this.#unseal(path, handle)
    const opened = decodeVersion(plaintext)
    zeroize(plaintext)
    const why = opened === undefined ? 'it holds no key' : this.#findContradiction(opened, handle)
    if (opened === undefined || why !== undefined) {
      if (opened !== undefined) zeroize(opened.secret)
      throw mismatch(handle, path, why ?? '')
    }
    return opened.secret
  }

  async #unseal(path: string, handle: KeyHandle): Promise<Uint8Array> {
    let box: Uint8Array | undefined
    try {
      box = await readPrivateFile(path, MAX_FILE_BYTES)
      if (box !== undefined) return await this.#init.sealer.open(box)
    } catch (error) {
      if (error instanceof CodedError) throw mismatch(handle, path, describeError(error), error)
      throw error
    }
    throw mismatch(handle, path, 'the file is gone')
  }

  /** R38: what stands inside against what the service remembers. */
  #findContradiction(opened: OpenedVersion & { readonly owner: string }, handle: KeyHandle): string | undefined {
    if (opened.owner !== this.#init.owner) return `it belongs to ${opened.owner} and this node is ${this.#init.owner}`
    const other = labelDifference(opened.label, handle)
    if (other !== undefined) return `another ${other} stands in it`
    return equalBytes(opened.publicKey, handle.publicKey) ? undefined : 'it holds another key of that name and version'
  }

  #pathOf(ref: string): string {
    if (!REF.test(ref)) throw new TypeError('not the name of a key file')
    return join(this.#init.dir, `${ref}${SUFFIX}`)
  }
}
