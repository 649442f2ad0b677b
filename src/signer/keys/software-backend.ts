import { LIMITS, type Logger, type PublicKey, type Startable, zeroize } from '../../base/index.ts'
import { type Sealer, StoreError, sealTo } from '../../store/index.ts'
import type { BackendAbilities, KeyBackend, KeyHandle, KeyLabel } from './backend.ts'
import { KeyError } from './errors.ts'
import { decodeBackup, encodeBackup, type OpenedVersion } from './key-records.ts'
import { badRequest } from './label.ts'
import { drawSecret, publicKeyOfSecret, shareWith, signDigest } from './secret-math.ts'
import { KEY_SCHEMES, KEY_TYPES } from './types.ts'

/** Where a software backend has its secrets. */
export interface SecretShelf extends Startable {
  /** Durable, if this shelf is, when it resolves with a ref. The caller erases its own copy. */
  keep(version: OpenedVersion): Promise<string>
  /** Lends the secret of a handle to code that doesn't wait. Rejects if it isn't here, or isn't what the handle says (R38). */
  use<T>(handle: KeyHandle, use: (secret: Uint8Array) => T): Promise<T>
  destroy(ref: string): Promise<void>
  refs(): Promise<readonly string[]>
}

export interface SoftwareBackendInit {
  /** Opens what others seal to this node. */
  readonly sealer: Sealer
  /** This node's signer key; every record names it (R38). */
  readonly owner: PublicKey
  readonly logger: Logger
}

/** A backend that computes in this process, over a shelf. */
export function softwareBackend(name: string, shelf: SecretShelf, init: SoftwareBackendInit): KeyBackend {
  const can: BackendAbilities = {
    name,
    types: KEY_TYPES,
    schemes: KEY_SCHEMES,
    agree: true,
    export: true,
    import: true,
  }
  const keep = async (version: OpenedVersion): Promise<KeyHandle> => {
    const ref = await shelf.keep(version)
    return { ...version.label, ref, publicKey: version.publicKey }
  }
  return {
    can,
    start: (signal) => shelf.start(signal),
    stop: () => shelf.stop(),

    async generate(label) {
      const secret = drawSecret(label.type)
      try {
        const publicKey = publicKeyOfSecret(label.type, secret)
        if (publicKey === undefined) throw new Error('a secret was drawn that is none')
        return await keep({ label, publicKey, secret })
      } finally {
        zeroize(secret)
      }
    },
    check: (handle) => shelf.use(handle, () => undefined),
    sign: (handle, scheme, digest) => shelf.use(handle, (secret) => signDigest(scheme, digest, secret)),
    agree: (handle, peerPublicKey) => shelf.use(handle, (secret) => shareWith(peerPublicKey, secret)),

    async exportSealed(handles, recipient) {
      const opened: OpenedVersion[] = []
      let plaintext = new Uint8Array(0)
      try {
        for (const handle of handles)
          opened.push({
            label: handle,
            publicKey: handle.publicKey,
            secret: await shelf.use(handle, (secret) => secret.slice()),
          })
        plaintext = Uint8Array.from(encodeBackup(init.owner, opened))
        return await sealTo(recipient, plaintext)
      } catch (error) {
        if (error instanceof StoreError && error.code === 'RECIPIENT_INVALID')
          throw badRequest('recipient', 'an age recipient of X25519, age1...')
        throw error
      } finally {
        zeroize(plaintext, ...opened.map((v) => v.secret))
      }
    },
    recipient: () => Promise.resolve(init.sealer.recipient),

    async importSealed(sealed, admit) {
      const { owner, versions } = await openBackup(init.sealer, sealed)
      const kept: KeyHandle[] = []
      try {
        admit(versions.map((v) => v.label))
        for (const version of versions) kept.push(await keep(version))
        init.logger.info('a key came in a backup', { key: versions[0]?.label.name, from: owner })
        return kept
      } catch (error) {
        // Half a key is of no use to anybody, and its backup is still there.
        await Promise.allSettled(kept.map((handle) => shelf.destroy(handle.ref)))
        throw error
      } finally {
        zeroize(...versions.map((v) => v.secret))
      }
    },
    destroy: (ref) => shelf.destroy(ref),
    refs: () => shelf.refs(),
  }
}

/** One answer for all that can be wrong with it: more would tell whoever asks what this node can open. */
async function openBackup(sealer: Sealer, sealed: Uint8Array) {
  if (sealed.length > LIMITS.maxKeyBackupBytes)
    throw badRequest('sealed', `at most ${LIMITS.maxKeyBackupBytes} bytes, as a backup has`)
  let plaintext: Uint8Array
  try {
    plaintext = await sealer.open(sealed)
  } catch {
    throw unreadable()
  }
  const record = decodeBackup(plaintext)
  zeroize(plaintext)
  if (record === undefined) throw unreadable()
  return record
}

const unreadable = () =>
  new KeyError(
    'KEY_UNREADABLE',
    'that is no backup of a key, or it is not sealed to this node; make it anew with the recipient that this node names',
  )

/** What a shelf says of a secret that is not what its handle says. */
export const mismatch = (handle: KeyLabel, where: string, why: string, cause?: unknown): KeyError =>
  new KeyError(
    'KEY_BACKEND',
    `${where}: version ${handle.version} of the key ${handle.name} can't be used: ${why}; leave it in place and restore the right file, or provision the key from its backup under another name`,
    { key: handle.name, version: handle.version },
    { cause },
  )
