import { describe, expect, it } from 'vitest'
import type { Gate } from '../../../src/gating/index.ts'
import { isOut, type RemovalFacts, removalWatch } from '../../../src/node/own-removal.ts'
import { gateIn, holding, SET, SPEC, WITHOUT_SELF } from './facts.ts'

const facts = (gate: Gate, over: Partial<RemovalFacts> = {}): RemovalFacts => ({
  gate,
  registry: { lastReadAtMs: 1 },
  isApproved: false,
  ...over,
})

describe('isOut', () => {
  it.each(['waiting', 'pending', 'signer', 'unread'] as const)('should not hold for a node that is %s', (state) => {
    expect(isOut(facts(gateIn[state]()))).toBe(false)
  })
  it.each(['removed', 'restartedOut'] as const)(
    'should hold for a node whose key left the set, until it is back (%s)',
    (state) => {
      const gate = gateIn[state]()
      expect(isOut(facts(gate))).toBe(true)
      gate.applySnapshot(holding(SET), true)
      expect(isOut(facts(gate))).toBe(false)
    },
  )
  it('R7: should not hold while a pending set wants the key back', () => {
    const gate = gateIn.removed()
    gate.applyPending(SPEC)
    expect(isOut(facts(gate))).toBe(false)
  })
  it('R7: should not hold while an approval from before a restart waits to be taken up', () => {
    expect(isOut(facts(gateIn.restartedOut(), { isApproved: true }))).toBe(false)
  })
  it('R8: should not hold while a recalled set wants the key back', () => {
    const gate = gateIn.restartedOut()
    gate.applyRecalled([SET])
    expect(isOut(facts(gate))).toBe(false)
  })
  it('R5: should not be told by a stale registry', () => {
    const gate = gateIn.removed()
    gate.applyTrust('frozen')
    expect(isOut(facts(gate))).toBe(false)
  })
  it('R5: should not be told by the snapshot on disk alone', () => {
    expect(isOut(facts(gateIn.restartedOut(), { registry: { lastReadAtMs: undefined } }))).toBe(false)
  })
})

describe('removalWatch', () => {
  const watched = (isWanted: boolean, gate: Gate) => {
    let told = 0
    const watch = removalWatch(
      isWanted,
      () => facts(gate),
      () => told++,
    )
    return { look: watch, told: () => told }
  }
  it('should call back once', () => {
    const gate = gateIn.signer()
    const { look, told } = watched(true, gate)
    look()
    expect(told()).toBe(0)
    gate.applySnapshot(holding(WITHOUT_SELF))
    look()
    look()
    expect(told()).toBe(1)
  })
  it('should not call back where nobody asked for it', () => {
    const { look, told } = watched(false, gateIn.removed())
    look()
    expect(told()).toBe(0)
  })
})
