import { toHex, zeroize } from '../../base/index.ts'
import { randomBytes } from '../../curve/index.ts'
import type { KeyBackend } from './backend.ts'
import type { OpenedVersion } from './key-records.ts'
import { labelDifference } from './label.ts'
import { mismatch, type SecretShelf, type SoftwareBackendInit, softwareBackend } from './software-backend.ts'

/** Keys for as long as the process runs: for tests, and for whoever embeds a node and keeps backups. */
export const memoryKeyBackend = (init: SoftwareBackendInit): KeyBackend =>
  softwareBackend('memory', new MemoryShelf(), init)

export class MemoryShelf implements SecretShelf {
  readonly #versions = new Map<string, OpenedVersion>()

  async start(): Promise<void> {}

  /** Nothing is left. */
  async stop(): Promise<void> {
    zeroize(...[...this.#versions.values()].map((v) => v.secret))
    this.#versions.clear()
  }

  async keep(version: OpenedVersion): Promise<string> {
    const ref = toHex(randomBytes(16))
    this.#versions.set(ref, { ...version, secret: version.secret.slice() })
    return ref
  }

  async use<T>(handle: Parameters<SecretShelf['use']>[0], use: (secret: Uint8Array) => T): Promise<T> {
    const version = this.#versions.get(handle.ref)
    if (version === undefined) throw mismatch(handle, 'memory', 'it is gone')
    const other = labelDifference(version.label, handle)
    if (other !== undefined) throw mismatch(handle, 'memory', `another ${other} stands there`)
    return use(version.secret)
  }

  async destroy(ref: string): Promise<void> {
    const version = this.#versions.get(ref)
    this.#versions.delete(ref)
    if (version !== undefined) zeroize(version.secret)
  }

  async refs(): Promise<readonly string[]> {
    return [...this.#versions.keys()]
  }
}
