import type { FrostPublic } from '@noble/curves/abstract/frost.js'
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { fromHex, toHex } from '../../../src/base/index.ts'
import type { Tweak } from '../../../src/crypto/index.ts'

const { Point } = secp256k1
const { Fn } = Point

export interface NobleKey {
  readonly public: FrostPublic
  readonly secrets: Readonly<Record<string, Uint8Array>>
}

/** BIP341 on a whole key, written with the library alone: what our tweaks are compared with. */
export function tweakedByNoble(key: NobleKey, tweak: Tweak): NobleKey {
  if (tweak.kind === 'none') return key
  const P = Point.fromBytes(key.public.commitments[0] ?? new Uint8Array())
  const odd = P.y % 2n === 1n
  const hash = schnorr.utils.taggedHash('TapTweak', P.toBytes().subarray(1), tweak.merkleRoot ?? new Uint8Array())
  const t = BigInt(`0x${toHex(hash)}`)
  const move = (point: Uint8Array): Uint8Array => {
    const p = Point.fromBytes(point)
    return (odd ? p.negate() : p).add(Point.BASE.multiply(t)).toBytes()
  }
  const moved = <T>(record: Readonly<Record<string, T>>, by: (v: T) => T) =>
    Object.fromEntries(Object.entries(record).map(([id, v]) => [id, by(v)]))
  return {
    public: {
      signers: key.public.signers,
      commitments: [move(P.toBytes())],
      verifyingShares: moved(key.public.verifyingShares, move),
    } as FrostPublic,
    secrets: moved(key.secrets, (s) => {
      const n = Fn.fromBytes(s)
      return Fn.toBytes(Fn.add(odd ? Fn.neg(n) : n, t))
    }),
  }
}

export const scalarOf = (n: bigint): Uint8Array => fromHex(n.toString(16).padStart(64, '0'))
