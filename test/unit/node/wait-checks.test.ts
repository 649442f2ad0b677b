import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../src/base/index.ts'
import { dialsCheck, eventLoopCheck, roundsCheck, storeCheck, stuckReading } from '../../../src/node/wait-checks.ts'
import { MEMBER, OTHER } from './facts.ts'

const NOW = 1_000_000
const NOBODY = new Set<never>()
const GREEN = { ok: true }
const QUIET = { overdue: [], silent: undefined }

describe('incident 41: what hangs is named', () => {
  it('should name a reading of the registry that goes on past all its deadlines, and no other', () => {
    const longest = 6 * LIMITS.chainCallTimeoutMs
    expect(stuckReading(NOW, undefined)).toBeUndefined()
    expect(stuckReading(NOW, NOW - longest)).toBeUndefined()
    expect(stuckReading(NOW, NOW - longest - 3_000)).toBe('a reading of the registry has not ended for 63 s')
  })

  it('should name the peer of a dial that does not end', () => {
    const dial = (tookMs: number) => [{ peerId: MEMBER.peerId, pendingSinceMs: NOW - tookMs, unanswered: 0 }]
    expect(dialsCheck(NOW, dial(LIMITS.dialTimeoutMs), NOBODY)).toEqual(GREEN)
    expect(dialsCheck(NOW, dial(LIMITS.dialTimeoutMs + 3_000), NOBODY)).toEqual({
      ok: false,
      reason: `a dial to ${MEMBER.peerId} has not ended for 13 s`,
    })
  })

  it('should name every peer that does not answer dials, unless it came by itself', () => {
    const dials = [MEMBER, OTHER].map(({ peerId }) => ({ peerId, pendingSinceMs: undefined, unanswered: 2 }))
    expect(dialsCheck(NOW, dials, NOBODY).reason).toMatch(
      new RegExp(`${MEMBER.peerId} does not answer \\(dialled 2 times\\).*; ${OTHER.peerId} does not`),
    )
    expect(dialsCheck(NOW, dials, new Set([MEMBER.peerId])).reason).not.toContain(MEMBER.peerId)
    expect(dialsCheck(NOW, dials, new Set([MEMBER.peerId, OTHER.peerId]))).toEqual(GREEN)
    expect(dialsCheck(NOW, [{ peerId: MEMBER.peerId, pendingSinceMs: NOW - 1, unanswered: 0 }], NOBODY)).toEqual(GREEN)
  })

  it('should name a sign round past its deadline, one whose members are silent, and a keygen', () => {
    expect(roundsCheck(NOW, QUIET, undefined)).toEqual(GREEN)
    expect(roundsCheck(NOW, { ...QUIET, overdue: [{ round: 'ab12', deadlineMs: NOW - 1_000 }] }, undefined)).toEqual(
      GREEN,
    )
    const silent = { round: 'cd34', missing: [MEMBER.publicKey], atMs: NOW }
    const { ok, reason } = roundsCheck(
      NOW,
      { overdue: [{ round: 'ab12', deadlineMs: NOW - 5_000 }], silent },
      'keygen attempt 3 has not ended',
    )
    expect(ok).toBe(false)
    expect(reason).toBe(
      `sign round ab12 is 5 s past its deadline; sign round cd34 ran out of time: no word from ${MEMBER.publicKey}; keygen attempt 3 has not ended`,
    )
  })

  it('should name a disk that takes too long', () => {
    expect(storeCheck(NOW, undefined)).toEqual(GREEN)
    expect(storeCheck(NOW, NOW - 4_000)).toEqual(GREEN)
    expect(storeCheck(NOW, NOW - 7_000)).toMatchObject({ ok: false, reason: expect.stringContaining('for 7 s') })
  })

  it('should name a process that is kept from its work', () => {
    expect(eventLoopCheck(1_500)).toEqual(GREEN)
    expect(eventLoopCheck(4_000)).toMatchObject({ ok: false, reason: expect.stringContaining('late by 4 s') })
  })
})
