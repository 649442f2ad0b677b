import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { StoreError } from './errors.ts'
import type { Sealer } from './types.ts'

/** A fresh age identity (X25519), `AGE-SECRET-KEY-1…`. */
export const generateStorageIdentity = (): Promise<string> => generateX25519Identity()

/**
 * Sealer over an age identity, to its own recipient. X25519, so that scrypt's cost is paid once per start (docs/SECRETS.md).
 * age boxes don't tell who sealed them: what a record is stands inside it and is checked after opening (R38).
 */
export async function sealerOf(identity: string): Promise<Sealer> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(identity))
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return {
    seal: (plaintext) => encrypter.encrypt(plaintext),
    async open(box) {
      try {
        return await decrypter.decrypt(box)
      } catch (error) {
        throw new StoreError(
          'SEALED_RECORD_UNREADABLE',
          'a sealed record is damaged or was sealed by another node; restore it from the backup of this node',
          {},
          { cause: error },
        )
      }
    },
  }
}
