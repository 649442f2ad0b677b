import { concatBytes, u32be, u64be, zeroize } from '../../../base/index.ts'
import { type Curve, curve, taggedHash } from '../../../curve/index.ts'
import { MusigError } from './errors.ts'

/** Two secret scalars, 32 bytes each. Whoever takes them zeroes them. */
export interface SecretNoncePair {
  readonly first: Uint8Array
  readonly second: Uint8Array
}

/** What BIP327 hashes into a nonce pair. */
export interface NonceInputs {
  /** 32 bytes: must never be the same for two pairs, unless all the rest is. */
  readonly rand: Uint8Array
  /** Own secret key: hides `rand` from who might know it. */
  readonly secretKey?: Uint8Array
  /** Own public key, 33 bytes. */
  readonly publicKey: Uint8Array
  /** x-only form of the key that is signed under. */
  readonly aggregateKey?: Uint8Array
  readonly message?: Uint8Array
  readonly extraInput?: Uint8Array
}

const NOTHING = new Uint8Array(0)
const byte = (n: number): Uint8Array => Uint8Array.of(n)

/** NonceGen of BIP327, secret half. Throws MusigError `NONCE_OUT_OF_RANGE`, which nobody will live to see. */
export function generateNonces(inputs: NonceInputs, port: Curve = curve): SecretNoncePair {
  const { secretKey, publicKey, aggregateKey = NOTHING, message, extraInput = NOTHING } = inputs
  const rand = secretKey === undefined ? Uint8Array.from(inputs.rand) : maskedRand(inputs.rand, secretKey)
  const hashed = [
    rand,
    byte(publicKey.length),
    publicKey,
    byte(aggregateKey.length),
    aggregateKey,
    message === undefined ? byte(0) : concatBytes(byte(1), u64be(message.length), message),
    u32be(extraInput.length),
    extraInput,
  ]
  const pair = { first: secretNonce(hashed, 0, port), second: secretNonce(hashed, 1, port) }
  zeroize(rand)
  checkNonces(pair, port)
  return pair
}

/** PubNonce of a pair, 66 bytes. */
export function publicNonceOf({ first, second }: SecretNoncePair, port: Curve = curve): Uint8Array {
  return concatBytes(port.publicKeyOf(first), port.publicKeyOf(second))
}

/** Throws MusigError `NONCE_OUT_OF_RANGE` on what are no secret scalars. */
export function checkNonces({ first, second }: SecretNoncePair, port: Curve): void {
  if (!port.isSecret(first) || !port.isSecret(second))
    throw new MusigError('NONCE_OUT_OF_RANGE', 'a secret nonce is zero or no scalar: make a fresh one')
}

/** rand, masked with the secret key: who knows it does not know the nonces. */
function maskedRand(rand: Uint8Array, secretKey: Uint8Array): Uint8Array {
  const mask = taggedHash('MuSig/aux', rand)
  for (const [i, secretByte] of secretKey.entries()) mask[i] = (mask[i] ?? 0) ^ secretByte
  return mask
}

function secretNonce(hashed: readonly Uint8Array[], index: 0 | 1, port: Curve): Uint8Array {
  const digest = taggedHash('MuSig/nonce', ...hashed, byte(index))
  const nonce = port.reduce(digest)
  zeroize(digest)
  return nonce
}
