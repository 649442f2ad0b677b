import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { Allowance } from '../../../../src/rounds/sign/allowance.ts'
import { dealKey } from '../../crypto/signing-keys.ts'

const [ANN, BEN] = dealKey(2, 3).members as [PublicKey, PublicKey]
const made = () => new Allowance({ name: 'work', burst: 10, refill: 4, everyMs: 1_000 })
const ARMED = [{ kind: 'arm', id: `work/${ANN}`, afterMs: 1_000 }]

describe('R25: what one member may cause', () => {
  it('should end when it is used up, by one message too many at the most, and for nobody else', () => {
    const work = made()
    expect(work.take(ANN, 9)).toEqual(ARMED)
    expect(work.holds(ANN)).toBe(true)
    expect(work.take(ANN, 50)).toEqual([])
    expect([ANN, BEN].map((m) => work.holds(m))).toEqual([false, true])
  })

  it('should come back by a timer that runs only while something is missing', () => {
    const work = made()
    work.take(ANN, 12)
    expect(work.timer(`work/${ANN}`)).toEqual(ARMED)
    expect(work.holds(ANN)).toBe(true)
    expect(work.timer(`work/${ANN}`)).toEqual(ARMED)
    expect(work.timer(`work/${ANN}`)).toEqual([])
    // No more than the whole of it.
    expect(work.take(ANN, 10)).toEqual(ARMED)
    expect(work.holds(ANN)).toBe(false)
  })

  it('should be given back, and never be more for it', () => {
    const work = made()
    work.giveBack(ANN, 5)
    work.take(ANN, 10)
    work.giveBack(ANN, 1_000)
    work.take(ANN, 10)
    expect(work.holds(ANN)).toBe(false)
  })

  it('should know its own timers only, and leave none behind', () => {
    const work = made()
    work.take(ANN, 1)
    expect([`tick/${ANN}`, 'work', ''].map((id) => work.timer(id))).toEqual([undefined, undefined, undefined])
    expect(work.timer(`work/${BEN}`)).toEqual([])
    expect(work.clear()).toEqual([{ kind: 'disarm', id: `work/${ANN}` }])
    expect(work.clear()).toEqual([])
  })
})
