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
  const recipient = await identityToRecipient(identity)
  encrypter.addRecipient(recipient)
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return {
    recipient,
    seal: (plaintext) => encrypter.encrypt(plaintext),
    async open(box) {
      try {
        if (stanzasOf(box) > 1) throw new RangeError('a record is sealed to one recipient')
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

/**
 * Stanzas of X25519 in the header of an age file. Each is a multiplication that is tried before anything is known to be right, and a
 * backup that somebody hands in could hold a hundred. Those of other kinds cost nothing.
 */
function stanzasOf(box: Uint8Array): number {
  const text = Buffer.from(box.buffer, box.byteOffset, box.byteLength).toString('latin1')
  const end = text.indexOf('\n--- ')
  return text.slice(0, end === -1 ? text.length : end).split('\n-> X25519').length - 1
}

/** Of X25519: post-quantum recipients are ten times as long, and `age` of before 2026 can't open what is sealed to them. */
const RECIPIENT_CHARS = 62

/**
 * Seals to somebody else, who opens it with `age -d -i FILE`, or with a sealer whose `recipient` it is. Throws `RECIPIENT_INVALID` on
 * anything but a recipient of X25519, `age1…`.
 */
export async function sealTo(recipient: string, plaintext: Uint8Array): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  try {
    if (recipient.length !== RECIPIENT_CHARS) throw new RangeError('the wrong length')
    encrypter.addRecipient(recipient)
    return await encrypter.encrypt(plaintext)
  } catch {
    // Made of bytes that were given here: what age says of them is no help, and may quote them.
    throw new StoreError('RECIPIENT_INVALID', 'that is no age recipient of X25519 (age1…); make one with age-keygen')
  }
}
