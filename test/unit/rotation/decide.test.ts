import { describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, type PublicKey } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { cosignOrder, nextAction, type RotationFacts } from '../../../src/rotation/index.ts'
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

const facts = (over: Partial<RotationFacts>): RotationFacts => ({
  nowMs: 1_000,
  self: first,
  snapshot: { kind: 'set', set: current, tip, readAtMs: 0 },
  spec,
  approvalExpiresAtMs: 1_000_000,
  approved: new Set(keys),
  keygen: 'idle',
  proposal: undefined,
  chainNonce: undefined,
  ownFeeUstx: undefined,
  ownCosignature: undefined,
  cosignatures: [],
  fruitlessFees: new Set(),
  broadcastAtMs: undefined,
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

  it('should be done when the snapshot holds the key that was made', () => {
    const set = { ...current, hash: asSetHash('99'.repeat(32)), aggregateKey }
    expect(nextAction(withKey({ snapshot: { kind: 'set', set, tip, readAtMs: 0 } }))).toEqual({
      kind: 'finish',
      outcome: 'done',
    })
  })

  it('R7: should let an approval expire before there is a key, and not after', () => {
    expect(nextAction(facts({ nowMs: 2_000_000 }))).toEqual({ kind: 'finish', outcome: 'expired' })
    expect(nextAction(withKey({ nowMs: 2_000_000 })).kind).not.toBe('finish')
  })

  it('should ask the chain before it signs', () => {
    expect(nextAction(withKey({ chainNonce: undefined })).kind).toBe('ask_chain')
  })

  it('should never co-sign without a proposal, whatever else is there', () => {
    expect(nextAction(facts({ chainNonce: 5, ownFeeUstx: 1, keygen: 'running' })).kind).toBe('wait')
  })

  it('should let the first in the order name nonce and fee', () => {
    expect(nextAction(withKey({}))).toEqual({ kind: 'cosign', variant: { nonce: 5, feeUstx: 300 } })
    expect(nextAction(withKey({ self: second }))).toEqual({ kind: 'wait', for: 'cosignatures', missing: [first] })
  })

  it('should take over when the first stays silent', () => {
    expect(nextAction(withKey({ self: second, nowMs: 5_000 })).kind).toBe('cosign')
  })

  it('should follow an earlier co-signer to its fee, and not a later one', () => {
    const own = { nonce: 5, feeUstx: 300 }
    const other = { nonce: 5, feeUstx: 400 }
    expect(
      nextAction(withKey({ self: second, ownCosignature: own, cosignatures: [{ ...other, author: first }] })),
    ).toEqual({
      kind: 'cosign',
      variant: other,
    })
    expect(
      nextAction(withKey({ self: second, ownCosignature: own, cosignatures: [{ ...other, author: third }] })).kind,
    ).toBe('wait')
  })

  it('should not follow a fee that is far from its own estimate, and name its own', () => {
    for (const feeUstx of [0, 74, 1_201, 10_000_000]) {
      const cosignatures = [{ nonce: 5, feeUstx, author: first }]
      const action = nextAction(withKey({ self: second, cosignatures, nowMs: 10_000 }))
      expect(action).toEqual({ kind: 'cosign', variant: { nonce: 5, feeUstx: 300 } })
    }
    const near = [{ nonce: 5, feeUstx: 1_200, author: first }]
    expect(nextAction(withKey({ self: second, cosignatures: near }))).toMatchObject({ variant: { feeUstx: 1_200 } })
  })

  it('should leave a fee that had no effect, and name a higher one', () => {
    const own = { nonce: 5, feeUstx: 300 }
    const facts = { ownCosignature: own, cosignatures: [{ ...own, author: third }], nowMs: 10_000 }
    expect(nextAction(withKey({ ...facts, fruitlessFees: new Set([300]) }))).toEqual({
      kind: 'cosign',
      variant: { nonce: 5, feeUstx: 450 },
    })
  })

  it('should not sign for ever where even the highest fee had no effect', () => {
    const highest = { nonce: 5, feeUstx: 10_000_000 }
    const facts = withKey({
      ownFeeUstx: highest.feeUstx,
      ownCosignature: highest,
      cosignatures: [{ ...highest, author: third }],
      fruitlessFees: new Set([highest.feeUstx]),
      nowMs: 10_000,
    })
    expect(nextAction(facts).kind).toBe('broadcast')
  })

  it('should ignore co-signatures of another nonce', () => {
    const own = { nonce: 5, feeUstx: 300 }
    expect(
      nextAction(withKey({ ownCosignature: own, cosignatures: [{ nonce: 4, feeUstx: 300, author: second }] })).kind,
    ).toBe('wait')
  })

  it('should broadcast with enough signatures of one variant', () => {
    const own = { nonce: 5, feeUstx: 300 }
    expect(nextAction(withKey({ ownCosignature: own, cosignatures: [{ ...own, author: third }] }))).toEqual({
      kind: 'broadcast',
      variant: own,
    })
  })

  it('should ask the chain again when an accepted transaction has no effect', () => {
    const own = { nonce: 5, feeUstx: 300 }
    const sent = withKey({
      ownCosignature: own,
      cosignatures: [{ ...own, author: third }],
      broadcastAtMs: 2_000,
      nowMs: 3_000,
    })
    expect(nextAction(sent).kind).toBe('wait')
    expect(nextAction({ ...sent, nowMs: 100_000 }).kind).toBe('ask_chain')
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
