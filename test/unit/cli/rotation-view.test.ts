import { describe, expect, it } from 'vitest'
import { rotationText } from '../../../src/cli/rotation-view.ts'
import { statusText } from '../../../src/cli/status-view.ts'

const keyOf = (n: number) => `02${n.toString(16).padStart(2, '0').repeat(32)}`
const [A, B, C, D] = [1, 2, 3, 4].map(keyOf) as [string, string, string, string]
const short = (key: string) => `${key.slice(0, 8)}…`

const rotation = (over: Readonly<Record<string, unknown>> = {}) => ({
  pendingId: 'aa'.repeat(32),
  keys: [A, B, C],
  threshold: 2,
  attempt: 1,
  approved: [A, B, C],
  step: 'wait',
  waitingFor: 'keygen',
  missing: [],
  approvalsNeeded: null,
  keygen: { phase: 'idle', attempt: 0 },
  ...over,
})
const failure = (over: Readonly<Record<string, unknown>> = {}) => ({
  ...{ attempt: 3, reason: 'silence at step deal', silent: [], blamed: [] },
  ...over,
})

describe('keygen in `rotation status`', () => {
  it('should say why the last attempt failed and who was silent, while the next one runs', () => {
    const text = rotationText(
      rotation({ keygen: { phase: 'running', attempt: 4, lastFailure: failure({ silent: [B] }) } }),
    )
    expect(text).toMatch(/^approval attempt +1$/m)
    expect(text).toMatch(/^keygen +running · keygen attempt 4$/m)
    expect(text).toMatch(/^ +keygen attempt 3 failed: silence at step deal$/m)
    expect(text).toMatch(new RegExp(`^ +no word from ${short(B)}$`, 'm'))
    expect(text).not.toContain('at fault')
  })

  it('should name who is at fault', () => {
    const blamed = [{ member: C, fault: 'wrong_share' }]
    const keygen = { phase: 'running', attempt: 4, lastFailure: failure({ reason: 'proven fault', blamed }) }
    expect(rotationText(rotation({ keygen }))).toContain(`at fault: ${short(C)} (wrong_share) (evidence list)`)
  })

  it('should say whom a confirmed attempt waits for', () => {
    const keygen = { phase: 'running', attempt: 2, waiting: { step: 'certificate', missing: [A, B] } }
    expect(rotationText(rotation({ keygen }))).toContain(
      `keygen attempt 2 goes on when they are back: no certificate from ${short(A)}, ${short(B)}`,
    )
  })

  it('should tell keygen that ended for good from one that goes on, and what to approve then', () => {
    const keygen = { phase: 'failed', attempt: 2, lastFailure: failure({ attempt: 2, reason: 'share lost' }) }
    const text = rotationText(rotation({ keygen }))
    expect(text).toContain('FAILED in keygen attempt 2')
    expect(text).toContain('approve the set again as the next approval attempt')
    expect(text).toContain('keygen attempt 2 failed: share lost')
  })

  it('should say nothing of keygen before it begins', () => {
    expect(rotationText(rotation())).not.toMatch(/^keygen/m)
  })

  it('should not let a reason drive the terminal', () => {
    const keygen = { phase: 'running', attempt: 1, lastFailure: failure({ reason: 'a\u001b[2Jb' }) }
    expect(rotationText(rotation({ keygen }))).not.toContain('\u001b')
  })

  it('should stand in `status`, too, within 100 columns', () => {
    const lastFailure = failure({ silent: [A, B, C], blamed: [{ member: D, fault: 'wrong_share' }] })
    const text = statusText({ rotation: rotation({ keygen: { phase: 'running', attempt: 4, lastFailure } }) }, 0)
    expect(text).toContain('silence at step deal')
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([])
  })
})

describe('approvals in `rotation status`', () => {
  const waiting = { waitingFor: 'approvals', approved: [A] }

  it('should say how many of the current set are needed, instead of naming all as missing', () => {
    const approvalsNeeded = { every: [D], anyOf: { count: 1, keys: [B, C] } }
    const text = rotationText(rotation({ ...waiting, keys: [A, D], missing: [B, C, D], approvalsNeeded }))
    expect(text).toMatch(new RegExp(`^missing +${D}\n +of the current set any 1 of these 2:\n +${B}\n +${C}$`, 'm'))
  })

  it('should say that all are, where nobody can be spared', () => {
    const approvalsNeeded = { every: [], anyOf: { count: 2, keys: [B, C] } }
    const text = rotationText(rotation({ ...waiting, missing: [B, C], approvalsNeeded }))
    expect(text).toMatch(new RegExp(`^missing +of the current set all 2:\n +${B}\n +${C}$`, 'm'))
  })

  it('should name every missing one where each is needed', () => {
    const approvalsNeeded = { every: [B, C], anyOf: { count: 0, keys: [] } }
    const text = rotationText(rotation({ ...waiting, missing: [B, C], approvalsNeeded }))
    expect(text).toMatch(new RegExp(`^missing +${B}\n +${C}$`, 'm'))
  })
})

describe('the set in `status`', () => {
  const hash = 'ab'.repeat(32)
  const set = { hash, threshold: 2, size: 3, keys: [A, B, C] }
  const member = (publicKey: string, role: string) => ({ publicKey, role })

  it.each([
    ['a removed node, which refuses all', [A, B, C].map((k) => member(k, 'none'))],
    ['a removed node during a recall', [member(A, 'signer'), member(B, 'signer'), member(C, 'retired')]],
    ['a node that denies one', [member(A, 'signer'), member(B, 'signer'), member(C, 'none')]],
  ])('should have the size of the snapshot: %s', (_, members) => {
    expect(statusText({ set, members }, 0)).toMatch(new RegExp(`^set +2 of 3 · ${hash}$`, 'm'))
  })

  it('should not claim to know it of an older node', () => {
    const members = [member(A, 'signer'), member(B, 'signer')]
    expect(statusText({ set: { hash, threshold: 2 }, members }, 0)).toMatch(/^set +2 of at least 2 ·/m)
  })
})
