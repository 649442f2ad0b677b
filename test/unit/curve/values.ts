import { concatBytes, fromHex } from '../../../src/base/index.ts'
import { type Curve, nativeCurve, nobleCurve } from '../../../src/curve/index.ts'

export const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
export const FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn
export const bytes32 = (n: bigint): Uint8Array => fromHex(n.toString(16).padStart(64, '0'))
export const G = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')
/** x of G with the prefix byte. */
export const prefixed = (prefix: number, x = G.subarray(1)): Uint8Array => concatBytes(Uint8Array.of(prefix), x)

/** The same bytes in the middle of a Buffer, as they come off a socket. */
export const inBuffer = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.alloc(7, 0xee), bytes, Buffer.alloc(3, 0xee)]).subarray(7, 7 + bytes.length)

export const NO_SCALARS: Readonly<Record<string, Uint8Array>> = {
  'the order': bytes32(ORDER),
  'one beyond the order': bytes32(ORDER + 1n),
  'all ones': new Uint8Array(32).fill(255),
  'a byte short': bytes32(2n).subarray(1),
  'a byte long': concatBytes(Uint8Array.of(0), bytes32(2n)),
  empty: new Uint8Array(0),
}
export const NO_SECRETS: Readonly<Record<string, Uint8Array>> = { zero: new Uint8Array(32), ...NO_SCALARS }

export const UNCOMPRESSED_G = concatBytes(
  prefixed(4),
  fromHex('483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'),
)
export const NO_POINTS: Readonly<Record<string, Uint8Array>> = {
  empty: new Uint8Array(0),
  'one zero byte, the identity': new Uint8Array(1),
  '33 zero bytes': new Uint8Array(33),
  'x-only': G.subarray(1),
  'a byte long': concatBytes(G, Uint8Array.of(0)),
  uncompressed: UNCOMPRESSED_G,
  hybrid: concatBytes(Uint8Array.of(6), UNCOMPRESSED_G.subarray(1)),
  'of prefix 00': prefixed(0),
  'of prefix 04 at 33 bytes': prefixed(4),
  'of prefix 05': prefixed(5),
  'of prefix 06 (hybrid) at 33 bytes': prefixed(6),
  'x = 5, on no point': prefixed(2, bytes32(5n)),
  'x = 0, on no point': prefixed(2, new Uint8Array(32)),
  'x = p': prefixed(2, bytes32(FIELD)),
  'x = p + 1, which is a point once reduced': prefixed(2, bytes32(FIELD + 1n)),
  'x all ones': prefixed(3, new Uint8Array(32).fill(255)),
}

/** The fast backend; undefined on a machine that has no build of it, where the tests of it are left out. */
function tryNative(): Curve | undefined {
  try {
    return nativeCurve()
  } catch {
    return undefined
  }
}
export const native = tryNative()
export const BACKENDS: readonly Curve[] = native === undefined ? [nobleCurve] : [nobleCurve, native]
