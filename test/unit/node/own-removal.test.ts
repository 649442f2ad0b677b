import { describe, expect, it } from 'vitest'
import type { Gate } from '../../../src/gating/index.ts'
import { isOut, type RemovalFacts, removalWatch } from '../../../src/node/own-removal.ts'
import { MemoryLogger } from '../registry/support/ports.ts'
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
  const AFTER_MS = 60_000
  function watched(isWanted: boolean, gate: Gate, over: () => Partial<RemovalFacts> = () => ({})) {
    const logger = new MemoryLogger()
    let told = 0
    let lastReadAtMs = 1_000_000
    const look = removalWatch({
      isWanted,
      afterMs: AFTER_MS,
      facts: () => facts(gate, { registry: { lastReadAtMs }, ...over() }),
      onRemoved: () => told++,
      logger,
    })
    /** Looks when the latest reading is so much later than the one before. */
    const lookAfter = (ms: number) => {
      lastReadAtMs += ms
      look()
    }
    return { lookAfter, told: () => told, warnings: () => logger.messages('warn').length }
  }

  it('should call back once, when the removal has stood, and say at once that it will', () => {
    const gate = gateIn.signer()
    const { lookAfter, told, warnings } = watched(true, gate)
    lookAfter(AFTER_MS)
    expect([told(), warnings()]).toEqual([0, 0])
    gate.applySnapshot(holding(WITHOUT_SELF))
    lookAfter(0)
    expect([told(), warnings()]).toEqual([0, 1])
    lookAfter(AFTER_MS - 1)
    expect(told()).toBe(0)
    lookAfter(1)
    lookAfter(AFTER_MS)
    expect([told(), warnings()]).toEqual([1, 1])
  })
  it('R4: should not call back for a reading, however long ago, that no later one confirms', () => {
    const { lookAfter, told } = watched(true, gateIn.removed())
    for (let looks = 0; looks < 1_000; looks++) lookAfter(0)
    expect(told()).toBe(0)
  })
  it('R4: should begin anew where a reorg brought the key back meanwhile', () => {
    const gate = gateIn.removed()
    const { lookAfter, told } = watched(true, gate)
    lookAfter(0)
    gate.applySnapshot(holding(SET))
    lookAfter(AFTER_MS)
    gate.applySnapshot(holding(WITHOUT_SELF))
    lookAfter(AFTER_MS)
    lookAfter(AFTER_MS - 1)
    expect(told()).toBe(0)
    lookAfter(1)
    expect(told()).toBe(1)
  })
  it('R7: should begin anew where an approval stood meanwhile', () => {
    let isApproved = false
    const { lookAfter, told } = watched(true, gateIn.removed(), () => ({ isApproved }))
    lookAfter(0)
    isApproved = true
    lookAfter(AFTER_MS)
    isApproved = false
    lookAfter(AFTER_MS - 1)
    expect(told()).toBe(0)
  })
  it('should not call back where nobody asked for it', () => {
    const { lookAfter, told, warnings } = watched(false, gateIn.removed())
    lookAfter(0)
    lookAfter(AFTER_MS)
    expect([told(), warnings()]).toEqual([0, 0])
  })
})
