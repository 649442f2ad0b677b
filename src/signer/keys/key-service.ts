import type { KeyHandle } from './backend.ts'
import { type KeyEntry, newest } from './key-book.ts'
import { KeyChanges } from './key-changes.ts'
import { agreeWith, backUp, signWith } from './key-uses.ts'
import { type KeyServiceInit, type KeyTrouble, OpenKeys } from './open-keys.ts'
import type { KeyInfo, KeyMessage, KeyRef, KeyScheme, KeyService, KeySpec, KeyType, KeyVersion } from './types.ts'

export interface DurableKeyService extends KeyService {
  /** Versions that can't be used: found at the start or at a use, and not mended since. */
  troubles(): readonly KeyTrouble[]
}

/** Keys over a backend, listed in a space of the store. What is done with them doesn't wait for changes of the list. */
export const keyService = (init: KeyServiceInit): DurableKeyService => new BackedKeyService(init)

class BackedKeyService implements DurableKeyService {
  readonly #init: KeyServiceInit
  readonly #keys: OpenKeys
  readonly #changes: KeyChanges

  constructor(init: KeyServiceInit) {
    this.#init = init
    this.#keys = new OpenKeys(init)
    this.#changes = new KeyChanges(init, this.#keys)
  }

  start(signal?: AbortSignal): Promise<void> {
    return this.#keys.start(signal)
  }

  /** What was begun is finished; then secrets are erased. */
  async stop(): Promise<void> {
    this.#keys.close()
    await this.#changes.settle()
    await this.#init.backend.stop()
  }

  publicKey(ref: KeyRef): KeyVersion & { readonly type: KeyType } {
    const handle = this.#keys.find(ref)
    return { ...versionOf(handle), type: handle.type }
  }

  list(): readonly KeyInfo[] {
    return this.#keys
      .book()
      .all()
      .map((entry) => this.#infoOf(entry))
  }

  sign(ref: KeyRef, scheme: KeyScheme, message: KeyMessage): Promise<Uint8Array> {
    return signWith(this.#keys, this.#init.backend.can, ref, scheme, message)
  }

  agree(ref: KeyRef, peerPublicKey: Uint8Array, context: string): Promise<Uint8Array> {
    return agreeWith(this.#keys, this.#init.backend.can, ref, peerPublicKey, context)
  }

  async generate(spec: KeySpec): Promise<KeyInfo> {
    return this.#infoOf(await this.#changes.generate(spec))
  }

  async rotate(name: string): Promise<KeyInfo> {
    return this.#infoOf(await this.#changes.rotate(name))
  }

  async backup(name: string, recipient: string): Promise<Uint8Array> {
    const sealed = await backUp(this.#keys, this.#init.backend.can, name, recipient)
    this.#init.logger.info('a key was backed up', { key: name })
    return sealed
  }

  async provisionRecipient(): Promise<string> {
    this.#keys.book()
    this.#keys.requireBackend(this.#init.backend.can.import, 'take keys in')
    return this.#keys.backend('asking for the recipient', (b) => b.recipient())
  }

  async provision(sealed: Uint8Array): Promise<KeyInfo> {
    return this.#infoOf(await this.#changes.provision(sealed))
  }

  async drop(
    name: string,
    token?: Uint8Array,
  ): Promise<{ readonly dropped: boolean; readonly token: Uint8Array | undefined }> {
    const issued = await this.#changes.drop(name, token)
    return { dropped: issued === undefined, token: issued }
  }

  troubles(): readonly KeyTrouble[] {
    return this.#keys.troubles()
  }

  #infoOf(entry: KeyEntry): KeyInfo {
    const { id, type, name, role, capabilities } = newest(entry)
    const versions = entry.versions.map(versionOf)
    return { id, type, name, role, capabilities, versions, dropping: this.#changes.isDropping(id) }
  }
}

const versionOf = ({ version, publicKey, createdAtMs }: KeyHandle): KeyVersion => ({
  version,
  publicKey: publicKey.slice(),
  createdAtMs,
})
