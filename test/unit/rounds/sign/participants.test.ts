import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { commitNonces, type KeyPackage, type NonceCommitment } from '../../../../src/crypto/index.ts'
import { randomBytes } from '../../../../src/curve/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import { packageHash, type SignEffect } from '../../../../src/rounds/sign/index.ts'
import { Participants } from '../../../../src/rounds/sign/participants.ts'
import { NoncePools } from '../../../../src/rounds/sign/pools.ts'
import type { SignPackage, SignRequest } from '../../../../src/rounds/sign/types.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { envelope, of, steps } from './kit.ts'
import { itemOf, requestOf, TRANSCRIPT } from './network.ts'

const dealt = dealKey(2, 4)
const [SELF, ANN, BEN, CAT] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey]
const keyOf = (m: PublicKey) => dealt.keys.get(m) as KeyPackage
const request = requestOf(dealt, { items: [itemOf(1), itemOf(2)] })
const numbered = (i: number): SignRequest => ({ ...request, requestId: i.toString(16).padStart(8, '0') })

let pools: NoncePools
let book: Participants
let share: KeyPackage | undefined
beforeEach(() => {
  share = keyOf(SELF)
  pools = new NoncePools((length = 32) => randomBytes(length))
  book = new Participants({ self: SELF, keyFor: () => share, pools, maxSessions: 8 })
})

/** Two pairs of ours that `coordinator` was given. */
const given = (coordinator: PublicKey) => pools.make(coordinator, 1, TRANSCRIPT, keyOf(SELF), 2)
/** Two of somebody else's. */
const foreign = (member: PublicKey): NonceCommitment[] => [0, 1].map(() => commitNonces(keyOf(member)).commitment)
const packageOf = (own: readonly NonceCommitment[], r = request, other = ANN): SignPackage => ({
  request: r,
  entries: new Map([[SELF, own] as const, [other, foreign(other)] as const].toSorted(([a], [b]) => (a < b ? -1 : 1))),
})
const hand = (p: SignPackage, by = ANN, over: { attempt?: number; boot?: number } = {}) =>
  book.packaged(envelope(by, p.request, 'package', p, over), p)
/** The package as it comes, and this operator's answer to it. */
function answered(p: SignPackage, by = ANN, over: { attempt?: number; boot?: number } = {}): readonly SignEffect[] {
  const { effects } = hand(p, by, over)
  const [ask] = of(effects, 'ask_consent')
  return ask === undefined ? effects : book.consent(ask.id, 'yes')
}
const shareIn = (effects: readonly SignEffect[]) => {
  const said = of(effects, 'send').find((s) => s.step === 'share')
  return said && decodeSign('share', said.payload)
}

describe('R25: a member before a package', () => {
  it('should answer its coordinator with a share for each item, over the hash of the package (R26)', () => {
    const p = packageOf(given(ANN))
    const effects = answered(p)
    expect(of(effects, 'send').map((s) => s.to)).toEqual([[ANN]])
    expect(shareIn(effects)).toMatchObject({ coordinator: ANN, packageHash: packageHash(ANN, 1, p) })
    expect(shareIn(effects)?.shares).toHaveLength(2)
    expect(pools.size).toBe(0)
  })

  it('should give the same package the same bytes, however often it comes', () => {
    const p = packageOf(given(ANN))
    const first = of(answered(p), 'send').map((s) => toHex(s.payload))
    for (let i = 0; i < 3; i++) expect(of(hand(p).effects, 'send').map((s) => toHex(s.payload))).toEqual(first)
  })

  it('should refuse another package on a spent pair, in this session and in any other', () => {
    const own = given(ANN)
    answered(packageOf(own))
    expect(hand(packageOf(own))).toMatchObject({ verdict: 'ignore', effects: [{ reason: 'package_changed' }] })
    const later = answered(packageOf(own), ANN, { attempt: 2 })
    expect(steps(later)).toEqual(['decline'])
    expect(shareIn(later)).toBeUndefined()
  })

  it('should refuse another coordinator the pairs that it was not given', () => {
    const own = given(ANN)
    const stolen = answered(packageOf(own, request, BEN), BEN)
    expect(steps(stolen)).toEqual(['decline'])
    expect(of(stolen, 'refused')).toMatchObject([{ author: BEN, reason: 'unknown_nonce' }])
    expect(shareIn(answered(packageOf(own)))).toBeDefined()
  })

  it('should refuse one pair for two items', () => {
    const [a] = given(ANN) as [NonceCommitment]
    expect(steps(answered(packageOf([a, a])))).toEqual(['decline'])
    expect(pools.size).toBe(2)
  })

  it('should spend no pair on a package that nobody could have made honestly', () => {
    const own = given(ANN)
    const rubbish = { hiding: new Uint8Array(33), binding: new Uint8Array(33) }
    const p = packageOf(own)
    const bad = { ...p, entries: new Map(p.entries).set(ANN, [rubbish, rubbish]) }
    const effects = answered(bad)
    expect(of(effects, 'refused')).toMatchObject([{ author: ANN, reason: 'bad_package' }])
    expect(steps(effects)).toEqual([])
    expect(pools.size).toBe(2)
  })

  it('should sign with exactly t members of the set, itself among them', () => {
    const own = given(ANN)
    const p = packageOf(own)
    const stranger = dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey
    const cases = [
      new Map([[SELF, own]]),
      new Map([...p.entries, [BEN, foreign(BEN)]]),
      new Map([
        [SELF, own],
        [stranger, foreign(ANN)],
      ]),
    ]
    for (const [i, entries] of cases.entries()) {
      const effects = answered({ request, entries }, ANN, { attempt: i + 1 })
      expect(of(effects, 'refused')).toMatchObject([{ reason: 'bad_package' }])
    }
    expect(
      answered({
        request,
        entries: new Map([
          [ANN, foreign(ANN)],
          [BEN, foreign(BEN)],
        ]),
      }),
    ).toEqual([])
    expect(pools.size).toBe(2)
  })

  it('should leave a session for a newer one of the same coordinator, and take no older one', () => {
    const [first, second] = [packageOf(given(ANN)), packageOf(given(ANN))]
    const [ask] = of(hand(first, ANN, { attempt: 5 }).effects, 'ask_consent')
    hand(second, ANN, { attempt: 6 })
    expect(book.consent(ask?.id ?? '', 'yes')).toEqual([])
    expect(hand(first, ANN, { attempt: 5 }).effects).toMatchObject([{ reason: 'stale_session' }])
    expect(book.size).toBe(1)
  })

  it('should not confuse sessions of two processes of its coordinator', () => {
    const old = packageOf(given(ANN))
    hand(old, ANN, { attempt: 9, boot: 1 })
    const fresh = packageOf(given(ANN))
    expect(shareIn(answered(fresh, ANN, { attempt: 1, boot: 2 }))).toBeDefined()
    expect(hand(old, ANN, { attempt: 10, boot: 1 }).effects).toMatchObject([{ reason: 'stale_session' }])
  })

  it('should serve several coordinators of one request at once (R28)', () => {
    const [a, b] = [packageOf(given(ANN)), packageOf(given(BEN), request, CAT)]
    expect(shareIn(answered(a, ANN))?.packageHash).toBe(packageHash(ANN, 1, a))
    expect(shareIn(answered(b, BEN))?.packageHash).toBe(packageHash(BEN, 1, b))
  })
})

describe('R27: consent', () => {
  it('should be asked before anything is spent', () => {
    const effects = hand(packageOf(given(ANN))).effects
    expect(of(effects, 'ask_consent')).toMatchObject([{ coordinator: ANN, request }])
    expect(steps(effects)).toEqual([])
    expect(pools.size).toBe(2)
  })

  for (const answer of ['refused', 'not_asked_yet'] as const)
    it(`should decline with "${answer}", and spend nothing`, () => {
      const [ask] = of(hand(packageOf(given(ANN))).effects, 'ask_consent')
      const effects = book.consent(ask?.id ?? '', answer)
      const [said] = of(effects, 'send')
      expect(decodeSign('decline', said?.payload ?? new Uint8Array())).toEqual({ coordinator: ANN, reason: answer })
      expect(pools.size).toBe(2)
    })

  it('should be asked again once this operator was asked, and then answer the package that waits', () => {
    const p = packageOf(given(ANN))
    const [ask] = of(hand(p).effects, 'ask_consent')
    book.consent(ask?.id ?? '', 'not_asked_yet')
    const [again] = of(book.reconsider(envelope(ANN, request, 'package', p).round), 'ask_consent')
    expect(shareIn(book.consent(again?.id ?? '', 'yes'))).toBeDefined()
  })

  it('should not be asked again after a refusal', () => {
    const p = packageOf(given(ANN))
    const [ask] = of(hand(p).effects, 'ask_consent')
    book.consent(ask?.id ?? '', 'refused')
    expect(book.reconsider(envelope(ANN, request, 'package', p).round)).toEqual([])
    expect(book.consent(ask?.id ?? '', 'yes')).toEqual([])
    expect(pools.size).toBe(2)
  })

  it('R9: should come to nothing if the share was replaced meanwhile', () => {
    const [ask] = of(hand(packageOf(given(ANN))).effects, 'ask_consent')
    share = undefined
    expect(steps(book.consent(ask?.id ?? '', 'yes'))).toEqual([])
    expect(book.size).toBe(0)
  })

  it('R9: should not even be asked without the share', () => {
    share = undefined
    const effects = hand(packageOf(given(ANN))).effects
    const [said] = of(effects, 'send')
    expect(decodeSign('decline', said?.payload ?? new Uint8Array())?.reason).toBe('unknown_key')
    expect(of(effects, 'ask_consent')).toEqual([])
  })

  it('should not be asked for who is no member', () => {
    const stranger = dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey
    expect(hand(packageOf(given(stranger)), stranger)).toEqual({ verdict: 'ignore', effects: [] })
  })
})

describe('bounds', () => {
  it('should drop the oldest session of the coordinator that has most of them', () => {
    const kept = packageOf(given(BEN), numbered(99), CAT)
    hand(kept, BEN)
    const flood = Array.from({ length: 20 }, (_, i) => packageOf(given(ANN), numbered(i)))
    for (const p of flood) hand(p)
    expect(book.size).toBe(8)
    expect(of(hand(kept, BEN).effects, 'ask_consent')).toEqual([])
    expect(of(hand(flood[0] as SignPackage).effects, 'ask_consent')).toHaveLength(1)
  })

  it('R25: should sign one request for one coordinator no more often than an honest one can need', () => {
    const say = (attempt: number, boot = 1, by = ANN) =>
      answered(packageOf(given(by), request, by), by, { attempt, boot })
    const most = 2 * dealt.members.length - 2 + 1
    for (let i = 1; i <= most; i++) expect(shareIn(say(i))).toBeDefined()
    for (const boot of [1, 2])
      expect(say(most + 1, boot)).toMatchObject([{ kind: 'refused', reason: 'too_many_sessions' }])
    expect(shareIn(say(1, 1, BEN))).toBeDefined()
    const { effects } = hand(packageOf(given(CAT), request, CAT), CAT)
    for (const { id } of of(effects, 'arm')) book.timer(id.replace(CAT, ANN))
    expect(shareIn(say(most + 1))).toBeDefined()
  })

  it('R25: should charge nobody for packages that a share came of, and everybody for all others', () => {
    const payload = new Uint8Array(600 * 1024)
    const read = (i: number, answer: 'yes' | 'not_asked_yet') => {
      const p = packageOf(given(ANN), numbered(i))
      const e = { ...envelope(ANN, p.request, 'package', p), payload }
      const { effects } = book.charged(e, () => book.packaged(e, p))
      for (const { id } of of(effects, 'ask_consent')) book.consent(id, answer)
      return of(effects, 'refused')[0]?.reason
    }
    for (let i = 0; i < 16; i++) expect(read(i, 'yes')).toBeUndefined()
    const reasons = Array.from({ length: 8 }, (_, i) => read(100 + i, 'not_asked_yet'))
    expect(reasons).toEqual([...Array.from({ length: 7 }, () => undefined), 'over_allowance'])
  })

  it('should forget a package that nothing came of, with its timer', () => {
    const [armed] = of(hand(packageOf(given(ANN))).effects, 'arm')
    expect(armed?.afterMs).toBe(LIMITS.signTimeoutMs)
    expect(book.timer('expire/nonsense')).toEqual([])
    book.timer(armed?.id ?? '')
    expect(book.size).toBe(0)
  })
})
