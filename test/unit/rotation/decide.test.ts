import { describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, type PublicKey } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  EXPIRY_PATIENCE_MS,
  HANDOFF_RETRY_MS,
  HANDOFF_TURN_MS,
  MAX_NAMED_FEES,
  TX_PATIENCE_MS,
} from '../../../src/rotation/decide.ts'
import { cosignOrder, type HandoffFacts, nextAction, type RotationFacts } from '../../../src/rotation/index.ts'
import { missingApprovals, type PendingSpec } from '../../../src/rounds/index.ts'
import { signerSet } from '../../fixtures/sets.ts'

const pairs = Array.from({ length: 4 }, () => KeyPair.generate())
const keys = pairs.map((p) => p.publicKey).toSorted()
const [a, b, c, incoming] = keys as [PublicKey, PublicKey, PublicKey, PublicKey]
const current = signerSet(
  pairs.filter((p) => p.publicKey !== incoming),
  2,
)
const spec: PendingSpec = {
  id: asPendingId('00'.repeat(32)),
  parentSetHash: current.hash,
  keys: [a, b, incoming].toSorted(),
  threshold: 2,
  attempt: 1,
  currentKeys: current.keys,
  currentThreshold: 2,
  principal: current.principal,
}
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const aggregateKey = `02${'33'.repeat(32)}` as PublicKey
const [first, second, third] = cosignOrder(spec) as [PublicKey, PublicKey, PublicKey]

const NOTHING_LISTED: HandoffFacts = { hold: false, listed: [], signing: false, triedAtMs: Number.NEGATIVE_INFINITY }

const facts = (over: Partial<RotationFacts>): RotationFacts => ({
  nowMs: 1_000,
  self: first,
  snapshot: { kind: 'set', set: current, tip, readAtMs: 0 },
  currentHash: over.snapshot?.kind === 'set' ? over.snapshot.set.hash : current.hash,
  frozen: false,
  stopped: false,
  spec,
  expiredSinceMs: undefined,
  approved: new Set(keys),
  keygen: 'idle',
  proposal: undefined,
  handoff: NOTHING_LISTED,
  chainNonce: undefined,
  chainAhead: false,
  ownFeeUstx: undefined,
  raised: false,
  askedAtMs: 0,
  chainRestUntilMs: Number.NEGATIVE_INFINITY,
  cosignatures: [],
  sentFees: new Set(),
  ...over,
})
const withKey = (over: Partial<RotationFacts>) =>
  facts({ keygen: 'done', proposal: { aggregateKey, receivedAtMs: 1_000 }, chainNonce: 5, ownFeeUstx: 300, ...over })

describe('nextAction', () => {
  it('R7: should wait for every new member, naming who is missing', () => {
    expect(nextAction(facts({ approved: new Set([a, b]) }))).toEqual({
      kind: 'wait',
      for: 'approvals',
      missing: [incoming],
    })
  })

  it.each<[string, Partial<RotationFacts>]>([
    ['start keygen', { self: a }],
    ['ask the chain', { proposal: { aggregateKey, receivedAtMs: 0 } }],
    ['co-sign', { proposal: { aggregateKey, receivedAtMs: 0 }, chainNonce: 5, ownFeeUstx: 300 }],
    [
      'broadcast',
      {
        proposal: { aggregateKey, receivedAtMs: 0 },
        chainNonce: 5,
        ownFeeUstx: 300,
        cosignatures: [
          { author: first, nonce: 5, feeUstx: 300 },
          { author: second, nonce: 5, feeUstx: 300 },
        ],
      },
    ],
  ])('R5: should wait for the registry instead of going on to %s while it is stale', (_what, over) => {
    expect(nextAction(facts(over)).kind).not.toBe('wait')
    expect(nextAction(facts({ ...over, frozen: true }))).toEqual({ kind: 'wait', for: 'registry', missing: [] })
  })

  it.each([
    ['keygen', {}],
    ['a co-signature', { keygen: 'done', proposal: { aggregateKey, receivedAtMs: 0 }, chainNonce: 5, ownFeeUstx: 300 }],
    ['a question to the chain', { keygen: 'done', proposal: { aggregateKey, receivedAtMs: 0 } }],
  ] as const)(
    'R17: should wait for its restart instead of going on to %s while its key speaks elsewhere',
    (_what, over) => {
      expect(nextAction(facts(over)).kind).not.toBe('wait')
      expect(nextAction(facts({ ...over, stopped: true }))).toEqual({ kind: 'wait', for: 'restart', missing: [] })
    },
  )

  it('R5: should still end an approval that expired while the registry is stale', () => {
    expect(nextAction(facts({ frozen: true, nowMs: EXPIRY_PATIENCE_MS, expiredSinceMs: 0 }))).toEqual({
      kind: 'finish',
      outcome: 'expired',
    })
  })

  it('should start keygen once every new member and enough of the current set approved', () => {
    expect(nextAction(facts({ self: a }))).toEqual({ kind: 'start_keygen' })
  })

  it('should not run keygen on a member that leaves', () => {
    expect(nextAction(facts({ self: c }))).toEqual({ kind: 'wait', for: 'keygen', missing: [] })
  })

  it('R7: should drop the pending set with its parent', () => {
    const other = { ...current, hash: asSetHash('99'.repeat(32)) }
    expect(nextAction(facts({ snapshot: { kind: 'set', set: other, tip, readAtMs: 0 } }))).toEqual({
      kind: 'finish',
      outcome: 'superseded',
    })
  })

  it('R6: should drop the pending set when the registry has no set any more', () => {
    const snapshot = { kind: 'uninitialised', deployer: 'SN', tip, readAtMs: 0 } as const
    const gone = { snapshot, currentHash: asSetHash('99'.repeat(32)) }
    expect(nextAction(facts(gone))).toEqual({ kind: 'finish', outcome: 'superseded' })
    expect(nextAction(withKey(gone))).toEqual({ kind: 'finish', outcome: 'superseded' })
  })

  it('should be done when the snapshot holds the key that was made', () => {
    const set = { ...current, hash: asSetHash('99'.repeat(32)), aggregateKey }
    expect(nextAction(withKey({ snapshot: { kind: 'set', set, tip, readAtMs: 0 } }))).toEqual({
      kind: 'finish',
      outcome: 'done',
    })
  })

  it('R7: should let an approval expire before there is a key, and not after', () => {
    const over = { nowMs: 1_000 + EXPIRY_PATIENCE_MS, expiredSinceMs: 1_000 }
    expect(nextAction(facts(over))).toEqual({ kind: 'finish', outcome: 'expired' })
    expect(nextAction(withKey(over)).kind).not.toBe('finish')
  })

  it('R7: should not drop an approval for a clock that is past its end for less than its patience', () => {
    const over = { nowMs: 999 + EXPIRY_PATIENCE_MS, expiredSinceMs: 1_000 }
    expect(nextAction(facts(over)).kind).not.toBe('finish')
  })

  it('should ask the chain before it signs', () => {
    expect(nextAction(withKey({ chainNonce: undefined })).kind).toBe('ask_chain')
  })

  it('should never co-sign without a proposal, whatever else is there', () => {
    expect(nextAction(facts({ chainNonce: 5, ownFeeUstx: 1, keygen: 'running' })).kind).toBe('wait')
  })

  const by = (author: PublicKey, feeUstx: number, nonce = 5) => ({ author, feeUstx, nonce })

  it.each([
    ['asked', { chainNonce: undefined }, 'ask_chain'],
    ['sent anything', { cosignatures: [by(first, 300), by(second, 300)] }, 'broadcast'],
  ] as const)('should leave a chain alone that did not answer, instead of having it %s', (_what, over, kind) => {
    expect(nextAction(withKey({ ...over, chainRestUntilMs: 1_000 })).kind).toBe(kind)
    expect(nextAction(withKey({ ...over, chainRestUntilMs: 1_001 }))).toEqual({
      kind: 'wait',
      for: 'chain',
      missing: [],
    })
    // What needs no chain goes on.
    const cosigning = withKey({ cosignatures: [by(second, 300)], chainRestUntilMs: 1_001 })
    expect(nextAction(cosigning).kind).toBe('cosign')
  })
  const cosign = (feeUstx: number) => ({ kind: 'cosign', variant: { nonce: 5, feeUstx } })
  const LATER = { nowMs: 10_000 }

  it('should let the first in the order name nonce and fee', () => {
    expect(nextAction(withKey({}))).toEqual(cosign(300))
    expect(nextAction(withKey({ self: second }))).toMatchObject({ kind: 'wait', for: 'cosignatures' })
  })

  it('should take over when the first stays silent', () => {
    expect(nextAction(withKey({ self: second, nowMs: 5_000 }))).toEqual(cosign(300))
  })

  it('should sign whatever fee in reason others name, so that nobody blocks by naming another', () => {
    for (const feeUstx of [0, 1, 75, 1_200, 4_800])
      expect(nextAction(withKey({ self: second, cosignatures: [by(third, feeUstx)] }))).toEqual(cosign(feeUstx))
  })

  it('should not sign a fee that would drain the account', () => {
    expect(nextAction(withKey({ ...LATER, self: second, cosignatures: [by(first, 4_801)] }))).toEqual(cosign(300))
  })

  it('should not follow one member in small steps, nor for ever', () => {
    const walk = Array.from({ length: 500 }, (_, i) => by(third, 100 + i))
    const signed: number[] = []
    for (;;) {
      const action = nextAction(
        withKey({ self: second, cosignatures: [...walk, ...signed.map((fee) => by(second, fee))] }),
      )
      if (action.kind !== 'cosign') break
      signed.push(action.variant.feeUstx)
      expect(signed.length).toBeLessThan(50)
    }
    // Whoever signed a fee passes it on, so the bound is for all of them together.
    expect(signed.length).toBeLessThanOrEqual(MAX_NAMED_FEES * cosignOrder(spec).length)
  })

  it('should ignore co-signatures of another nonce', () => {
    expect(nextAction(withKey({ self: second, cosignatures: [by(first, 300, 4)] })).kind).toBe('wait')
  })

  it('should broadcast with enough signatures of one fee, once', () => {
    const enough = { cosignatures: [by(first, 300), by(third, 300)] }
    expect(nextAction(withKey(enough))).toEqual({ kind: 'broadcast', variant: { nonce: 5, feeUstx: 300 } })
    expect(nextAction(withKey({ ...enough, sentFees: new Set([300]) }))).toMatchObject({ kind: 'wait', for: 'chain' })
  })

  it('should not count signatures of different fees together', () => {
    const cosignatures = [by(first, 300), by(third, 5_000)]
    expect(nextAction(withKey({ ...LATER, cosignatures })).kind).toBe('wait')
  })

  it('should ask the chain again when what was sent, or signed by too few, has no effect', () => {
    const sent = withKey({
      cosignatures: [by(first, 300), by(third, 300)],
      sentFees: new Set([300]),
      askedAtMs: 2_000,
      nowMs: 3_000,
    })
    expect(nextAction(sent).kind).toBe('wait')
    expect(nextAction({ ...sent, nowMs: 100_000 }).kind).toBe('ask_chain')
    const few = withKey({ cosignatures: [by(first, 300)], askedAtMs: 2_000, nowMs: 100_000 })
    expect(nextAction(few).kind).toBe('ask_chain')
  })

  it('should offer more only after the chain was asked again in vain', () => {
    const ready = {
      ...LATER,
      cosignatures: [by(first, 300), by(third, 300)],
      sentFees: new Set([300]),
      ownFeeUstx: 450,
    }
    expect(nextAction(withKey(ready)).kind).toBe('wait')
    expect(nextAction(withKey({ ...ready, raised: true }))).toEqual(cosign(450))
  })

  it('should let members with far different fees agree', () => {
    // 3 of 3, one of them with five times the others' fee: everyone signs everything, the cheaper one is sent.
    const everyone = [first, second, third]
    const heard: { author: PublicKey; feeUstx: number; nonce: number }[] = []
    const fees = new Map([
      [first, 1_000],
      [second, 5_000],
      [third, 1_000],
    ])
    const sends: PublicKey[] = []
    for (let round = 0; round < 10; round++)
      for (const self of everyone) {
        const strict = { ...spec, currentThreshold: 3 }
        const action = nextAction(
          withKey({ ...LATER, self, spec: strict, cosignatures: heard, ownFeeUstx: fees.get(self) }),
        )
        if (action.kind === 'cosign') heard.push(by(self, action.variant.feeUstx))
        if (action.kind === 'broadcast') sends.push(self)
      }
    expect(new Set(sends)).toEqual(new Set(everyone))
  })
})

describe('R29: what this operator listed for the old key', () => {
  type Listed = HandoffFacts['listed'][number]
  const listed = (over: Partial<Listed> = {}): Listed => ({
    ...{ name: 'one', signed: false, by: [first, second], readySinceMs: 1_000 },
    ...over,
  })
  const handoff = (...items: readonly Listed[]): HandoffFacts => ({ ...NOTHING_LISTED, listed: items })
  const everythingElseReady = { cosignatures: [first, second].map((author) => ({ author, nonce: 5, feeUstx: 300 })) }

  it('R29: should be signed before rotate-keys is', () => {
    expect(nextAction(withKey({ handoff: handoff(listed()) }))).toEqual({ kind: 'sign_handoff', names: ['one'] })
  })
  it('R29: should be signed before the chain is asked, and before what others signed is sent', () => {
    const waiting = handoff(listed({ by: [first], readySinceMs: undefined }))
    for (const over of [{ chainNonce: undefined }, everythingElseReady, { chainAhead: true, askedAtMs: -100_000 }])
      expect(nextAction(withKey({ ...over, handoff: waiting }))).toMatchObject({ kind: 'wait', for: 'handoff' })
  })
  it('R29: should let this node co-sign when all of it is signed', () => {
    const done = handoff(listed({ signed: true }), listed({ name: 'two', signed: true, by: [] }))
    expect(nextAction(withKey({ handoff: done })).kind).toBe('cosign')
  })
  it('R29: should hold this node back while one of several is not signed', () => {
    const some = handoff(listed({ signed: true }), listed({ name: 'two', by: [first], readySinceMs: undefined }))
    expect(nextAction(withKey({ handoff: some }))).toMatchObject({ kind: 'wait', for: 'handoff' })
  })
  it('R29: should hold this node back while the operator says that more will be listed', () => {
    for (const items of [[], [listed({ signed: true })]])
      expect(nextAction(withKey({ handoff: { ...handoff(...items), hold: true } }))).toEqual({
        ...{ kind: 'wait', for: 'handoff', missing: [] },
      })
  })
  it('R27: should not be asked for before enough operators list it, and name those who do not', () => {
    const few = handoff(listed({ by: [second], readySinceMs: undefined }), listed({ name: 'two' }))
    const action = nextAction(withKey({ handoff: few }))
    expect(action).toEqual({ kind: 'sign_handoff', names: ['two'] })
    const left = handoff(listed({ by: [second], readySinceMs: undefined }), listed({ name: 'two', signed: true }))
    expect(nextAction(withKey({ handoff: left }))).toEqual({
      ...{ kind: 'wait', for: 'handoff', missing: [first, third].toSorted() },
    })
  })
  it('should be left to who comes before in the order, and then be asked for', () => {
    const as = (self: PublicKey, nowMs: number) => nextAction(withKey({ self, nowMs, handoff: handoff(listed()) })).kind
    expect(as(second, 1_000)).toBe('wait')
    expect(as(second, 1_000 + HANDOFF_TURN_MS)).toBe('sign_handoff')
    expect(as(third, 1_000 + HANDOFF_TURN_MS)).toBe('wait')
    expect(as(third, 1_000 + 2 * HANDOFF_TURN_MS)).toBe('sign_handoff')
  })
  it('should be asked for once at a time, and again after a pause', () => {
    const asked = (over: Partial<HandoffFacts>) =>
      nextAction(withKey({ handoff: { ...handoff(listed()), ...over } })).kind
    expect(asked({ signing: true })).toBe('wait')
    expect(asked({ triedAtMs: 1_001 - HANDOFF_RETRY_MS })).toBe('wait')
    expect(asked({ triedAtMs: 1_000 - HANDOFF_RETRY_MS })).toBe('sign_handoff')
  })
  it('should not be asked for while the registry is frozen, before there is a key, or after the rotation', () => {
    const own = handoff(listed())
    expect(nextAction(withKey({ frozen: true, handoff: own }))).toMatchObject({ for: 'registry' })
    expect(nextAction(facts({ handoff: own })).kind).toBe('start_keygen')
    const set = { ...current, hash: asSetHash('99'.repeat(32)), aggregateKey }
    expect(nextAction(withKey({ handoff: own, snapshot: { kind: 'set', set, tip, readAtMs: 0 } }))).toMatchObject({
      kind: 'finish',
      outcome: 'done',
    })
  })
})

describe('missingApprovals', () => {
  it('should not let a dead member veto its own removal', () => {
    expect(missingApprovals(spec, new Set([a, b, incoming]))).toEqual([])
  })

  it('should want as many of the current set as rotate-keys needs', () => {
    const replaced = { ...spec, keys: [incoming] }
    expect(missingApprovals(replaced, new Set([incoming, a]))).toEqual([b, c].toSorted())
  })
})

describe('R4: a rotation that is mined and not yet deep enough', () => {
  const ready = [first, second].map((author) => ({ author, nonce: 5, feeUstx: 300 }))

  it.each<[string, Partial<RotationFacts>]>([
    ['nothing was asked before, as after a restart', { chainNonce: undefined, ownFeeUstx: undefined }],
    ['nobody has signed', {}],
    ['enough have signed', { cosignatures: ready }],
    ['it was sent', { cosignatures: ready, sentFees: new Set([300]) }],
    ['a fee was raised', { cosignatures: ready, sentFees: new Set([300]), raised: true, ownFeeUstx: 450 }],
  ])('R4: should neither be signed nor sent again when %s', (_what, over) => {
    const action = nextAction(withKey({ ...over, chainAhead: true, askedAtMs: 1_000, nowMs: 1_000 + TX_PATIENCE_MS }))
    expect(action).toEqual({ kind: 'wait', for: 'chain', missing: [] })
  })
  it('R4: should be asked for again, because a reorg can take it back', () => {
    const action = nextAction(withKey({ chainAhead: true, askedAtMs: 1_000, nowMs: 1_001 + TX_PATIENCE_MS }))
    expect(action).toEqual({ kind: 'ask_chain' })
  })
})
