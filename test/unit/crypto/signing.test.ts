import { describe, expect, it } from 'vitest'
import { CodedError, codeOf, type PublicKey } from '../../../src/base/index.ts'
import {
  aggregate,
  commitNonces,
  type KeyPackage,
  type NonceCommitment,
  SecretNonces,
  signShare,
  type Tweak,
  tweakedGroupKey,
  tweakedPublicKey,
  tweakKeyPackage,
  verifyShare,
} from '../../../src/crypto/index.ts'
import { curve, sha256, taggedHash } from '../../../src/curve/index.ts'
import { type DealtKey, dealKey, EVEN_SECRET, ODD_SECRET, SOME_POINT } from './signing-keys.ts'

const DIGEST = sha256(new Uint8Array([1]))
const ROOT = sha256(new Uint8Array([2]))
const PLAIN: Tweak = { kind: 'none' }
const EMPTY_ROOT: Tweak = { kind: 'key', merkleRoot: null }
const WITH_ROOT: Tweak = { kind: 'key', merkleRoot: ROOT }
const TWEAKS = { none: PLAIN, 'empty root': EMPTY_ROOT, 'merkle root': WITH_ROOT }

interface Session {
  readonly dealt: DealtKey
  readonly signers: readonly PublicKey[]
  readonly nonces: Map<PublicKey, SecretNonces>
  readonly commitments: Map<PublicKey, NonceCommitment>
}

const keyOf = (dealt: DealtKey, member: PublicKey): KeyPackage => {
  const key = dealt.keys.get(member)
  if (key === undefined) throw new Error('no such member in this test')
  return key
}

function open(dealt: DealtKey, signers: readonly PublicKey[]): Session {
  const nonces = new Map<PublicKey, SecretNonces>()
  const commitments = new Map<PublicKey, NonceCommitment>()
  for (const member of signers) {
    const made = commitNonces(keyOf(dealt, member))
    nonces.set(member, made.nonces)
    commitments.set(member, made.commitment)
  }
  return { dealt, signers, nonces, commitments }
}

function shareOf(s: Session, member: PublicKey, tweak: Tweak = PLAIN, digest = DIGEST): Uint8Array {
  const nonces = s.nonces.get(member)
  if (nonces === undefined) throw new Error('no nonces in this test')
  return signShare(keyOf(s.dealt, member), nonces, s.commitments, digest, tweak)
}

const sharesOf = (s: Session, tweak: Tweak = PLAIN): Map<PublicKey, Uint8Array> =>
  new Map(s.signers.map((m) => [m, shareOf(s, m, tweak)]))

function codeThrownBy(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return codeOf(error)
  }
  return undefined
}

const dealt = dealKey(3, 5)
const [A, B, C, D, E] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey, PublicKey]
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((b, i) => (i === 31 ? b ^ 1 : b))

describe('signing with t of n', () => {
  const subsets = dealt.members.flatMap((a, i) =>
    dealt.members.flatMap((b, j) =>
      dealt.members.flatMap((c, k) => (i < j && j < k ? [[a, b, c] as PublicKey[]] : [])),
    ),
  )

  it('should give a valid signature with every choice of t members', () => {
    expect(subsets).toHaveLength(10)
    for (const signers of subsets) {
      const s = open(dealt, signers)
      const made = aggregate(dealt.public, s.commitments, DIGEST, PLAIN, sharesOf(s))
      expect(made.ok && curve.schnorrVerify(made.signature, DIGEST, tweakedPublicKey(dealt.public, PLAIN))).toBe(true)
    }
  })

  it('should give a valid signature with more than t members', () => {
    const s = open(dealt, dealt.members)
    const made = aggregate(dealt.public, s.commitments, DIGEST, PLAIN, sharesOf(s))
    expect(made.ok && curve.schnorrVerify(made.signature, DIGEST, tweakedPublicKey(dealt.public, PLAIN))).toBe(true)
  })

  it('should not sign with t − 1 commitments, and leave the pair unspent', () => {
    const s = open(dealt, [A, B])
    expect(codeThrownBy(() => shareOf(s, A))).toBe('PACKAGE_INVALID')
    expect(s.nonces.get(A)?.spent).toBe(false)
  })

  it('should not aggregate t − 1 shares, and blame nobody', () => {
    const s = open(dealt, [A, B, C])
    const shares = sharesOf(s)
    const two = new Map([...s.commitments].slice(0, 2))
    shares.delete(C)
    expect(aggregate(dealt.public, two, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [] })
  })
})

describe('tweaks (BIP341)', () => {
  for (const [parity, secret] of [
    ['even', EVEN_SECRET],
    ['odd', ODD_SECRET],
  ] as const) {
    const key = dealKey(2, 3, secret)
    const P = tweakedPublicKey(key.public, PLAIN)
    const signers = key.members.slice(1)

    it(`should start from a group key of ${parity} Y`, () => {
      expect(key.public.commitments[0]?.[0]).toBe(parity === 'even' ? 0x02 : 0x03)
    })

    for (const [name, tweak] of Object.entries(TWEAKS)) {
      it(`should sign under Q with ${name}, P having ${parity} Y`, () => {
        const s = open(key, signers)
        const made = aggregate(key.public, s.commitments, DIGEST, tweak, sharesOf(s, tweak))
        if (!made.ok) throw new Error('no signature')
        expect(curve.schnorrVerify(made.signature, DIGEST, tweakedPublicKey(key.public, tweak))).toBe(true)
        expect(curve.schnorrVerify(made.signature, DIGEST, P)).toBe(tweak.kind === 'none')
      })

      it(`should verify single shares with ${name}, P having ${parity} Y`, () => {
        const s = open(key, signers)
        for (const [member, share] of sharesOf(s, tweak))
          expect(verifyShare(key.public, s.commitments, DIGEST, tweak, member, share)).toBe(true)
      })

      it(`should give the same material by tweaking the package with ${name}, P having ${parity} Y`, () => {
        const all = [...key.keys.values()].map((k) => tweakKeyPackage(k, tweak))
        for (const k of all) {
          const xQ = tweakedPublicKey(key.public, tweak)
          expect(tweakedPublicKey(k.public, PLAIN)).toEqual(xQ)
          expect(k.public.verifyingShares.get(k.owner)).toEqual(curve.publicKeyOf(k.signingShare))
        }
        const moved: DealtKey = {
          members: key.members,
          public: (all[0] as KeyPackage).public,
          keys: new Map(all.map((k) => [k.owner, k])),
        }
        const s = open(moved, signers)
        const made = aggregate(moved.public, s.commitments, DIGEST, PLAIN, sharesOf(s))
        expect(made.ok && curve.schnorrVerify(made.signature, DIGEST, tweakedPublicKey(key.public, tweak))).toBe(true)
      })
    }

    it(`should compute Q as BIP341 writes it, P having ${parity} Y`, () => {
      const t = taggedHash('TapTweak', P, ROOT)
      const Q = curve.addPoints(Uint8Array.of(2, ...P), curve.publicKeyOf(t))
      expect(tweakedPublicKey(key.public, WITH_ROOT)).toEqual(Q.subarray(1))
      // Whoever has the x-only key alone comes to the same.
      for (const tweak of [PLAIN, EMPTY_ROOT, WITH_ROOT])
        expect(tweakedGroupKey(key.public.groupKey, tweak)).toEqual(tweakedPublicKey(key.public, tweak))
    })
  }

  it('should tell the empty root from no tweak and from a root of zeros', () => {
    const keys = [PLAIN, EMPTY_ROOT, { kind: 'key', merkleRoot: new Uint8Array(32) } as const].map((t) =>
      tweakedPublicKey(dealt.public, t).join(),
    )
    expect(new Set(keys).size).toBe(3)
  })

  it('should refuse a share made under another tweak', () => {
    const s = open(dealt, [A, B, C])
    const share = shareOf(s, A, WITH_ROOT)
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, A, share)).toBe(false)
  })

  it('should refuse to name a key for a root of 31 bytes', () => {
    expect(() => tweakedPublicKey(dealt.public, { kind: 'key', merkleRoot: new Uint8Array(31) })).toThrow(TypeError)
  })

  it('should refuse to sign with a root of 33 bytes, and leave the pair unspent', () => {
    const s = open(dealt, [A, B, C])
    const tweak: Tweak = { kind: 'key', merkleRoot: new Uint8Array(33) }
    expect(codeThrownBy(() => shareOf(s, A, tweak))).toBe('PACKAGE_INVALID')
    expect(s.nonces.get(A)?.spent).toBe(false)
    expect(verifyShare(dealt.public, s.commitments, DIGEST, tweak, A, new Uint8Array(32))).toBe(false)
    expect(aggregate(dealt.public, s.commitments, DIGEST, tweak, sharesOf(s)).ok).toBe(false)
  })
})

describe('nonces', () => {
  it('R25: should refuse a second share with the same pair, whatever the package', () => {
    const s = open(dealt, [A, B, C])
    shareOf(s, A)
    expect(codeThrownBy(() => shareOf(s, A))).toBe('NONCE_SPENT')
    expect(codeThrownBy(() => shareOf(s, A, PLAIN, ROOT))).toBe('NONCE_SPENT')
  })

  it('R25: should zero the pair once a share is made', () => {
    let hiding = new Uint8Array(1)
    const s = open(dealt, [A, B, C])
    const nonces = s.nonces.get(A) as SecretNonces
    const take = nonces.take.bind(nonces)
    nonces.take = () => {
      const taken = take()
      hiding = taken.hiding as Uint8Array<ArrayBuffer>
      expect(hiding.some((b) => b !== 0)).toBe(true)
      return taken
    }
    shareOf(s, A)
    expect(hiding).toEqual(new Uint8Array(32))
  })

  it('R25: should spend and zero the pair even if the computation fails after it was taken', () => {
    const key = keyOf(dealt, A)
    const made = commitNonces(key)
    const [hiding, binding] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const nonces = new SecretNonces(hiding, binding, made.commitment)
    const s = open(dealt, [A, B, C])
    s.commitments.set(A, made.commitment)
    expect(() => signShare(key, nonces, s.commitments, DIGEST, PLAIN)).toThrow()
    expect(nonces.spent).toBe(true)
    expect([...hiding, ...binding].every((b) => b === 0)).toBe(true)
  })

  it('R25: should refuse a destroyed pair', () => {
    const s = open(dealt, [A, B, C])
    s.nonces.get(A)?.destroy()
    expect(codeThrownBy(() => shareOf(s, A))).toBe('NONCE_SPENT')
  })

  it('R25: should hedge with the signing share: the same entropy gives each member its own nonces', () => {
    const weak = (length = 32) => new Uint8Array(length).fill(7)
    const a = commitNonces(keyOf(dealt, A), weak)
    const b = commitNonces(keyOf(dealt, B), weak)
    expect(a.commitment).not.toEqual(b.commitment)
  })

  it('should never render the secrets', () => {
    const { nonces } = commitNonces(keyOf(dealt, A))
    expect(JSON.stringify({ nonces })).toBe('{"nonces":"nonces"}')
    expect(Object.keys(nonces)).toEqual(['commitment'])
  })

  it('should make fresh pairs every time', () => {
    const key = keyOf(dealt, A)
    expect(commitNonces(key).commitment).not.toEqual(commitNonces(key).commitment)
  })
})

describe('packages that must not be signed', () => {
  const spoil: Readonly<Record<string, (s: Session) => void>> = {
    'our own commitment left out': (s) =>
      s.commitments.delete(A) && s.commitments.set(D, commitNonces(keyOf(dealt, D)).commitment),
    'our own commitment replaced': (s) => s.commitments.set(A, commitNonces(keyOf(dealt, A)).commitment),
    'our own hiding and binding swapped': (s) => {
      const own = s.commitments.get(A) as NonceCommitment
      s.commitments.set(A, { hiding: own.binding, binding: own.hiding })
    },
    "another's commitment not on the curve": (s) =>
      s.commitments.set(B, { hiding: Uint8Array.of(2, ...new Uint8Array(32)), binding: SOME_POINT }),
    "another's commitment too short": (s) =>
      s.commitments.set(B, { hiding: SOME_POINT, binding: SOME_POINT.subarray(1) }),
    "another's commitment uncompressed": (s) =>
      s.commitments.set(B, { hiding: new Uint8Array(65).fill(4), binding: SOME_POINT }),
    'a stranger in it': (s) =>
      s.commitments.set(dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey, {
        hiding: SOME_POINT,
        binding: SOME_POINT,
      }),
  }
  for (const [defect, apply] of Object.entries(spoil))
    it(`should refuse ${defect}, and leave the pair unspent`, () => {
      const s = open(dealt, [A, B, C])
      apply(s)
      expect(codeThrownBy(() => shareOf(s, A))).toBe('PACKAGE_INVALID')
      expect(s.nonces.get(A)?.spent).toBe(false)
      if (!defect.startsWith('our own'))
        expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, A, new Uint8Array(32).fill(1))).toBe(false)
    })

  it('should refuse a digest of 31 bytes', () => {
    const s = open(dealt, [A, B, C])
    expect(codeThrownBy(() => shareOf(s, A, PLAIN, DIGEST.subarray(1)))).toBe('PACKAGE_INVALID')
  })

  it('should be a CodedError that says what to do', () => {
    const s = open(dealt, [A, B, C])
    s.nonces.get(A)?.destroy()
    expect(() => shareOf(s, A)).toThrow(CodedError)
    expect(() => shareOf(s, A)).toThrow(/fresh/)
  })
})

describe('wrong shares', () => {
  const ORDER = Uint8Array.from(Buffer.from('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'hex'))
  const defects: Readonly<Record<string, (share: Uint8Array) => Uint8Array>> = {
    'one bit flipped': flipped,
    'all zero': () => new Uint8Array(32),
    'the group order': () => ORDER,
    'all ones': () => new Uint8Array(32).fill(255),
    empty: () => new Uint8Array(0),
    'of 31 bytes': (s) => s.subarray(1),
    'of 33 bytes': (s) => Uint8Array.of(0, ...s),
    negated: curve.negateScalar,
  }
  for (const [defect, apply] of Object.entries(defects))
    it(`should name exactly the author of a share that is ${defect}`, () => {
      const s = open(dealt, [A, C, E])
      const shares = sharesOf(s)
      const bad = apply(shares.get(C) as Uint8Array)
      shares.set(C, bad)
      expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, C, bad)).toBe(false)
      expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [C] })
    })

  it('should name two cheaters of three', () => {
    const s = open(dealt, [A, C, E])
    const shares = sharesOf(s)
    for (const m of [A, E]) shares.set(m, curve.negateScalar(shares.get(m) as Uint8Array))
    expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [A, E] })
  })

  it('should accept errors that cancel out only because the sum is a true signature, while single shares stay wrong (R22)', () => {
    const s = open(dealt, [A, C, E])
    const shares = sharesOf(s)
    const one = EVEN_SECRET
    const up = curve.addScalars(shares.get(A) as Uint8Array, one)
    const down = curve.addScalars(shares.get(C) as Uint8Array, curve.negateScalar(one))
    shares.set(A, up).set(C, down)
    expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares).ok).toBe(true)
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, A, up)).toBe(false)
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, C, down)).toBe(false)
  })

  it("should refuse another member's share under one's name", () => {
    const s = open(dealt, [A, B, C])
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, B, shareOf(s, A))).toBe(false)
  })

  it('should refuse a share of a member outside the package', () => {
    const s = open(dealt, [A, B, C])
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, D, shareOf(s, A))).toBe(false)
  })

  it('should refuse a share for another digest', () => {
    const s = open(dealt, [A, B, C])
    expect(verifyShare(dealt.public, s.commitments, DIGEST, PLAIN, A, shareOf(s, A, PLAIN, ROOT))).toBe(false)
  })

  it('should refuse a share beside other commitments', () => {
    const s = open(dealt, [A, B, C])
    const share = shareOf(s, A)
    const others = new Map(s.commitments).set(B, commitNonces(keyOf(dealt, B)).commitment)
    expect(verifyShare(dealt.public, others, DIGEST, PLAIN, A, share)).toBe(false)
  })

  it('should name a member whose commitment is no point, before any arithmetic', () => {
    const s = open(dealt, [A, B, C])
    const shares = sharesOf(s)
    s.commitments.set(B, { hiding: new Uint8Array(33), binding: SOME_POINT })
    expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [B] })
  })

  it('should name a member whose share is missing', () => {
    const s = open(dealt, [A, B, C])
    const shares = sharesOf(s)
    shares.delete(B)
    expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [B] })
  })

  it('should blame nobody for a share that the caller added from outside the package', () => {
    const s = open(dealt, [A, B, C])
    const shares = sharesOf(s).set(D, new Uint8Array(32).fill(1))
    expect(aggregate(dealt.public, s.commitments, DIGEST, PLAIN, shares)).toEqual({ ok: false, cheaters: [] })
  })
})
