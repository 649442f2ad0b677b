import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, type PublicKey, toHex } from '../../../src/base/index.ts'
import { identifierOf, type KeyPackage, SigningSession, type Tweak } from '../../../src/crypto/index.ts'
import { freshNonces } from '../../../src/crypto/signing/nonces.ts'
import { sha256 } from '../../../src/curve/index.ts'
import { BACKENDS } from './backends.ts'
import { type NobleKey, tweakedByNoble } from './noble-tweak.ts'
import { type DealtKey, dealKey, EVEN_SECRET, ODD_SECRET } from './signing-keys.ts'

const RUNS = 12
const TWEAKS: readonly Tweak[] = [
  { kind: 'none' },
  { kind: 'key', merkleRoot: null },
  { kind: 'key', merkleRoot: sha256(Uint8Array.of(2)) },
]
const anyKey = fc
  .record({
    n: fc.integer({ min: 2, max: 5 }),
    pick: fc.nat(),
    parity: fc.constantFrom(EVEN_SECRET, ODD_SECRET, undefined),
  })
  .map(({ n, pick, parity }) => ({ dealt: dealKey(2 + (pick % (n - 1)), n, parity), pick }))
const anySession = fc.record({
  key: anyKey,
  tweak: fc.constantFrom(...TWEAKS),
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
})

/** The same entropy for both implementations: a stream of its own for each member. */
function entropyOf(seed: Uint8Array, member: PublicKey): (lengthBytes?: number) => Uint8Array {
  let drawn = 0
  return (lengthBytes = 32) =>
    sha256(concatBytes(seed, new TextEncoder().encode(member), Uint8Array.of(drawn++))).subarray(0, lengthBytes)
}
const keyOf = (dealt: DealtKey, m: PublicKey): KeyPackage => {
  const key = dealt.keys.get(m)
  if (key === undefined) throw new Error('no such member')
  return key
}
const nobleOf = (dealt: DealtKey): NobleKey => ({
  public: {
    signers: { min: dealt.public.threshold, max: dealt.members.length },
    commitments: [...dealt.public.commitments],
    verifyingShares: Object.fromEntries(
      [...dealt.public.verifyingShares].map(([m, v]) => [identifierOf(m), Uint8Array.from(v)]),
    ),
  } as NobleKey['public'],
  secrets: Object.fromEntries([...dealt.keys].map(([m, k]) => [identifierOf(m), k.signingShare])),
})

for (const port of BACKENDS)
  describe(`a session beside the library's own functions, ${port.name}`, () => {
    const play = (input: typeof anySession extends fc.Arbitrary<infer T> ? T : never) => {
      const { key, tweak, digest, seed } = input
      const { dealt, pick } = key
      const t = dealt.public.threshold
      const from = pick % (dealt.members.length - t + 1)
      const signers = dealt.members.slice(from, from + t + (pick % (dealt.members.length - t - from + 1)))
      const noble = tweakedByNoble(nobleOf(dealt), tweak)
      const theirs = signers.map((m) => {
        const id = identifierOf(m)
        // Nonces are hedged with the share as it was dealt, the tweak comes after.
        const secret = { identifier: id, signingShare: Uint8Array.from(keyOf(dealt, m).signingShare) }
        return { m, id, ...schnorr_FROST.commit(secret, entropyOf(seed, m)) }
      })
      const ours = new Map(
        signers.map((m) => [m, freshNonces(keyOf(dealt, m).signingShare, entropyOf(seed, m), port)] as const),
      )
      const list = theirs.map((x) => x.commitments)
      const commitments = new Map([...ours].map(([m, nonces]) => [m, nonces.commitment]))
      const opened = SigningSession.open(dealt.public, commitments, digest, tweak, port)
      if (!opened.ok) throw new Error(opened.fault.code)
      return { dealt, signers, noble, theirs, ours, list, commitments, digest, session: opened.session }
    }

    it('should make the same commitments, the same shares and the same signature', () => {
      fc.assert(
        fc.property(anySession, (input) => {
          const { dealt, noble, theirs, ours, list, commitments, digest, session } = play(input)
          const shares = new Map<PublicKey, Uint8Array>()
          const byId: Record<string, Uint8Array> = {}
          for (const { m, id, nonces } of theirs) {
            expect(commitments.get(m)).toEqual({
              hiding: list.find((c) => c.identifier === id)?.hiding,
              binding: list.find((c) => c.identifier === id)?.binding,
            })
            const secret = { identifier: id, signingShare: Uint8Array.from(noble.secrets[id] ?? []) }
            byId[id] = schnorr_FROST.signShare(secret, noble.public, nonces, list, digest)
            const own = ours.get(m)
            if (own === undefined) throw new Error('no nonces')
            shares.set(m, session.share(keyOf(dealt, m), own))
            expect(toHex(shares.get(m) ?? new Uint8Array())).toBe(toHex(byId[id] ?? new Uint8Array()))
          }
          const signature = schnorr_FROST.aggregate(noble.public, list, digest, byId)
          expect(session.aggregate(shares)).toEqual({ ok: true, signature: Uint8Array.from(signature) })
        }),
        { numRuns: RUNS },
      )
    })

    it("should judge every share as the library does, true ones and a stranger's", () => {
      fc.assert(
        fc.property(anySession, fc.nat(), fc.integer({ min: 0, max: 255 }), (input, which, bit) => {
          const { dealt, signers, noble, ours, list, digest, session } = play(input)
          const m = signers[which % signers.length] as PublicKey
          const own = ours.get(m)
          if (own === undefined) throw new Error('no nonces')
          const share = session.share(keyOf(dealt, m), own)
          const wrong = share.map((b, i) => (i === 31 - (bit >> 3) ? b ^ (1 << (bit & 7)) : b))
          for (const s of [share, wrong])
            for (const name of signers) {
              const theirs = (() => {
                try {
                  return schnorr_FROST.verifyShare(noble.public, list, digest, identifierOf(name), s)
                } catch {
                  return false
                }
              })()
              expect(session.verifyShare(name, s)).toBe(theirs)
              expect(theirs).toBe(name === m && s === share)
            }
        }),
        { numRuns: RUNS },
      )
    })
  })
