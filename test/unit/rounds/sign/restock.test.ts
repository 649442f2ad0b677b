import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import { randomBytes } from '../../../../src/curve/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import { sessionNumbers } from '../../../../src/rounds/sign/index.ts'
import { Restock } from '../../../../src/rounds/sign/restock.ts'
import type { SignEffect } from '../../../../src/rounds/sign/types.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { of } from './kit.ts'
import { SET, TRANSCRIPT } from './network.ts'

const dealt = dealKey(3, 5)
const [SELF, ...OTHERS] = dealt.members as [PublicKey, PublicKey, ...PublicKey[]]
const [ANN] = OTHERS as [PublicKey, ...PublicKey[]]

const countsAsked = (effects: readonly SignEffect[]): number[] =>
  of(effects, 'send').map((s) => decodeSign('want', s.payload)?.count ?? 0)
const armedMs = (effects: readonly SignEffect[]): number[] => of(effects, 'arm').map((a) => a.afterMs)

let restock: Restock
beforeEach(() => {
  restock = new Restock({
    self: SELF,
    keyFor: () => dealt.keys.get(SELF),
    number: sessionNumbers(),
    rng: (length = 32) => randomBytes(length),
  })
})
const need = (members: readonly PublicKey[], count = 1) => restock.need(members, SET, TRANSCRIPT, count)
const retry = (member = ANN): readonly SignEffect[] => restock.timer(`want/${member}`) ?? []

describe('R25: pairs that a round waits for', () => {
  it('should be asked for once, whatever happens to the round meanwhile', () => {
    expect(countsAsked(need(OTHERS))).toHaveLength(OTHERS.length)
    for (let i = 0; i < 10; i++) expect(need(OTHERS)).toEqual([])
  })

  it('should be asked for again by the clock alone, ever more seldom, and some times within a round', () => {
    need([ANN])
    const gaps: number[] = []
    for (let i = 0; i < 5; i++) {
      gaps.push(...armedMs(retry()))
      expect(need([ANN])).toEqual([])
    }
    expect(gaps).toEqual([2_000, 4_000, 4_000, 4_000, 4_000])
    expect(LIMITS.signTimeoutMs / LIMITS.nonceUrgentRetryMaxMs).toBeGreaterThan(3)
  })

  it('should not be asked for at once where nobody waited, and it was asked just now', () => {
    restock.warm(SET, TRANSCRIPT)
    expect(need(OTHERS)).toEqual([])
    // The round waits for it now: it is asked again within the round.
    for (let i = 0; i < 6; i++) retry()
    expect(armedMs(retry())).toEqual([LIMITS.nonceUrgentRetryMaxMs])
  })

  it('should be asked for at once where it has long been asked for in vain, and nobody waited', () => {
    restock.warm(SET, TRANSCRIPT)
    for (let i = 0; i < 6; i++) retry()
    expect(armedMs(retry())).toEqual([LIMITS.nonceRetryMaxMs])
    expect(countsAsked(need(OTHERS))).toHaveLength(1)
    expect(need(OTHERS)).toEqual([])
  })

  it('should be asked for again when more are needed than were asked for, or when that did not arrive', () => {
    need([ANN])
    expect(countsAsked(need([ANN], LIMITS.maxSignItems))).toEqual([LIMITS.maxSignItems])
    expect(need([ANN], LIMITS.maxSignItems)).toEqual([])
    restock.unsent(ANN)
    expect(countsAsked(need([ANN], LIMITS.maxSignItems))).toEqual([LIMITS.maxSignItems])
  })

  it('should count as one round more than usual, however many members lack them', () => {
    const asked: number[] = []
    for (let round = 1; round <= 5; round++) {
      asked.push(Math.max(...countsAsked(need(OTHERS))))
      for (const m of OTHERS) restock.unsent(m)
    }
    // n − t + 1 sessions of a round, and never fewer than 8.
    expect(asked).toEqual([8, 9, 12, 15, 18])
  })
})
