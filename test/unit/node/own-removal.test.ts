import { describe, expect, it } from 'vitest'
import type { Gate } from '../../../src/gating/index.ts'
import { isOut, removalWatch } from '../../../src/node/own-removal.ts'
import { gateIn, holding, SET, SPEC, WITHOUT_SELF } from './facts.ts'

describe('isOut', () => {
  it.each(['waiting', 'pending', 'signer', 'unread'] as const)('should not hold for a node that is %s', (state) => {
    expect(isOut(gateIn[state]())).toBe(false)
  })
  it('should hold for a node whose key left the set, until it is back', () => {
    const gate = gateIn.removed()
    expect(isOut(gate)).toBe(true)
    gate.applySnapshot(holding(SET))
    expect(isOut(gate)).toBe(false)
  })
  it('R7: should not hold while a pending set wants the key back', () => {
    const gate = gateIn.removed()
    gate.applyPending(SPEC)
    expect(isOut(gate)).toBe(false)
  })
  it('R5: should not be told by a stale registry', () => {
    const gate = gateIn.removed()
    gate.applyTrust('frozen')
    expect(isOut(gate)).toBe(false)
  })
})

describe('removalWatch', () => {
  const watched = (isWanted: boolean, gate: Gate) => {
    let told = 0
    return { look: removalWatch(isWanted, gate, () => told++), told: () => told }
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
