import { describe, expect, it } from 'vitest'
import type { KeyPair } from '../../../src/curve/index.ts'
import type { Gate } from '../../../src/gating/index.ts'
import { checkHealth, HEALTH_CHECKS, type HealthFacts } from '../../../src/node/health-checks.ts'
import type { Beat } from '../../../src/node/liveness/beat.ts'
import type { MemberLiveness } from '../../../src/node/liveness/index.ts'
import { divergenceGraceMs } from '../../../src/node/liveness-checks.ts'
import { connectionTo, gateIn, MEMBER, NO_LIVENESS, NOTHING_STUCK, OTHER, SELF, WITHOUT_SELF } from './facts.ts'

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
  liveness: NO_LIVENESS,
  keyElsewhere: undefined,
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

  it('should be red while the validator fails, and say how', () => {
    const [sinceMs, lastAtMs] = [NOW - 60_000, NOW]
    const validator = { reason: 'validator_status', detail: 'status 500', sinceMs, lastAtMs, times: 12 } as const
    expect(redOf({ validator })).toEqual({
      validator:
        'the validator answers with an error (status 500), asked 12 times; until it answers, this node takes part in nothing new',
    })
    expect(redOf({ validator: { ...validator, reason: 'validator_unreachable', detail: null, times: 1 } })).toEqual({
      validator: "the validator can't be reached, asked once; until it answers, this node takes part in nothing new",
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

  it('should not miss a member whom the operator denies', () => {
    const gate = gateIn.signer()
    gate.applyLists({ bridges: [], denied: [OTHER.peerId] })
    expect(redOf({ gate, connections: [connectionTo(MEMBER)] })).not.toHaveProperty('mesh')
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

describe('checkHealth of what heartbeats tell', () => {
  const GRACE_MS = divergenceGraceMs(POLL_MS)
  const member = (over: Partial<MemberLiveness> = {}): MemberLiveness => ({
    ...{ sign: 'alive', lastHeardAtMs: NOW - 1, beat: undefined, divergesSinceMs: undefined },
    ...{ clockOffsetMs: 0, overdue: false, ...over },
  })
  const silent = member({ sign: 'silent', lastHeardAtMs: NOW - 60_000, overdue: true })
  const hearing = (members: readonly (readonly [KeyPair, MemberLiveness])[], offsetMs?: number) => ({
    members: new Map(members.map(([key, liveness]) => [key.publicKey, liveness])),
    clock: { offsetMs, witnesses: 2 },
  })

  it('should be green while all are heard and agree', () => {
    expect(
      redOf({
        liveness: hearing(
          [
            [MEMBER, member()],
            [OTHER, member()],
          ],
          29_000,
        ),
      }),
    ).toEqual({})
  })
  it('should name a member whose link is up but who is silent: connected is not alive', () => {
    expect(
      redOf({
        liveness: hearing([
          [MEMBER, silent],
          [OTHER, member()],
        ]),
      }),
    ).toEqual({
      liveness: `connected but silent: ${MEMBER.publicKey}`,
    })
  })
  it('should name one that was never heard likewise, once it is overdue', () => {
    const never = { sign: 'never', lastHeardAtMs: undefined } as const
    expect(redOf({ liveness: hearing([[MEMBER, member(never)]]) })).toEqual({})
    expect(redOf({ liveness: hearing([[MEMBER, member({ ...never, overdue: true })]]) })).toMatchObject({
      liveness: `connected but silent: ${MEMBER.publicKey}`,
    })
  })
  it('should leave a silent member without a link to the mesh check', () => {
    const liveness = hearing([[OTHER, silent]])
    expect(Object.keys(redOf({ liveness, connections: [connectionTo(MEMBER)] }))).toEqual(['mesh'])
  })
  it('should name a member that acts by another set, after the time that news may take', () => {
    const beat = { setHash: WITHOUT_SELF.hash } as Beat
    const diverging = (forMs: number) => hearing([[MEMBER, member({ beat, divergesSinceMs: NOW - forMs })]])
    expect(redOf({ liveness: diverging(GRACE_MS) })).toEqual({})
    expect(redOf({ liveness: diverging(GRACE_MS + 1) })).toEqual({
      liveness: `acting by another signer set than this node's (11111111): ${MEMBER.publicKey} (33333333)`,
    })
  })
  it('should give a slow poll its own time', () => {
    const beat = { setHash: WITHOUT_SELF.hash } as Beat
    const liveness = hearing([[MEMBER, member({ beat, divergesSinceMs: NOW - 60_000 })]])
    expect(
      redOf({ liveness, pollIntervalMs: 60_000, registry: { lastReadAtMs: NOW, lastFailure: undefined } }),
    ).toEqual({})
  })
  it.each([
    [31_000, /clock is 31 s behind the median of 2 members/],
    [-31_000, /clock is 31 s ahead of the median of 2 members/],
  ])('R17: should be red for a clock that is %i ms off', (offsetMs, reason) => {
    expect(redOf({ liveness: hearing([], offsetMs) }).clock).toMatch(reason)
  })
  it('R17: should be red while another node speaks with its key', () => {
    const { identity, ...others } = redOf({ keyElsewhere: { sinceMs: 1, boot: 7 } })
    expect(identity).toMatch(/another node \(boot 7\) speaks with this node's key: stop one of the two/)
    expect(others).toEqual({})
  })
})
