import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { identifierOf, type KeyPackage, SigningSession } from '../../../src/crypto/index.ts'
import { Dealer } from '../../../src/crypto/keygen/dealer.ts'
import { defectOf, packageOf } from '../../../src/crypto/keygen/package.ts'
import type { RawKey } from '../../../src/crypto/keygen/types.ts'
import { freshNonces } from '../../../src/crypto/signing/nonces.ts'
import { sha256 } from '../../../src/curve/index.ts'
import { BACKENDS } from './backends.ts'
import { group, replayScalars } from './keygen-fixtures.ts'

const { DKG } = schnorr_FROST
/** Lists here are as long as they are read. */
function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error('nothing there')
  return found
}
const DIGEST = sha256(Uint8Array.of(7))

/** The library maps 48 bytes b to (b mod (n − 1)) + 1. */
const replayToNoble = (scalars: readonly string[]) =>
  replayScalars(scalars.map((s) => (BigInt(`0x${s}`) - 1n).toString(16).padStart(64, '0')))

/** A group whose first `ours` members run this code and whose others run the library; all make one key together. */
function mixedKeygen(n: number, threshold: number, ours: number, port: (typeof BACKENDS)[number]) {
  const g = group(n, threshold)
  const ids = g.members.map(identifierOf)
  const dealers = ids.slice(0, ours).map((id) => new Dealer(id, n, threshold, undefined, port))
  const nobles = ids.slice(ours).map((id) => DKG.round1(id, { min: threshold, max: n }))
  const dealings = [
    ...dealers.map((d) => ({
      identifier: d.identifier,
      commitment: [...d.dealing.commitments],
      proofOfKnowledge: d.dealing.proofOfKnowledge,
    })),
    ...nobles.map((x) => x.public),
  ]
  const others = (id: string) => dealings.filter((d) => d.identifier !== id)
  // Each library participant checks everyone's dealing before it deals its shares.
  const dealt = nobles.map((x) => ({
    from: x.public.identifier,
    to: DKG.round2(x.secret, others(x.public.identifier)),
  }))
  const sharesFor = (receiver: string) => [
    ...dealers
      .filter((d) => d.identifier !== receiver)
      .map((d) => ({ identifier: d.identifier, signingShare: d.shareFor(receiver) })),
    ...dealt
      .filter((d) => d.from !== receiver)
      .map((d) => ({
        identifier: d.from,
        signingShare: Uint8Array.from(d.to[receiver]?.signingShare ?? []),
      })),
  ]
  const raw = dealers.map((d): RawKey => {
    const theirs = new Map(
      others(d.identifier).map((o) => [
        o.identifier,
        { commitments: o.commitment, proofOfKnowledge: o.proofOfKnowledge },
      ]),
    )
    expect(d.check(theirs)).toEqual({ ok: true })
    const combined = d.combine(theirs, new Map(sharesFor(d.identifier).map((s) => [s.identifier, s.signingShare])))
    if (!combined.ok) throw new Error('expected a key')
    return combined.key
  })
  const libraryKeys = nobles.map((x) =>
    DKG.round3(x.secret, others(x.public.identifier), sharesFor(x.public.identifier)),
  )
  return { g, ids, raw, libraryKeys }
}

for (const port of BACKENDS)
  describe(`keygen beside the library's own, ${port.name}`, () => {
    it('should deal the same commitments, proof and shares from the same random scalars', () => {
      fc.assert(
        fc.property(fc.integer({ min: 2, max: 5 }), fc.nat(), (n, pick) => {
          const threshold = 2 + (pick % (n - 1))
          const g = group(n, threshold)
          const id = identifierOf(at(g.members, 0))
          const scalars = Array.from({ length: threshold + 1 }, () => toHex(port.randomScalar()))
          const ours = new Dealer(id, n, threshold, replayScalars(scalars), port)
          const theirs = DKG.round1(id, { min: threshold, max: n }, undefined, replayToNoble(scalars))
          expect(ours.dealing.commitments.map(toHex)).toEqual(theirs.public.commitment.map(toHex))
          expect(toHex(ours.dealing.proofOfKnowledge)).toBe(toHex(theirs.public.proofOfKnowledge))
          const { Fn } = schnorr_FROST.utils
          const x = Fn.fromBytes(fromHex(identifierOf(at(g.members, 1))))
          const y = (theirs.secret.coefficients ?? []).toReversed().reduce((a, c) => Fn.add(Fn.mul(a, x), c), Fn.ZERO)
          expect(toHex(ours.shareFor(identifierOf(at(g.members, 1))))).toBe(toHex(Fn.toBytes(y)))
        }),
        { numRuns: 8 },
      )
    })

    for (const [n, threshold, ours] of [
      [3, 2, 1],
      [4, 3, 2],
      [5, 3, 4],
    ] as const)
      it(`R2: should make one key in a group of ${n} of which ${ours} run this code`, () => {
        const { ids, raw, libraryKeys } = mixedKeygen(n, threshold, ours, port)
        const [one] = libraryKeys
        for (const key of raw) {
          expect(key.commitments.map(toHex)).toEqual(one?.public.commitments.map(toHex))
          for (const id of ids)
            expect(toHex(key.verifyingShares.get(id) ?? new Uint8Array())).toBe(
              toHex(one?.public.verifyingShares[id] ?? new Uint8Array()),
            )
        }
      })

    it('should find a key whole, and see each part of it that was changed', () => {
      const { g, raw } = mixedKeygen(3, 2, 1, port)
      const whole = packageOf(g, at(g.members, 0), at(raw, 0))
      expect(defectOf(whole, port)).toBeUndefined()
      const point = port.publicKeyOf(port.randomScalar())
      const share = (m: number) =>
        new Map(whole.public.verifyingShares).set(
          at(g.members, m),
          port.negatePoint(at([...whole.public.verifyingShares.values()], m)),
        )
      const changed: readonly [KeyPackage, RegExp][] = [
        [{ ...whole, signingShare: port.negateScalar(whole.signingShare) }, /signing share/],
        [{ ...whole, signingShare: new Uint8Array(32) }, /signing share/],
        [{ ...whole, public: { ...whole.public, verifyingShares: share(0) } }, /verifying shares/],
        [{ ...whole, public: { ...whole.public, verifyingShares: share(2) } }, /verifying shares/],
        [
          { ...whole, public: { ...whole.public, commitments: [at(whole.public.commitments, 0), point] } },
          /verifying shares/,
        ],
        [{ ...whole, public: { ...whole.public, commitments: [point, at(whole.public.commitments, 1)] } }, /group key/],
        [
          { ...whole, public: { ...whole.public, commitments: [at(whole.public.commitments, 0), new Uint8Array(33)] } },
          /point/,
        ],
      ]
      for (const [key, what] of changed) expect(defectOf(key, port)).toMatch(what)
    })

    it('should sign with shares of both under the key they made, judged by either', () => {
      const { g, ids, raw, libraryKeys } = mixedKeygen(4, 3, 2, port)
      const ourKeys = raw.map(
        (r, i): KeyPackage => packageOf(g, at(g.members, i), { ...r, signingShare: r.signingShare.slice() }),
      )
      const [ourKey, otherKey] = ourKeys
      const [theirKey] = libraryKeys
      if (ourKey === undefined || otherKey === undefined || theirKey === undefined) throw new Error('no keys')
      const theirId = ids[2] ?? ''
      const theirNonces = schnorr_FROST.commit(theirKey.secret)
      const nonces = ourKeys.map((k) => freshNonces(k.signingShare, undefined, port))
      const list = [
        ...nonces.map((x, i) => ({ identifier: at(ids, i), ...x.commitment })),
        theirNonces.commitments,
      ] as (typeof theirNonces.commitments)[]
      const commitments = new Map(g.members.slice(0, 3).map((m, i) => [m, at(list, i)]))
      const opened = SigningSession.open(ourKey.public, commitments, DIGEST, { kind: 'none' }, port)
      if (!opened.ok) throw new Error(opened.fault.code)
      const theirShare = schnorr_FROST.signShare(theirKey.secret, theirKey.public, theirNonces.nonces, list, DIGEST)
      const shares = ourKeys.map((k, i) => opened.session.share(k, at(nonces, i)))
      expect(opened.session.verifyShare(at(g.members, 2), theirShare)).toBe(true)
      for (const [i, share] of shares.entries())
        expect(schnorr_FROST.verifyShare(theirKey.public, list, DIGEST, at(ids, i), Uint8Array.from(share))).toBe(true)
      const all = [...shares, theirShare]
      const made = opened.session.aggregate(new Map(g.members.slice(0, 3).map((m, i) => [m, at(all, i)])))
      const theirs = schnorr_FROST.aggregate(
        theirKey.public,
        list,
        DIGEST,
        Object.fromEntries([...ids.slice(0, 2), theirId].map((id, i) => [id, at(all, i)])) as never,
      )
      expect(made).toEqual({ ok: true, signature: Uint8Array.from(theirs) })
      expect(port.schnorrVerify(theirs, DIGEST, fromHex(ourKey.public.groupKey))).toBe(true)
    })
  })
