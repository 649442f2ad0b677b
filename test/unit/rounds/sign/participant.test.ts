import { describe, expect, it } from 'vitest'
import { asSetHash, asTranscriptHash, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { commitNonces, type KeyPackage, type NonceCommitment, verifyShare } from '../../../../src/crypto/index.ts'
import { sha256 } from '../../../../src/curve/index.ts'
import { decodeSign, encodeSign } from '../../../../src/rounds/sign/codec.ts'
import {
  packageHash,
  type Received,
  requestHash,
  SignBook,
  type SignEffect,
  type SignEnvelope,
  type SignRequest,
  type SignStep,
} from '../../../../src/rounds/sign/index.ts'
import { openParticipant, stepParticipant } from '../../../../src/rounds/sign/participant.ts'
import type { SignPackage, SignPayloads } from '../../../../src/rounds/sign/types.ts'
import { dealKey, SOME_POINT } from '../../crypto/signing-keys.ts'
import { requestOf, SET, TRANSCRIPT, wireOf } from './network.ts'

const dealt = dealKey(3, 5)
const [SELF, COORDINATOR, THIRD, OTHER] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey, PublicKey]
const STRANGER = dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey
const RUN = 'aa'.repeat(16)
const request = requestOf(dealt)

interface Said {
  readonly author?: PublicKey
  readonly boot?: number
  readonly session?: number
  readonly round?: string
  readonly scope?: SignRequest['setHash']
}
function envelope<S extends SignStep>(step: S, payload: SignPayloads[S], by: Said = {}): SignEnvelope {
  const e = {
    topic: { network: 'test', scope: by.scope ?? SET, purpose: 'sign' as const },
    author: by.author ?? COORDINATOR,
    boot: by.boot ?? 1,
    round: by.round ?? requestHash(request),
    attempt: by.session ?? 1,
    step,
    payload: encodeSign(step, payload),
  }
  return { ...e, wire: wireOf(e) }
}

/** One member alone, spoken to by hand. */
class Member {
  readonly book: SignBook
  holds = true
  constructor(maxSessions = 16) {
    this.book = new SignBook({
      self: SELF,
      maxSessions,
      keyFor: (r) =>
        this.holds && r.setHash === SET && r.transcript === TRANSCRIPT ? dealt.keys.get(SELF) : undefined,
    })
  }
  open(by: Said = {}, r: SignRequest = request, run = RUN): Received {
    return this.book.receive(envelope('open', { run, request: r }, by))
  }
  /** Opens, consents, and gives the commitment that was published. */
  commit(by: Said = {}, r: SignRequest = request, run = RUN): NonceCommitment {
    const ask = of(this.open(by, r, run).effects, 'ask_consent')[0]
    const said = this.book.consent(ask?.id ?? '', 'yes')
    return commitmentIn(said) ?? { hiding: new Uint8Array(), binding: new Uint8Array() }
  }
  package(p: SignPackage, by: Said = {}): Received {
    return this.book.receive(envelope('package', p, by))
  }
}

const of = <K extends SignEffect['kind']>(effects: readonly SignEffect[], kind: K) =>
  effects.filter((e): e is SignEffect & { kind: K } => e.kind === kind)
const commitmentIn = (effects: readonly SignEffect[]): NonceCommitment | undefined => {
  const said = of(effects, 'publish').find((p) => p.step === 'commit')
  return said && decodeSign('commit', said.payload)?.commitment
}
const sharesIn = (r: Received): Uint8Array[] =>
  of(r.effects, 'publish')
    .filter((p) => p.step === 'share')
    .map((p) => p.payload)
const reasons = (r: Received): string[] => of(r.effects, 'refused').map((e) => e.reason)

const others = [COORDINATOR, THIRD].map((m) => {
  const key = dealt.keys.get(m)
  if (key === undefined) throw new Error('no key in this test')
  return [m, commitNonces(key).commitment] as const
})
function packageWith(own: NonceCommitment, over: Partial<SignPackage> = {}): SignPackage {
  const commitments = new Map([[SELF, own] as const, ...others].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { run: RUN, request, commitments, ...over }
}

describe('one member', () => {
  it('should make no nonce before its operator consents', () => {
    const member = new Member()
    const { verdict, effects } = member.open()
    expect(verdict).toBe('accept')
    expect(effects.map((e) => e.kind)).toEqual(['arm', 'ask_consent'])
    expect(of(effects, 'ask_consent')[0]).toMatchObject({ coordinator: COORDINATOR, request })
  })

  it('should answer a package with a share that verifies', () => {
    const member = new Member()
    const p = packageWith(member.commit())
    const [payload] = sharesIn(member.package(p))
    const share = decodeSign('share', payload ?? new Uint8Array())
    expect(share?.to).toEqual({ coordinator: COORDINATOR, run: RUN })
    expect(share?.packageHash).toBe(packageHash(COORDINATOR, 1, p))
    const { digest, tweak } = request
    expect(verifyShare(dealt.public, p.commitments, digest, tweak, SELF, share?.share ?? new Uint8Array())).toBe(true)
  })

  it('R25: should repeat the same commitment for a repeated open', () => {
    const member = new Member()
    const first = member.commit()
    expect(commitmentIn(member.open().effects)).toEqual(first)
    expect(commitmentIn(member.open().effects)).toEqual(first)
  })

  it('R25: should give the same bytes for the same package, again and again', () => {
    const member = new Member()
    const p = packageWith(member.commit())
    const first = sharesIn(member.package(p))
    expect(first).toHaveLength(1)
    expect(sharesIn(member.package(p))).toEqual(first)
    expect(sharesIn(member.package(p))).toEqual(first)
    expect(sharesIn(member.open())).toEqual(first)
  })

  it('R25: should refuse another package on a spent pair', () => {
    const member = new Member()
    const p = packageWith(member.commit())
    member.package(p)
    const other = new Map(p.commitments).set(THIRD, { hiding: SOME_POINT, binding: SOME_POINT })
    const answer = member.package({ ...p, commitments: other })
    expect(sharesIn(answer)).toEqual([])
    expect(reasons(answer)).toEqual(['nonce_spent'])
  })

  it('R25: should still give the first share after the second package was refused', () => {
    const member = new Member()
    const p = packageWith(member.commit())
    const first = sharesIn(member.package(p))
    member.package({
      ...p,
      commitments: new Map(p.commitments).set(THIRD, { hiding: SOME_POINT, binding: SOME_POINT }),
    })
    expect(sharesIn(member.package(p))).toEqual(first)
  })

  it('R25: should make a fresh pair for every session, coordinator and run', () => {
    const member = new Member()
    const pairs = [
      member.commit({ session: 1 }),
      member.commit({ session: 2 }),
      member.commit({ author: THIRD }),
      member.commit({ author: THIRD, boot: 2 }, request, 'bb'.repeat(16)),
      member.commit(
        { round: requestHash(requestOf(dealt, { requestId: '77' })) },
        requestOf(dealt, { requestId: '77' }),
      ),
    ]
    expect(new Set(pairs.map((c) => toHex(c.hiding))).size).toBe(5)
    expect(new Set(pairs.map((c) => toHex(c.binding))).size).toBe(5)
  })

  it("R25: should refuse another coordinator's package over the pair", () => {
    const member = new Member()
    const own = member.commit()
    const foreign = member.package(packageWith(own), { author: THIRD })
    expect(sharesIn(foreign)).toEqual([])
    expect(reasons(foreign)).toEqual(['unknown_session'])
    expect(sharesIn(member.package(packageWith(own)))).toHaveLength(1)
  })

  it("R25: should refuse one coordinator's commitment in a package of another with an open session", () => {
    const member = new Member()
    const mine = member.commit()
    member.commit({ author: THIRD })
    const foreign = member.package(packageWith(mine), { author: THIRD })
    expect(sharesIn(foreign)).toEqual([])
    expect(reasons(foreign)).toEqual(['commitment_changed'])
  })

  it('R25: should forget the pair of a session when its coordinator opens the next', () => {
    const member = new Member()
    const old = member.commit({ session: 1 })
    member.commit({ session: 2 })
    const late = member.package(packageWith(old), { session: 1 })
    expect(sharesIn(late)).toEqual([])
    expect(reasons(late)).toEqual(['stale_session'])
  })

  it('should ignore an open of a session that is over', () => {
    const member = new Member()
    const now = member.commit({ session: 5 })
    const stale = member.open({ session: 4 })
    expect(stale.verdict).toBe('ignore')
    expect(reasons(stale)).toEqual(['stale_session'])
    expect(sharesIn(member.package(packageWith(now), { session: 5 }))).toHaveLength(1)
  })

  it("should ignore an open of the coordinator's process before the last", () => {
    const member = new Member()
    member.commit({ boot: 7 })
    expect(member.open({ boot: 6, session: 9 }, request, 'bb'.repeat(16)).verdict).toBe('ignore')
  })

  it('should ignore a second open of one session that says something else', () => {
    const member = new Member()
    member.commit()
    expect(member.open({}, request, 'bb'.repeat(16))).toEqual({ verdict: 'ignore', effects: [] })
  })

  it('should not give one pair to two packages of two runs', () => {
    const member = new Member()
    const own = member.commit()
    const answer = member.package(packageWith(own, { run: 'bb'.repeat(16) }))
    expect(reasons(answer)).toEqual(['stale_session'])
    expect(sharesIn(member.package(packageWith(own)))).toHaveLength(1)
  })
})

describe('R25: validate, then delete, then compute', () => {
  const twoOf = (own: NonceCommitment) => new Map([...packageWith(own).commitments].filter(([m]) => m !== THIRD))
  const defects: Readonly<Record<string, [(own: NonceCommitment) => Partial<SignPackage>, string, Said?]>> = {
    'our commitment changed': [
      (own) => ({
        commitments: new Map(packageWith(own).commitments).set(SELF, { hiding: SOME_POINT, binding: SOME_POINT }),
      }),
      'commitment_changed',
    ],
    'our hiding and binding swapped': [
      (own) => ({
        commitments: new Map(packageWith(own).commitments).set(SELF, { hiding: own.binding, binding: own.hiding }),
      }),
      'commitment_changed',
    ],
    'fewer than t members': [(own) => ({ commitments: twoOf(own) }), 'bad_package'],
    'a stranger among the members': [
      (own) => ({
        commitments: new Map(
          [...twoOf(own), [STRANGER, { hiding: SOME_POINT, binding: SOME_POINT }] as const].sort(([a], [b]) =>
            a < b ? -1 : 1,
          ),
        ),
      }),
      'bad_package',
    ],
    'a commitment that is no point': [
      (own) => ({
        commitments: new Map(packageWith(own).commitments).set(THIRD, {
          hiding: new Uint8Array(33),
          binding: SOME_POINT,
        }),
      }),
      'bad_package',
    ],
    'another digest': [() => ({ request: { ...request, digest: sha256(new Uint8Array(3)) } }), 'request_changed'],
    'another tweak': [() => ({ request: { ...request, tweak: { kind: 'key', merkleRoot: null } } }), 'request_changed'],
    'another request id': [() => ({ request: { ...request, requestId: 'ffff' } }), 'request_changed'],
    'another transcript': [
      () => ({ request: { ...request, transcript: asTranscriptHash('12'.repeat(32)) } }),
      'request_changed',
    ],
    'another set': [() => ({ request: { ...request, setHash: asSetHash('12'.repeat(32)) } }), 'request_changed'],
    'a later session': [() => ({}), 'stale_session', { session: 2 }],
    'an earlier session': [() => ({}), 'stale_session', { session: 0 }],
    'a coordinator that opened nothing': [() => ({}), 'unknown_session', { author: OTHER }],
    'a coordinator that is no member': [() => ({}), 'unknown_session', { author: STRANGER }],
  }
  for (const [defect, [change, reason, by]] of Object.entries(defects))
    it(`should refuse ${defect}, and keep the pair for the true package`, () => {
      const member = new Member()
      const own = member.commit()
      const answer = member.package(packageWith(own, change(own)), by)
      expect(sharesIn(answer)).toEqual([])
      expect(reasons(answer)).toEqual([reason])
      expect(sharesIn(member.package(packageWith(own)))).toHaveLength(1)
    })

  it('should say nothing to a package for which others were chosen', () => {
    const member = new Member()
    const own = member.commit()
    const theirs = new Map([...others, [OTHER, { hiding: SOME_POINT, binding: SOME_POINT }] as const])
    expect(member.package(packageWith(own, { commitments: theirs }))).toEqual({ verdict: 'accept', effects: [] })
    expect(sharesIn(member.package(packageWith(own)))).toHaveLength(1)
  })

  it('should sign nothing where consent is still awaited', () => {
    const member = new Member()
    member.open()
    expect(reasons(member.package(packageWith({ hiding: SOME_POINT, binding: SOME_POINT })))).toEqual([
      'unknown_session',
    ])
  })

  it('should sign nothing after a refusal', () => {
    const member = new Member()
    const ask = of(member.open().effects, 'ask_consent')[0]
    member.book.consent(ask?.id ?? '', 'refused')
    expect(commitmentIn(member.book.consent(ask?.id ?? '', 'yes'))).toBeUndefined()
    expect(reasons(member.package(packageWith({ hiding: SOME_POINT, binding: SOME_POINT })))).toEqual([
      'unknown_session',
    ])
  })
})

describe('R26: package hash', () => {
  const base = packageWith({ hiding: SOME_POINT, binding: SOME_POINT })
  const point = others[0]?.[1].hiding ?? SOME_POINT
  const changed: Readonly<Record<string, string>> = {
    coordinator: packageHash(THIRD, 1, base),
    session: packageHash(COORDINATOR, 2, base),
    run: packageHash(COORDINATOR, 1, { ...base, run: 'bb'.repeat(16) }),
    digest: packageHash(COORDINATOR, 1, { ...base, request: { ...request, digest: sha256(new Uint8Array(1)) } }),
    'tweak kind': packageHash(COORDINATOR, 1, {
      ...base,
      request: { ...request, tweak: { kind: 'key', merkleRoot: null } },
    }),
    root: packageHash(COORDINATOR, 1, {
      ...base,
      request: { ...request, tweak: { kind: 'key', merkleRoot: new Uint8Array(32) } },
    }),
    'request id': packageHash(COORDINATOR, 1, { ...base, request: { ...request, requestId: 'ab' } }),
    transcript: packageHash(COORDINATOR, 1, {
      ...base,
      request: { ...request, transcript: asTranscriptHash('00'.repeat(32)) },
    }),
    set: packageHash(COORDINATOR, 1, { ...base, request: { ...request, setHash: asSetHash('00'.repeat(32)) } }),
    key: packageHash(COORDINATOR, 1, { ...base, request: requestOf(dealKey(2, 3)) }),
    'a hiding commitment': packageHash(COORDINATOR, 1, {
      ...base,
      commitments: new Map(base.commitments).set(SELF, { hiding: point, binding: SOME_POINT }),
    }),
    'a binding commitment': packageHash(COORDINATOR, 1, {
      ...base,
      commitments: new Map(base.commitments).set(SELF, { hiding: SOME_POINT, binding: point }),
    }),
    'the members': packageHash(COORDINATOR, 1, {
      ...base,
      commitments: new Map([...base.commitments].filter(([m]) => m !== THIRD)),
    }),
  }
  for (const [field, hash] of Object.entries(changed))
    it(`should cover ${field}`, () => {
      expect(hash).not.toBe(packageHash(COORDINATOR, 1, base))
    })

  it('should be the same for the same package', () => {
    expect(packageHash(COORDINATOR, 1, { ...base })).toBe(packageHash(COORDINATOR, 1, base))
  })
})

describe('opens that nobody may make', () => {
  it('should ignore one whose round is not its request', () => {
    const answer = new Member().open({ round: '00'.repeat(32) })
    expect(answer.verdict).toBe('ignore')
    expect(reasons(answer)).toEqual(['request_changed'])
  })

  it('should ignore one for another set than its topic', () => {
    expect(new Member().open({ scope: asSetHash('12'.repeat(32)) }).verdict).toBe('ignore')
  })

  it('should ignore one by somebody who is no member of the key', () => {
    const member = new Member()
    expect(member.open({ author: STRANGER })).toEqual({ verdict: 'ignore', effects: [] })
    expect(member.book.open.participating).toBe(0)
  })

  it('R9: should decline one for a share it does not hold, and keep nothing', () => {
    const member = new Member()
    member.holds = false
    const said = of(member.open().effects, 'publish')
    expect(said.map((p) => p.step)).toEqual(['decline'])
    expect(decodeSign('decline', said[0]?.payload ?? new Uint8Array())?.reason).toBe('unknown_key')
    expect(member.book.open.participating).toBe(0)
  })
})

describe('R25: nonces that are not used', () => {
  const facts = {
    round: requestHash(request),
    request,
    key: dealt.keys.get(SELF) as KeyPackage,
    coordinator: COORDINATOR,
    run: RUN,
    boot: 1,
    session: 1,
  }
  const fresh = () => commitNonces(facts.key).nonces

  it('should be destroyed when their session closes', () => {
    const nonces = fresh()
    const { state } = stepParticipant(openParticipant(facts).state, { kind: 'consent', answer: 'yes', fresh: nonces })
    expect(nonces.spent).toBe(false)
    stepParticipant(state, { kind: 'close' })
    expect(nonces.spent).toBe(true)
  })

  it('should be destroyed when the session has a pair already, or is over', () => {
    const { state } = stepParticipant(openParticipant(facts).state, { kind: 'consent', answer: 'yes', fresh: fresh() })
    const second = fresh()
    expect(stepParticipant(state, { kind: 'consent', answer: 'yes', fresh: second }).state).toBe(state)
    expect(second.spent).toBe(true)
    const third = fresh()
    const closed = stepParticipant(state, { kind: 'close' }).state
    expect(stepParticipant(closed, { kind: 'consent', answer: 'yes', fresh: third }).effects).toEqual([])
    expect(third.spent).toBe(true)
  })

  it('should be spent before the answer leaves, and a pair spent elsewhere gives no share', () => {
    const nonces = fresh()
    const { state } = stepParticipant(openParticipant(facts).state, { kind: 'consent', answer: 'yes', fresh: nonces })
    nonces.destroy()
    const p = packageWith(nonces.commitment)
    const answer = stepParticipant(state, { kind: 'package', session: 1, package: p })
    expect(answer.effects).toMatchObject([{ kind: 'refused', reason: 'nonce_spent' }])
    expect(stepParticipant(answer.state, { kind: 'package', session: 1, package: p }).effects).toEqual([])
  })
})

describe('consent', () => {
  it('should ignore an answer to a question that was never asked', () => {
    expect(new Member().book.consent('x/y/z/1', 'yes')).toEqual([])
  })

  it('should ignore an answer to the question of an older session', () => {
    const member = new Member()
    const old = of(member.open({ session: 1 }).effects, 'ask_consent')[0]
    member.open({ session: 2 })
    expect(member.book.consent(old?.id ?? '', 'yes')).toEqual([])
  })

  it('should not make a second pair for a second yes', () => {
    const member = new Member()
    const ask = of(member.open().effects, 'ask_consent')[0]
    const first = commitmentIn(member.book.consent(ask?.id ?? '', 'yes'))
    expect(member.book.consent(ask?.id ?? '', 'yes')).toEqual([])
    expect(commitmentIn(member.open().effects)).toEqual(first)
  })

  it('should ask again only where it was not asked yet', () => {
    const member = new Member()
    const ask = of(member.open().effects, 'ask_consent')[0]
    expect(member.book.reconsider(requestHash(request))).toEqual([])
    member.book.consent(ask?.id ?? '', 'not_asked_yet')
    expect(member.book.reconsider(requestHash(request))).toEqual([ask])
    expect(member.book.reconsider('00'.repeat(32))).toEqual([])
    member.book.consent(ask?.id ?? '', 'yes')
    expect(member.book.reconsider(requestHash(request))).toEqual([])
  })
})
