import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { asGroupKey, fromHex, type PublicKey, toHex, u32be } from '../../../src/base/index.ts'
import { identifierOf, type KeyPackage, type PublicKeyPackage } from '../../../src/crypto/index.ts'
import { curve, KeyPair, sha256, xOnly } from '../../../src/curve/index.ts'

/** Group secrets whose public keys have the two parities: 1·G is even, 6·G is odd. */
export const EVEN_SECRET = fromHex('01'.padStart(64, '0'))
export const ODD_SECRET = fromHex('06'.padStart(64, '0'))

export interface DealtKey {
  readonly public: PublicKeyPackage
  readonly members: readonly PublicKey[]
  readonly keys: ReadonlyMap<PublicKey, KeyPackage>
}

/** A t-of-n key from a trusted dealer: for tests that need shares and no keygen. Members are the same for every call. */
export function dealKey(threshold: number, n: number, groupSecret?: Uint8Array): DealtKey {
  const members = Array.from({ length: n }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))).publicKey).sort()
  const dealt = schnorr_FROST.trustedDealer({ min: threshold, max: n }, members.map(identifierOf), groupSecret)
  const pub: PublicKeyPackage = {
    threshold,
    members,
    commitments: dealt.public.commitments,
    verifyingShares: new Map(
      members.map((m) => [m, dealt.public.verifyingShares[identifierOf(m)] ?? new Uint8Array(0)]),
    ),
    groupKey: asGroupKey(toHex(xOnly(dealt.public.commitments[0] ?? new Uint8Array(33)))),
  }
  const keyOf = (owner: PublicKey): KeyPackage => ({
    public: pub,
    owner,
    signingShare: dealt.secretShares[identifierOf(owner)]?.signingShare ?? new Uint8Array(0),
  })
  return { public: pub, members, keys: new Map(members.map((m) => [m, keyOf(m)])) }
}

/** G itself: a valid point that commits to nothing of anybody's. */
export const SOME_POINT = curve.publicKeyOf(EVEN_SECRET)
