import { randomBytes as nobleRandomBytes } from '@noble/hashes/utils.js'

/** Bytes of the platform's CSPRNG. */
export const randomBytes = (lengthBytes: number): Uint8Array => nobleRandomBytes(lengthBytes)
