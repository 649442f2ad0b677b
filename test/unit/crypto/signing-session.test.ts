import { describe, expect, it } from 'vitest'
import { codeOf, type PublicKey, toHex } from '../../../src/base/index.ts'
import {
  type KeyPackage,
  type NonceCommitment,
  SecretNonces,
  SigningSession,
  type Tweak,
} from '../../../src/crypto/index.ts'
import { freshNonces } from '../../../src/crypto/signing/nonces.ts'
import { type Curve, sha256, xOnly } from '../../../src/curve/index.ts'
import { BACKENDS } from './backends.ts'
import { type DealtKey, dealKey, EVEN_SECRET, ODD_SECRET, SOME_POINT } from './signing-keys.ts'

const DIGEST = sha256(Uint8Array.of(1))
const PLAIN: Tweak = { kind: 'none' }
const ROOT: Tweak = { kind: 'key', merkleRoot: sha256(Uint8Array.of(2)) }
const dealt = dealKey(3, 5, ODD_SECRET)
const [A, B, C, D, E] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey, PublicKey]
/** What of the port a secret scalar may meet. */
const CONSTANT_TIME = ['publicKeyOf', 'mulScalars', 'addScalars', 'negateScalar', 'isSecret']
const NO_POINT = { hiding: new Uint8Array(33), binding: SOME_POINT }

const keyOf = (of: DealtKey, m: PublicKey): KeyPackage => of.keys.get(m) as KeyPackage
const codeThrownBy = (work: () => unknown): string | undefined => {
  try {
    work()
  } catch (error) {
    return codeOf(error) ?? (error instanceof TypeError ? 'TypeError' : 'other')
  }
  return undefined
}

/** A port that tells which of its functions were called, and can be made to refuse some. */
function watched(port: Curve) {
  const calls: string[] = []
  const results: Uint8Array[] = []
  const refused = new Set<string>()
  const wrap = <T>(name: string, value: T): T =>
    typeof value === 'function'
      ? (((...args: unknown[]) => {
          if (refused.has(name)) throw new Error(`${name} must not be called`)
          calls.push(name)
          const result: unknown = value(...args)
          if (result instanceof Uint8Array && /Scalar/.test(name)) results.push(result)
          return result
        }) as T)
      : value
  const spy = Object.fromEntries(Object.entries(port).map(([k, v]) => [k, wrap(k, v)])) as unknown as Curve
  return { spy, calls, results, refused }
}

for (const port of BACKENDS)
  describe(`a signing session, ${port.name}`, () => {
    const commitAll = (signers: readonly PublicKey[], of = dealt) => {
      const nonces = new Map(signers.map((m) => [m, freshNonces(keyOf(of, m).signingShare, undefined, port)] as const))
      const commitments = new Map<PublicKey, NonceCommitment>([...nonces].map(([m, n]) => [m, n.commitment]))
      return { nonces, commitments }
    }
    const openAll = (signers: readonly PublicKey[], tweak: Tweak = PLAIN, using: Curve = port) => {
      const { nonces, commitments } = commitAll(signers)
      const opened = SigningSession.open(dealt.public, commitments, DIGEST, tweak, using)
      if (!opened.ok) throw new Error(opened.fault.code)
      const { session } = opened
      const shareOf = (m: PublicKey) => session.share(keyOf(dealt, m), nonces.get(m) as SecretNonces)
      return { session, nonces, commitments, shareOf }
    }
    const faultOf = (
      commitments: ReadonlyMap<PublicKey, NonceCommitment>,
      digest = DIGEST,
      tweak: Tweak = PLAIN,
      using: Curve = port,
    ) => {
      const opened = SigningSession.open(dealt.public, commitments, digest, tweak, using)
      return opened.ok ? 'open' : opened.fault
    }

    describe('is not opened', () => {
      it('with fewer commitments than the threshold', () => {
        expect(faultOf(commitAll([A, B]).commitments)).toEqual({ code: 'too_few' })
        expect(faultOf(new Map())).toEqual({ code: 'too_few' })
      })
      it('with a commitment of somebody who is no member', () => {
        const stranger = dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey
        const { commitments } = commitAll([A, B, C])
        const one = commitments.get(A) as NonceCommitment
        expect(faultOf(new Map(commitments).set(stranger, one))).toEqual({ code: 'not_members' })
      })
      it('with commitments that are no points, and names all who sent them', () => {
        const { commitments } = commitAll([A, B, C, D])
        commitments.set(B, NO_POINT).set(D, { hiding: SOME_POINT, binding: SOME_POINT.subarray(1) })
        expect(faultOf(commitments)).toEqual({ code: 'bad_commitments', members: [B, D] })
      })
      it('for a digest of another length', () => {
        const { commitments } = commitAll([A, B, C])
        for (const length of [0, 31, 33])
          expect(faultOf(commitments, new Uint8Array(length))).toEqual({ code: 'bad_digest' })
      })
      it('for a merkle root of another length', () => {
        const { commitments } = commitAll([A, B, C])
        for (const length of [0, 31, 33]) {
          const tweak: Tweak = { kind: 'key', merkleRoot: new Uint8Array(length) }
          expect(faultOf(commitments, DIGEST, tweak)).toEqual({ code: 'bad_tweak' })
        }
      })
      it('where the commitments cancel out into the point at infinity, and names nobody', () => {
        const { commitments } = commitAll([A, B, C])
        expect(faultOf(commitments, DIGEST, PLAIN, { ...port, sumPoints: () => undefined })).toEqual({
          code: 'identity',
        })
      })
    })

    describe('makes no share', () => {
      it('of another key, or of another epoch of the same key (R20), and leaves the pair unspent', () => {
        const { session, nonces } = openAll([A, B, C])
        const own = nonces.get(A) as SecretNonces
        for (const other of [dealKey(3, 5, EVEN_SECRET), dealKey(3, 5, ODD_SECRET)]) {
          expect(codeThrownBy(() => session.share(keyOf(other, A), own))).toBe('PACKAGE_INVALID')
          expect(own.spent).toBe(false)
        }
      })
      it('for a member outside it', () => {
        const { session, nonces } = openAll([A, B, C])
        expect(codeThrownBy(() => session.share(keyOf(dealt, D), nonces.get(A) as SecretNonces))).toBe(
          'PACKAGE_INVALID',
        )
      })
      it("with another session's nonces, and leaves them unspent (R25)", () => {
        const other = commitAll([A]).nonces.get(A) as SecretNonces
        expect(codeThrownBy(() => openAll([A, B, C]).session.share(keyOf(dealt, A), other))).toBe('PACKAGE_INVALID')
        expect(other.spent).toBe(false)
      })
      it('with nonces that are not those of their commitment: spent and zeroed all the same (R25)', () => {
        const { session, nonces } = openAll([A, B, C])
        const [hiding, binding] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
        const swapped = new SecretNonces(hiding, binding, (nonces.get(A) as SecretNonces).commitment)
        expect(codeThrownBy(() => session.share(keyOf(dealt, A), swapped))).toBe('TypeError')
        expect(swapped.spent).toBe(true)
        expect([...hiding, ...binding].every((b) => b === 0)).toBe(true)
      })
      it('twice with one pair (R25)', () => {
        const { shareOf } = openAll([A, B, C])
        shareOf(A)
        expect(codeThrownBy(() => shareOf(A))).toBe('NONCE_SPENT')
      })
    })

    describe('aggregates', () => {
      it('under the tweaked key what every order of commitments agrees on', () => {
        for (const tweak of [PLAIN, ROOT]) {
          const { session, shareOf, commitments } = openAll([E, A, C], tweak)
          const shares = new Map([A, C, E].map((m) => [m, shareOf(m)]))
          const turned = SigningSession.open(dealt.public, new Map([...commitments].reverse()), DIGEST, tweak, port)
          if (!turned.ok) throw new Error(turned.fault.code)
          const made = session.aggregate(shares)
          expect(made.ok).toBe(true)
          expect(turned.session.aggregate(shares)).toEqual(made)
        }
      })
      it('nothing, and names everyone: the wrong, the malformed, the silent', () => {
        const { session, shareOf } = openAll([A, B, C, D])
        const shares = new Map([A, B, C].map((m) => [m, shareOf(m)]))
        shares.set(A, port.negateScalar(shares.get(A) as Uint8Array)).set(C, new Uint8Array(31))
        expect(session.aggregate(shares)).toEqual({ ok: false, cheaters: [A, C, D] })
        expect(session.aggregate(new Map())).toEqual({ ok: false, cheaters: [A, B, C, D] })
      })
      it('nothing, and names nobody, with a share of somebody outside it', () => {
        const { session, shareOf } = openAll([A, B, C])
        const shares = new Map([A, B, C, D].map((m) => [m, m === D ? new Uint8Array(32) : shareOf(m)]))
        expect(session.aggregate(shares)).toEqual({ ok: false, cheaters: [] })
      })
      it('nothing where shares sum up to zero', () => {
        const { session, shareOf } = openAll([A, B, C])
        const a = shareOf(A)
        const shares = new Map([
          [A, a],
          [B, port.negateScalar(a)],
          [C, new Uint8Array(32)],
        ])
        expect(session.aggregate(shares)).toEqual({ ok: false, cheaters: [B, C] })
      })
      it('with one check of the sum, and looks at single shares only if that fails', () => {
        const { spy, calls } = watched(port)
        const { session, shareOf } = openAll([A, B, C], ROOT, spy)
        const shares = new Map([A, B, C].map((m) => [m, shareOf(m)]))
        calls.length = 0
        expect(session.aggregate(shares).ok).toBe(true)
        expect(calls).toEqual(['schnorrVerify'])
        calls.length = 0
        shares.set(B, new Uint8Array(32).fill(1))
        expect(session.aggregate(shares)).toEqual({ ok: false, cheaters: [B] })
        expect(calls.filter((c) => c === 'linearCombination')).toHaveLength(3)
      })
    })

    describe('secrets', () => {
      it('should meet only functions of the port that take the same time for all of them', () => {
        const { spy, calls, refused } = watched(port)
        const { shareOf } = openAll([A, B, C], ROOT, spy)
        for (const name of ['mulPointPublic', 'linearCombination', 'sumPoints', 'addPoints']) refused.add(name)
        calls.length = 0
        shareOf(A)
        expect(calls).toContain('mulScalars')
        for (const name of calls) expect(CONSTANT_TIME).toContain(name)
        calls.length = 0
        freshNonces(keyOf(dealt, A).signingShare, undefined, spy)
        for (const name of calls) expect(CONSTANT_TIME).toContain(name)
      })
      it('should be zeroed on the way to a share: all but the share itself', () => {
        const { spy, results } = watched(port)
        for (const tweak of [PLAIN, ROOT]) {
          const { shareOf } = openAll([A, B, C], tweak, spy)
          results.length = 0
          const share = toHex(shareOf(A))
          const left = results.map(toHex).filter((hex) => !/^0+$/.test(hex))
          expect(results.length).toBeGreaterThan(3)
          expect(left).toEqual([share])
        }
      })
      it('should not be in the session', () => {
        const { session } = openAll([A, B, C])
        expect(JSON.stringify(session)).toBe('{}')
      })
    })

    it('should give the x-only key of the package no other meaning: an odd key signs as its even twin', () => {
      const { session, shareOf } = openAll([A, B, C])
      const made = session.aggregate(new Map([A, B, C].map((m) => [m, shareOf(m)])))
      expect(
        made.ok && port.schnorrVerify(made.signature, DIGEST, xOnly(dealt.public.commitments[0] as Uint8Array)),
      ).toBe(true)
    })
  })
