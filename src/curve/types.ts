/**
 * The curve port: bytes in, bytes out, so that a faster backend can stand behind it.
 * Points are 33-byte compressed, scalars 32-byte big-endian, digests 32 bytes, signatures 64 bytes.
 * Malformed points, scalars and digests throw TypeError from arithmetic and are plain `false` in verification; so does a
 * result at infinity where it is no `undefined`. A secret is a scalar that is not zero. What may take secrets is listed in
 * docs/SECRETS.md; "constant-time" is as good as the backend makes it there.
 */
export interface Curve {
  readonly name: CurveName
  /** secret·G; constant-time. */
  publicKeyOf(secret: Uint8Array): Uint8Array
  /** secret·P, 33 bytes; constant-time. */
  ecdhPoint(secret: Uint8Array, point: Uint8Array): Uint8Array
  isSecret(secret: Uint8Array): boolean
  isPoint(point: Uint8Array): boolean
  addPoints(a: Uint8Array, b: Uint8Array): Uint8Array
  negatePoint(point: Uint8Array): Uint8Array
  /** scalar·P with public scalars only: variable-time. */
  mulPointPublic(point: Uint8Array, scalar: Uint8Array): Uint8Array
  /** RFC 6979 ECDSA, compact, low-s; constant-time. */
  ecdsaSign(digest: Uint8Array, secret: Uint8Array): Uint8Array
  /** Strict: compact encoding, low-s only. */
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): boolean
  /** BIP340 with fresh auxiliary randomness, or with `auxRand` (32 bytes); constant-time. */
  schnorrSign(message: Uint8Array, secret: Uint8Array, auxRand?: Uint8Array): Uint8Array
  /** BIP340; `xOnly` is 32 bytes. */
  schnorrVerify(signature: Uint8Array, message: Uint8Array, xOnly: Uint8Array): boolean
  /** Σ points; undefined if the sum is the point at infinity. Throws TypeError on none. */
  sumPoints(points: readonly Uint8Array[]): Uint8Array | undefined
  /** Σ scalar·point with public scalars only: variable-time. undefined if the sum is the point at infinity. A scalar may be zero. */
  linearCombination(terms: readonly LinearTerm[]): Uint8Array | undefined
  /** a + b mod n; constant-time, but for a sum of zero. */
  addScalars(a: Uint8Array, b: Uint8Array): Uint8Array
  /** a·b mod n; zero times anything is zero. Constant-time, but for zero. */
  mulScalars(a: Uint8Array, b: Uint8Array): Uint8Array
  /** n − a; zero stays zero. Constant-time. */
  negateScalar(a: Uint8Array): Uint8Array
  /** 32 bytes modulo n, such as a hash: what may come out is zero. Constant-time. */
  reduce(bytes: Uint8Array): Uint8Array
  /** Uniform non-zero scalar. */
  randomScalar(): Uint8Array
}

/** `native` is libsecp256k1 in C, `noble` is JavaScript. A closed list: it labels a metric. */
export type CurveName = 'native' | 'noble'

/** A point of 33 bytes and what it is multiplied with, 32 bytes. */
export interface LinearTerm {
  readonly scalar: Uint8Array
  readonly point: Uint8Array
}
