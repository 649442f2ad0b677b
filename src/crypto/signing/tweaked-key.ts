import { asGroupKey, concatBytes, fromHex, type GroupKey, toHex } from '../../base/index.ts'
import { xOnly } from '../../curve/index.ts'
import { identifierOf } from '../identifier.ts'
import type { KeyPackage, PublicKeyPackage, Tweak } from '../types.ts'
import { type FrostPublic, tweakPoint, tweakPublic, tweakSecret } from './tweak.ts'

/** The same for whoever holds no package, only the x-only group key, which stands for its point of even Y (BIP340). */
export const tweakedGroupKey = (groupKey: GroupKey, tweak: Tweak): Uint8Array =>
  Uint8Array.from(xOnly(tweakPoint(concatBytes(Uint8Array.of(0x02), fromHex(groupKey)), tweak)))

/** x-only key that signatures under `tweak` verify with, Uint8Array(32). Throws TypeError on a root that is not 32 bytes. */
export function tweakedPublicKey(pub: PublicKeyPackage, tweak: Tweak): Uint8Array {
  const point = pub.commitments[0]
  if (point === undefined) throw new TypeError('public key package has no commitments')
  return Uint8Array.from(xOnly(tweakPoint(point, tweak)))
}

/** The same member's key material under Q: share, verifying shares and the joint polynomial's constant term moved by t (BIP341). */
export function tweakKeyPackage(key: KeyPackage, tweak: Tweak): KeyPackage {
  const secret = { identifier: identifierOf(key.owner), signingShare: key.signingShare }
  const pub = allOf(key.public)
  const tweaked = tweakPublic(pub, tweak)
  const entries = key.public.members.map((m) => [m, tweaked.verifyingShares[identifierOf(m)]] as const)
  return {
    owner: key.owner,
    signingShare: tweakSecret(secret, pub, tweak).signingShare,
    public: {
      threshold: key.public.threshold,
      members: key.public.members,
      commitments: tweaked.commitments,
      verifyingShares: new Map(entries.flatMap(([m, v]) => (v === undefined ? [] : [[m, v] as const]))),
      groupKey: asGroupKey(toHex(tweakedPublicKey(key.public, tweak))),
    },
  }
}

/** A package with its members by identifier. */
function allOf(pub: PublicKeyPackage): FrostPublic {
  const named = pub.members.flatMap((m): [string, Uint8Array][] => {
    const share = pub.verifyingShares.get(m)
    return share === undefined ? [] : [[identifierOf(m), share]]
  })
  return {
    signers: { min: pub.threshold, max: pub.members.length },
    commitments: [...pub.commitments],
    verifyingShares: Object.fromEntries(named),
  }
}
