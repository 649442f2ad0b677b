/**
 * The curve port: bytes in, bytes out, so that a faster backend can stand behind it.
 * Points are 33-byte compressed, scalars 32-byte big-endian, digests 32 bytes, signatures 64 bytes.
 * Malformed points and scalars throw TypeError from arithmetic and are plain `false` in verification.
 */
export interface Curve {
  readonly name: string
  /** secret·G; constant-time as far as JavaScript allows. */
  publicKeyOf(secret: Uint8Array): Uint8Array
  /** secret·P, 33 bytes; constant-time as far as JavaScript allows. */
  ecdhPoint(secret: Uint8Array, point: Uint8Array): Uint8Array
  isSecret(secret: Uint8Array): boolean
  isPoint(point: Uint8Array): boolean
  addPoints(a: Uint8Array, b: Uint8Array): Uint8Array
  negatePoint(point: Uint8Array): Uint8Array
  /** scalar·P with public scalars only: variable-time. */
  mulPointPublic(point: Uint8Array, scalar: Uint8Array): Uint8Array
  /** RFC 6979 ECDSA, compact, low-s. */
  ecdsaSign(digest: Uint8Array, secret: Uint8Array): Uint8Array
  /** Strict: compact encoding, low-s only. */
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): boolean
  /** BIP340 with fresh auxiliary randomness, or with `auxRand` (32 bytes). */
  schnorrSign(message: Uint8Array, secret: Uint8Array, auxRand?: Uint8Array): Uint8Array
  /** BIP340; `xOnly` is 32 bytes. */
  schnorrVerify(signature: Uint8Array, message: Uint8Array, xOnly: Uint8Array): boolean
  /** Σ points; undefined if the sum is the point at infinity. Throws TypeError on none. */
  sumPoints(points: readonly Uint8Array[]): Uint8Array | undefined
  /** Σ scalar·point with public scalars only: variable-time. undefined if the sum is the point at infinity. A scalar may be zero. */
  linearCombination(terms: readonly LinearTerm[]): Uint8Array | undefined
  addScalars(a: Uint8Array, b: Uint8Array): Uint8Array
  /** a·b mod n; zero times anything is zero. */
  mulScalars(a: Uint8Array, b: Uint8Array): Uint8Array
  negateScalar(a: Uint8Array): Uint8Array
  /** Uniform non-zero scalar. */
  randomScalar(): Uint8Array
}

/** A point of 33 bytes and what it is multiplied with, 32 bytes. */
export interface LinearTerm {
  readonly scalar: Uint8Array
  readonly point: Uint8Array
}
