import { schnorr_FROST, secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf, type PublicKey, toHex } from '../../../src/base/index.ts'
import {
  aggregatePublicKey,
  checkDealings,
  combineShares,
  dealerFor,
  identifierOf,
  type KeyPackage,
  shareFor,
  shareMatchesDealing,
} from '../../../src/crypto/index.ts'
import { defectOf } from '../../../src/crypto/keygen/package.ts'
import { curve } from '../../../src/curve/index.ts'
import { combine, dealtTo, group, keygen, type Participant, replayScalars } from './keygen-fixtures.ts'

const { Fn } = schnorr_FROST.utils
const hex = (keys: readonly Uint8Array[]) => keys.map(toHex)
const first = (g: { readonly members: readonly PublicKey[] }) => g.members[0] as PublicKey
const publicOf = ({ public: p }: KeyPackage) => ({
  ...p,
  commitments: hex(p.commitments),
  verifyingShares: [...p.verifyingShares].map(([m, v]) => [m, toHex(v)]),
})
/** The one secret that exists nowhere: interpolated here to judge the shares. */
const secretOf = (keys: readonly KeyPackage[], threshold: number) =>
  schnorr_FROST.combineSecret(
    keys.map((k) => ({ identifier: identifierOf(k.owner), signingShare: k.signingShare })),
    { min: threshold, max: Math.max(threshold, keys.length) },
  )

describe('keygen', () => {
  it('should give every member the same public package, and shares of one secret of even Y', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.nat(), (n, x) => {
        const threshold = 2 + (x % (n - 1))
        const keys = keygen(n, threshold)
        const one = keys[0] as KeyPackage
        for (const k of keys) expect(publicOf(k)).toEqual(publicOf(one))
        for (const k of keys) expect(defectOf(k)).toBeUndefined()
        const t = x % (n - threshold + 1)
        const secret = secretOf(keys.slice(t, t + threshold), threshold)
        expect(toHex(curve.publicKeyOf(secret))).toBe(`02${one.public.groupKey}`)
      }),
      { numRuns: 12 },
    )
  })

  it('R2: should make the group key even whatever came out of the sum', () => {
    const g = group(3, 2)
    const parities = new Set<number>()
    for (let i = 0; i < 40 && parities.size < 2; i++) {
      const p = dealtTo(g)[0] as Participant
      checkDealings(p.dealer, p.others)
      const raw = p.dealer.combine(
        new Map([...p.others].map(([m, d]) => [identifierOf(m), d])),
        new Map([...p.shares].map(([m, s]) => [identifierOf(m), s])),
      )
      if (!raw.ok) throw new Error('expected a key')
      const key = combine(g, p)
      parities.add(raw.key.commitments[0]?.[0] ?? 0)
      expect(key.public.commitments[0]?.[0]).toBe(2)
      expect(aggregatePublicKey(key.public)).toBe(`02${toHex(raw.key.commitments[0]?.subarray(1) ?? new Uint8Array())}`)
      expect(defectOf(key)).toBeUndefined()
    }
    expect(parities).toEqual(new Set([2, 3]))
  })

  it('should let fewer than the threshold know nothing of the secret', () => {
    const keys = keygen(4, 3)
    const wrong = secretOf(keys.slice(0, 2), 2)
    expect(toHex(curve.publicKeyOf(wrong)).slice(2)).not.toBe(keys[0]?.public.groupKey)
  })

  it('should give the same key when combined again, and share nothing with a second run', () => {
    const g = group(3, 2)
    const [p, again] = [dealtTo(g)[0] as Participant, dealtTo(g)[0] as Participant]
    expect(publicOf(combine(g, p))).toEqual(publicOf(combine(g, p)))
    expect(publicOf(combine(g, p)).groupKey).not.toBe(publicOf(combine(g, again)).groupKey)
  })

  it('should refuse a group without this member, with a member twice, or with an impossible threshold', () => {
    const g = group(3, 2)
    expect(() => dealerFor(g, first(group(1, 2)))).toThrow(TypeError)
    expect(() => dealerFor({ ...g, members: [...g.members, first(g)] }, first(g))).toThrow(TypeError)
    expect(() => dealerFor({ ...g, threshold: 1 }, first(g))).toThrow()
    expect(() => dealerFor({ ...g, threshold: 4 }, first(g))).toThrow()
  })

  it('should deal and combine nothing once destroyed', () => {
    const g = group(3, 2)
    const p = dealtTo(g)[0] as Participant
    checkDealings(p.dealer, p.others)
    p.dealer.destroy()
    expect(() => shareFor(p.dealer, g.members[1] as PublicKey)).toThrow('destroyed')
    expect(() => combineShares(g, p.self, p.dealer, p.others, p.shares)).toThrow('destroyed')
  })

  it('should never render its polynomial', () => {
    const g = group(2, 2)
    const secret = '11'.repeat(32)
    const dealer = dealerFor(g, first(g), replayScalars([secret]))
    expect(JSON.stringify({ dealer })).toBe('{"dealer":"dealer"}')
    expect(Object.values(dealer).some((v) => v === BigInt(`0x${secret}`))).toBe(false)
  })
})

describe('a dealing at fault', () => {
  const spoiled = (spoil: (p: Participant, cheater: PublicKey, other: PublicKey) => void) => {
    const g = group(4, 3)
    const p = dealtTo(g)[0] as Participant
    const [, cheater, other] = g.members as [PublicKey, PublicKey, PublicKey]
    spoil(p, cheater, other)
    const checked = checkDealings(p.dealer, p.others)
    if (checked.ok) throw new Error('expected a fault')
    expect([...checked.faults.keys()]).toEqual([cheater])
    return checked.faults.get(cheater)
  }
  const change = (p: Participant, m: PublicKey, to: (c: readonly Uint8Array[]) => readonly Uint8Array[]) => {
    const d = p.others.get(m)
    if (d !== undefined) p.others.set(m, { ...d, commitments: to(d.commitments) })
  }

  it('should be named when its proof is of another constant term', () => {
    expect(
      spoiled((p, cheater, other) =>
        change(p, cheater, (c) => [p.others.get(other)?.commitments[0] ?? new Uint8Array(), ...c.slice(1)]),
      ),
    ).toBe('bad_proof_of_knowledge')
  })
  it('should be named when it copies the dealing of another', () => {
    expect(
      spoiled((p, cheater, other) =>
        p.others.set(cheater, p.others.get(other) ?? { commitments: [], proofOfKnowledge: new Uint8Array() }),
      ),
    ).toBe('bad_proof_of_knowledge')
  })
  it('should be named when its proof is too short', () => {
    expect(
      spoiled((p, cheater) => {
        const d = p.others.get(cheater)
        if (d !== undefined) p.others.set(cheater, { ...d, proofOfKnowledge: d.proofOfKnowledge.subarray(1) })
      }),
    ).toBe('bad_proof_of_knowledge')
  })
  it('should be named when its proof holds a scalar beyond the order', () => {
    expect(
      spoiled((p, cheater) => {
        const d = p.others.get(cheater)
        if (d !== undefined) p.others.set(cheater, { ...d, proofOfKnowledge: new Uint8Array(64).fill(0xff) })
      }),
    ).toBe('bad_proof_of_knowledge')
  })
  it('should be named with one commitment too few', () => {
    expect(spoiled((p, cheater) => change(p, cheater, (c) => c.slice(0, -1)))).toBe('wrong_commitment_count')
  })
  it('should be named with one commitment too many', () => {
    expect(spoiled((p, cheater) => change(p, cheater, (c) => [...c, c[0] ?? new Uint8Array()]))).toBe(
      'wrong_commitment_count',
    )
  })
  it('should be named with no commitment at all', () => {
    expect(spoiled((p, cheater) => change(p, cheater, () => []))).toBe('wrong_commitment_count')
  })
  it('should be named with a commitment that is no point', () => {
    expect(spoiled((p, cheater) => change(p, cheater, (c) => [...c.slice(0, -1), new Uint8Array(33).fill(5)]))).toBe(
      'malformed',
    )
  })
  it('should be named with the identity as a commitment', () => {
    expect(spoiled((p, cheater) => change(p, cheater, (c) => [...c.slice(0, -1), new Uint8Array(33)]))).toBe(
      'malformed',
    )
  })
  it('should be named with an uncompressed commitment, a second spelling of a point', () => {
    expect(
      spoiled((p, cheater) =>
        change(p, cheater, (c) => [...c.slice(0, -1), spelledOut(c[c.length - 1] ?? new Uint8Array())]),
      ),
    ).toBe('malformed')
  })
})

describe('a share at fault', () => {
  const run = (spoil: (shares: Map<PublicKey, Uint8Array>, cheater: PublicKey, other: PublicKey) => void) => {
    const g = group(4, 3)
    const p = dealtTo(g)[0] as Participant
    const [, cheater, other] = g.members as [PublicKey, PublicKey, PublicKey]
    spoil(p.shares, cheater, other)
    expect(checkDealings(p.dealer, p.others).ok).toBe(true)
    const combined = combineShares(g, p.self, p.dealer, p.others, p.shares)
    if (combined.ok) throw new Error('expected a fault')
    return { named: combined.badShares, cheater, other }
  }

  it('should name its dealer when it is of another polynomial', () => {
    const { named, cheater } = run((s, c) => s.set(c, curve.randomScalar()))
    expect(named).toEqual([cheater])
  })
  it('should name its dealer when it is zero', () => {
    const { named, cheater } = run((s, c) => s.set(c, new Uint8Array(32)))
    expect(named).toEqual([cheater])
  })
  it('should name its dealer when it is beyond the order', () => {
    const { named, cheater } = run((s, c) => s.set(c, new Uint8Array(32).fill(0xff)))
    expect(named).toEqual([cheater])
  })
  it('should name its dealer when it is of the wrong length', () => {
    const { named, cheater } = run((s, c) => s.set(c, new Uint8Array(31).fill(1)))
    expect(named).toEqual([cheater])
  })
  it('should name its dealer when it is missing', () => {
    const { named, cheater } = run((s, c) => s.delete(c))
    expect(named).toEqual([cheater])
  })
  it('should be told from another by name, whatever the order of the dealers', () => {
    const { named, cheater, other } = run((s, c, o) => {
      const [one, two] = [s.get(c), s.get(o)]
      if (one === undefined || two === undefined) throw new Error('not dealt')
      s.set(c, curve.addScalars(one, two)).set(
        o,
        two.map((b, i) => (i === 31 ? b ^ 1 : b)),
      )
    })
    expect(named).toEqual([cheater, other])
  })
  it('should make the true key where two errors cancel out: nobody is harmed, so nobody is named', () => {
    const g = group(4, 3)
    const p = dealtTo(g)[0] as Participant
    const [, cheater, other] = g.members as [PublicKey, PublicKey, PublicKey]
    const expected = combine(g, p)
    const moved = (m: PublicKey, by: Uint8Array) =>
      p.shares.set(m, curve.addScalars(p.shares.get(m) ?? new Uint8Array(), by))
    const error = curve.randomScalar()
    moved(cheater, error)
    moved(other, curve.negateScalar(error))
    const combined = combine(g, p)
    expect(toHex(combined.signingShare)).toBe(toHex(expected.signingShare))
    expect(defectOf(combined)).toBeUndefined()
  })
  it('should be judged alone by whoever has the dealing', () => {
    const g = group(3, 2)
    const [p] = dealtTo(g) as [Participant]
    const [, dealer, other] = g.members as [PublicKey, PublicKey, PublicKey]
    const [dealing, share] = [p.others.get(dealer), p.shares.get(dealer)]
    if (dealing === undefined || share === undefined) throw new Error('not dealt')
    expect(shareMatchesDealing(p.self, dealing, share)).toBe(true)
    expect(shareMatchesDealing(other, dealing, share)).toBe(false)
  })
})

describe('dealings of another attempt', () => {
  const code = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      return codeOf(error)
    }
    return undefined
  }
  it('should not be combined before they are checked', () => {
    const g = group(3, 2)
    const p = dealtTo(g)[0] as Participant
    expect(code(() => combineShares(g, p.self, p.dealer, p.others, p.shares))).toBe('KEYGEN_MISUSED')
  })
  it('should not be combined in place of those that were checked', () => {
    const g = group(3, 2)
    const [p, again] = [dealtTo(g)[0] as Participant, dealtTo(g)[0] as Participant]
    checkDealings(p.dealer, p.others)
    const [, one] = g.members as [PublicKey, PublicKey]
    const mixed = new Map(p.others).set(
      one,
      again.others.get(one) ?? { commitments: [], proofOfKnowledge: new Uint8Array() },
    )
    expect(code(() => combineShares(g, p.self, p.dealer, mixed, p.shares))).toBe('KEYGEN_MISUSED')
    expect(code(() => combineShares(g, p.self, p.dealer, again.others, p.shares))).toBe('KEYGEN_MISUSED')
    mixed.delete(one)
    expect(code(() => combineShares(g, p.self, p.dealer, mixed, p.shares))).toBe('KEYGEN_MISUSED')
  })
  it('should be taken for the checked ones where they are the same bytes', () => {
    const g = group(3, 2)
    const p = dealtTo(g)[0] as Participant
    checkDealings(p.dealer, p.others)
    const copy = new Map(
      [...p.others].map(([m, d]) => [
        m,
        { commitments: d.commitments.map((c) => c.slice()), proofOfKnowledge: d.proofOfKnowledge.slice() },
      ]),
    )
    expect(combineShares(g, p.self, p.dealer, copy, p.shares).ok).toBe(true)
  })
  it('should be refused when one is missing, or is our own', () => {
    const g = group(3, 2)
    const p = dealtTo(g)[0] as Participant
    const [, one] = g.members as [PublicKey, PublicKey]
    const fewer = new Map([...p.others].filter(([m]) => m !== one))
    expect(code(() => checkDealings(p.dealer, fewer))).toBe('KEYGEN_MISUSED')
    expect(code(() => checkDealings(p.dealer, new Map(fewer).set(p.self, p.dealer.dealing)))).toBe('KEYGEN_MISUSED')
  })
})

describe('dealings that cancel out', () => {
  it('should name nobody, and make no key of a lower threshold', () => {
    // A rushing last dealer commits to the negative of everyone's top coefficient: the joint polynomial would lose a degree.
    const g = group(3, 2)
    const top = [Fn.fromBytes(curve.randomScalar()), Fn.fromBytes(curve.randomScalar())] as const
    const third = Fn.neg(Fn.add(...top))
    const coefficients = [...top, third].map((c) => toHex(Fn.toBytes(c)))
    const all = dealtTo(g, (m) =>
      replayScalars([toHex(curve.randomScalar()), coefficients[g.members.indexOf(m)] ?? '']),
    )
    for (const p of all) {
      expect(checkDealings(p.dealer, p.others).ok).toBe(true)
      expect(combineShares(g, p.self, p.dealer, p.others, p.shares)).toEqual({
        ok: false,
        badShares: [],
        vanishing: [],
      })
    }
  })
})

const spelledOut = (point: Uint8Array): Uint8Array => secp256k1.Point.fromBytes(point).toBytes(false)
