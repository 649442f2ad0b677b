import { describe, expect, it } from 'vitest'
import type { Gate } from '../../../src/gating/index.ts'
import { checkHealth, HEALTH_CHECKS, type HealthFacts } from '../../../src/node/health-checks.ts'
import { connectionTo, gateIn, MEMBER, NOTHING_STUCK, OTHER, SELF } from './facts.ts'

const NOW = 10_000_000
const POLL_MS = 1_000
const good = (): HealthFacts => ({
  nowMs: NOW,
  pollIntervalMs: POLL_MS,
  registry: { lastReadAtMs: NOW - POLL_MS, lastFailure: undefined },
  gate: gateIn.signer(),
  connections: [connectionTo(MEMBER), connectionTo(OTHER)],
  keyHeld: true,
  ...NOTHING_STUCK,
})
const redOf = (over: Partial<HealthFacts>) => {
  const reports = checkHealth({ ...good(), ...over })
  return Object.fromEntries(
    HEALTH_CHECKS.filter((name) => !reports[name].ok).map((name) => [name, reports[name].reason]),
  )
}

describe('checkHealth', () => {
  it('should be green when all is well', () => {
    expect(redOf({})).toEqual({})
  })

  it('should be red for a registry that was never read', () => {
    expect(redOf({ registry: { lastReadAtMs: undefined, lastFailure: undefined } })).toEqual({
      registry: 'not read yet',
    })
  })

  it.each([
    ['frozen', 'stale, older than max_age; pending sets, keygen and rotation are frozen'],
    ['closed', 'stale, older than max_age; nobody is admitted (on_stale = "close")'],
  ] as const)('R5: should say that the registry is stale and %s, and why it is not read', (trust, said) => {
    const gate = gateIn.signer()
    gate.applyTrust(trust)
    expect(redOf({ gate }).registry).toBe(said)
    const lastFailure = { reason: 'no_quorum', detail: '1 of 2 agree', atMs: NOW } as const
    expect(redOf({ gate, registry: { lastReadAtMs: undefined, lastFailure } }).registry).toBe(`${said}: 1 of 2 agree`)
  })

  it('should be red for a registry that was not read for several polls', () => {
    expect(Object.keys(redOf({ registry: { lastReadAtMs: NOW - 60_000, lastFailure: undefined } }))).toEqual([
      'registry',
    ])
  })

  it('should say why the registry was not read', () => {
    const lastFailure = { reason: 'no_quorum', detail: '1 of 2 endpoints agree', atMs: NOW } as const
    expect(redOf({ registry: { lastReadAtMs: NOW - 60_000, lastFailure } })).toEqual({
      registry: 'not read lately: 1 of 2 endpoints agree',
    })
  })

  it('incident 41: should be red for a registry whose reading does not end, though the last one is recent', () => {
    const registry = { lastReadAtMs: NOW - POLL_MS, lastFailure: undefined, readingSinceMs: NOW - 200_000 }
    expect(redOf({ registry })).toEqual({ registry: 'a reading of the registry has not ended for 200 s' })
    expect(redOf({ registry: { ...registry, readingSinceMs: NOW - 1_000 } })).toEqual({})
  })

  it('incident 41: should be red for each kind of wait that hangs', () => {
    expect(
      Object.keys(redOf({ dials: [{ peerId: SELF.peerId, pendingSinceMs: NOW - 60_000, unanswered: 0 }] })),
    ).toEqual(['dials'])
    expect(Object.keys(redOf({ keygen: 'keygen attempt 1 has not ended' }))).toEqual(['rounds'])
    expect(Object.keys(redOf({ syncingSinceMs: NOW - 60_000 }))).toEqual(['store'])
    expect(Object.keys(redOf({ loopLagMs: 60_000 }))).toEqual(['event_loop'])
  })

  it('should stay green over one failed read', () => {
    const lastFailure = { reason: 'timeout', detail: 'too slow', atMs: NOW } as const
    expect(redOf({ registry: { lastReadAtMs: NOW - 2 * POLL_MS, lastFailure } })).toEqual({})
  })

  it('should allow a slow poll its own time', () => {
    const registry = { lastReadAtMs: NOW - 60_000, lastFailure: undefined }
    expect(redOf({ pollIntervalMs: 30_000, registry })).toEqual({})
  })

  it.each([
    ['waiting', /stands in no set/],
    ['pending', /set is being made/],
    ['removed', /was removed/],
  ] as const)('should be red for the membership of a node that is %s', (state, reason) => {
    expect(redOf({ gate: gateIn[state]() }).membership).toMatch(reason)
  })

  it('should be red for a mesh that lacks a member, and name it', () => {
    expect(redOf({ connections: [connectionTo(MEMBER)] })).toEqual({
      mesh: `no connection to ${OTHER.publicKey}`,
    })
  })

  it('should be red for a key on chain of which this node holds no certified share', () => {
    expect(Object.keys(redOf({ keyHeld: false }))).toEqual(['key'])
  })

  it('should be red while the registry holds no key, though a share be held', () => {
    const gate: Gate = gateIn.unread()
    expect(redOf({ gate }).key).toBe('the registry holds no key yet')
  })
})
