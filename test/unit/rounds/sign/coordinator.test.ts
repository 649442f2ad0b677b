import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { commitNonces, type NonceCommitment, type SecretNonces, signShare } from '../../../../src/crypto/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import { openCoordinator, stepCoordinator, stepTimerId } from '../../../../src/rounds/sign/coordinator.ts'
import type {
  CoordinatorEvent,
  CoordinatorState,
  CoordinatorStep,
} from '../../../../src/rounds/sign/coordinator.types.ts'
import { requestHash } from '../../../../src/rounds/sign/index.ts'
import type { DeclineReason } from '../../../../src/rounds/sign/types.ts'
import { type DealtKey, dealKey } from '../../crypto/signing-keys.ts'
import { requestOf } from './network.ts'

const STEP_TIMEOUT_MS = 100
const STRANGER = dealKey(2, 9).members[8] as PublicKey

/** One coordinator alone, spoken to by hand. */
class Coordinator {
  readonly dealt: DealtKey
  readonly members: readonly PublicKey[]
  state: CoordinatorState
  last: CoordinatorStep
  readonly nonces = new Map<PublicKey, SecretNonces>()

  constructor(t: number, n: number) {
    this.dealt = dealKey(t, n)
    this.members = this.dealt.members
    const request = requestOf(this.dealt)
    this.last = openCoordinator({
      round: requestHash(request),
      request,
      key: this.dealt.public,
      stepTimeoutMs: STEP_TIMEOUT_MS,
      self: this.member(0),
      run: 'ab'.repeat(16),
      session: 1,
      timeoutMs: 1_000,
    })
    this.state = this.last.state
  }
  member(i: number): PublicKey {
    const member = this.members[i]
    if (member === undefined) throw new Error('no such member in this test')
    return member
  }
  do(event: CoordinatorEvent): CoordinatorStep {
    this.last = stepCoordinator(this.state, event)
    this.state = this.last.state
    return this.last
  }
  commit(i: number, over: { session?: number; boot?: number; as?: PublicKey } = {}): NonceCommitment {
    const key = this.dealt.keys.get(this.member(i))
    if (key === undefined) throw new Error('no key in this test')
    const { nonces, commitment } = commitNonces(key)
    this.nonces.set(this.member(i), nonces)
    const { session = this.state.session, boot = 1, as: member = this.member(i) } = over
    this.do({ kind: 'commit', member, session, boot, commitment })
    return commitment
  }
  decline(i: number, reason: DeclineReason, session = this.state.session): CoordinatorStep {
    return this.do({ kind: 'decline', member: this.member(i), session, reason })
  }
  /** The member's share over the package at hand; `wrong` flips a bit. */
  share(i: number, wrong = false, as = this.member(i)): CoordinatorStep {
    const { phase } = this.state
    const key = this.dealt.keys.get(this.member(i))
    const nonces = this.nonces.get(this.member(i))
    if (phase.kind !== 'sharing' || key === undefined || nonces === undefined) throw new Error('nothing to share')
    const { request, commitments } = phase.package
    const chosen = commitments.has(this.member(i))
    const share = chosen
      ? signShare(key, nonces, commitments, request.digest, request.tweak)
      : new Uint8Array(32).fill(1)
    if (wrong) share[31] = (share[31] ?? 0) ^ 1
    const wire = Uint8Array.of(i)
    return this.do({ kind: 'share', member: as, packageHash: phase.packageHash, share, wire })
  }
  /** Half a step goes by. */
  half(): CoordinatorStep {
    return this.do({ kind: 'timer', timer: 'step' })
  }
  /** The rest of a session goes by, and the next begins. */
  lapse(): void {
    const { session } = this.state
    while (this.state.session === session) this.half()
  }
  deadline() {
    const effects = this.do({ kind: 'timer', timer: 'deadline' }).effects
    const failed = effects.find((e) => e.kind === 'failed')
    if (failed === undefined) throw new Error('nothing failed')
    return failed
  }
  chosen(): PublicKey[] {
    return this.state.phase.kind === 'sharing' ? [...this.state.phase.package.commitments.keys()] : []
  }
  indices(...list: number[]): PublicKey[] {
    return list.map((i) => this.member(i))
  }
}

describe('collecting commitments', () => {
  it('should choose the first t, whoever they are', () => {
    const c = new Coordinator(3, 5)
    for (const i of [4, 2, 3, 0]) c.commit(i)
    expect(c.chosen()).toEqual(c.indices(2, 3, 4))
  })

  it('should not choose with t − 1 and a duplicate', () => {
    const c = new Coordinator(3, 5)
    for (const i of [1, 2, 2, 1, 2]) c.commit(i)
    expect(c.state.phase.kind).toBe('collecting')
  })

  it("should not take a stranger's commitment", () => {
    const c = new Coordinator(2, 3)
    c.commit(1)
    c.commit(2, { as: STRANGER })
    expect(c.state.phase.kind).toBe('collecting')
    expect(c.state.answers.has(STRANGER)).toBe(false)
  })

  it("should not report a stranger's decline", () => {
    const c = new Coordinator(2, 3)
    c.do({ kind: 'decline', member: STRANGER, session: 1, reason: 'refused' })
    expect([...c.deadline().declined.keys()]).toEqual([])
  })

  it('R25: should not take a commitment of an earlier session', () => {
    const c = new Coordinator(2, 3)
    c.commit(1)
    c.lapse()
    c.commit(1, { session: 1 })
    c.commit(2, { session: 1 })
    expect(c.state.session).toBe(2)
    expect(c.state.phase.kind).toBe('collecting')
  })

  it('should not count a decline of an earlier session', () => {
    const c = new Coordinator(3, 3)
    c.lapse()
    c.decline(1, 'refused', 1)
    expect(c.state.phase.kind).toBe('collecting')
  })

  it('should take the commitment of a member that restarted, in place of the one that died with it', () => {
    const c = new Coordinator(2, 3)
    c.commit(1, { boot: 1 })
    const now = c.commit(1, { boot: 2 })
    c.commit(2)
    expect(c.state.phase.kind === 'sharing' && c.state.phase.package.commitments.get(c.member(1))).toEqual(now)
  })

  it('should keep the newer commitment when the older comes late', () => {
    const c = new Coordinator(2, 3)
    const now = c.commit(1, { boot: 2 })
    c.commit(1, { boot: 1 })
    c.commit(2)
    expect(c.state.phase.kind === 'sharing' && c.state.phase.package.commitments.get(c.member(1))).toEqual(now)
  })

  it('should choose nobody who refused, though it commits later', () => {
    const c = new Coordinator(2, 4)
    c.decline(1, 'refused')
    c.commit(1)
    c.commit(2)
    expect(c.state.phase.kind).toBe('collecting')
    c.commit(3)
    expect(c.chosen()).toEqual(c.indices(2, 3))
  })

  it('should let a commitment stand when the same member declines after it', () => {
    const c = new Coordinator(2, 2)
    c.commit(1)
    c.decline(1, 'not_asked_yet')
    c.commit(0)
    expect(c.chosen()).toEqual(c.indices(0, 1))
  })

  it('should open the next session with the same request and run', () => {
    const c = new Coordinator(3, 3)
    c.half()
    const { effects } = c.half()
    const said = effects.flatMap((e) => (e.kind === 'publish' ? [e] : []))
    expect(said.map((e) => [e.step, e.attempt])).toEqual([['open', 2]])
    const open = decodeSign('open', said[0]?.payload ?? new Uint8Array())
    expect(open).toEqual({ run: c.state.run, request: c.state.request })
  })

  it('should arm half a step, and say the open again when it is over', () => {
    const c = new Coordinator(3, 3)
    const armed = { kind: 'arm', id: stepTimerId(c.state.round), afterMs: STEP_TIMEOUT_MS / 2 }
    const opening = c.last.effects
    expect(opening).toContainEqual(armed)
    const { effects } = c.half()
    expect(effects).toContainEqual(armed)
    expect(effects.filter((e) => e.kind === 'publish')).toEqual(opening.filter((e) => e.kind === 'publish'))
    expect(c.state.session).toBe(1)
  })
})

describe('collecting shares', () => {
  const sharing = (t: number, n: number) => {
    const c = new Coordinator(t, n)
    for (let i = 0; i < t; i++) c.commit(i)
    return c
  }

  it('should sign with the shares of the chosen', () => {
    const c = sharing(2, 3)
    c.share(0)
    expect(c.share(1).effects.some((e) => e.kind === 'signed')).toBe(true)
  })

  it('should take no share of a member that was not chosen, nor blame anyone for it', () => {
    const c = sharing(2, 3)
    c.commit(2)
    c.share(0)
    const { effects } = c.share(2)
    expect(effects).toEqual([])
    expect(c.share(1).effects.some((e) => e.kind === 'signed')).toBe(true)
  })

  it('should take no share before there is a package', () => {
    const c = new Coordinator(2, 3)
    const wire = Uint8Array.of(1)
    const share = {
      kind: 'share',
      member: c.member(1),
      packageHash: '00'.repeat(32),
      share: new Uint8Array(32),
      wire,
    } as const
    expect(c.do(share)).toEqual({ state: c.state, effects: [] })
  })

  it('should blame with both wires, and with the share alone where the package never came back', () => {
    for (const wire of [Uint8Array.of(7, 7), undefined]) {
      const c = sharing(2, 3)
      if (wire !== undefined) c.do({ kind: 'package_sent', session: 1, wire })
      c.share(0)
      const fault = c.share(1, true).effects.find((e) => e.kind === 'fault')
      const wires = [wire, Uint8Array.of(1)].filter((w) => w !== undefined)
      expect(fault).toMatchObject({ code: 'invalid_share', member: c.member(1), wires })
    }
  })

  it("should keep the first wire of its package, and none of another session's", () => {
    const c = sharing(2, 3)
    c.do({ kind: 'package_sent', session: 2, wire: Uint8Array.of(2) })
    expect(c.state.phase).toMatchObject({ wire: undefined })
    c.do({ kind: 'package_sent', session: 1, wire: Uint8Array.of(1) })
    c.do({ kind: 'package_sent', session: 1, wire: Uint8Array.of(3) })
    expect(c.state.phase).toMatchObject({ wire: Uint8Array.of(1) })
  })

  it('should not choose a cheater again, even if it is first', () => {
    const c = sharing(2, 4)
    c.share(0)
    c.share(1, true)
    expect(c.state.session).toBe(2)
    for (const i of [1, 2, 3]) c.commit(i)
    expect(c.chosen()).toEqual(c.indices(2, 3))
  })

  it('should leave out a member that gave no share, while the others suffice', () => {
    const c = sharing(2, 4)
    c.share(0)
    c.lapse()
    for (const i of [1, 0, 2]) c.commit(i)
    expect(c.chosen()).toEqual(c.indices(0, 2))
  })

  it('should take it after half a step if the others do not come', () => {
    const c = sharing(2, 4)
    c.share(0)
    c.lapse()
    for (const i of [1, 0]) c.commit(i)
    expect(c.state.phase.kind).toBe('collecting')
    c.half()
    expect(c.chosen()).toEqual(c.indices(0, 1))
  })

  it('should take it at once if the others are too few', () => {
    const c = sharing(2, 2)
    c.share(0)
    c.lapse()
    for (const i of [1, 0]) c.commit(i)
    expect(c.chosen()).toEqual(c.indices(0, 1))
  })

  it('should do nothing any more once it has ended', () => {
    const c = sharing(2, 3)
    c.do({ kind: 'end' })
    expect(c.half().effects).toEqual([])
    c.commit(2)
    expect(c.last.effects).toEqual([])
  })
})

describe('who is missing at the deadline', () => {
  it('should name those who said nothing, in the first session', () => {
    const c = new Coordinator(3, 4)
    c.commit(0)
    c.decline(1, 'not_asked_yet')
    expect(c.deadline()).toMatchObject({ code: 'TIMEOUT', missing: c.indices(2, 3), cheaters: [] })
  })

  it('should name those of the session before when the last has just begun', () => {
    const c = new Coordinator(3, 4)
    c.commit(0)
    c.commit(1)
    c.lapse()
    expect(c.deadline().missing).toEqual(c.indices(2, 3))
  })

  it('should name those of the last session once half a step of it is over', () => {
    const c = new Coordinator(3, 4)
    c.commit(0)
    c.commit(1)
    c.lapse()
    c.commit(2)
    c.half()
    expect(c.deadline().missing).toEqual(c.indices(0, 1, 3))
  })

  it('should name a chosen member that gave no share, and one that never spoke', () => {
    const c = new Coordinator(2, 4)
    for (const i of [0, 1, 2]) c.commit(i)
    c.share(0)
    c.half()
    expect(c.deadline().missing).toEqual(c.indices(1, 3))
  })

  it('should name cheaters as cheaters only, though they fall silent', () => {
    const c = new Coordinator(2, 4)
    c.commit(0)
    c.commit(1)
    c.share(0)
    c.share(1, true)
    c.commit(2)
    c.half()
    expect(c.deadline()).toMatchObject({ missing: c.indices(0, 3), cheaters: c.indices(1) })
  })

  it('should report what the others said', () => {
    const c = new Coordinator(3, 4)
    c.decline(1, 'refused')
    c.decline(2, 'unknown_key')
    c.lapse()
    c.decline(2, 'not_asked_yet')
    expect([...c.deadline().declined].sort()).toEqual(
      [
        [c.member(1), 'refused'],
        [c.member(2), 'not_asked_yet'],
      ].sort(),
    )
  })

  it('should fail at once as REFUSED by the refusal that leaves too few', () => {
    const c = new Coordinator(3, 4)
    expect(c.decline(1, 'refused').effects).toEqual([])
    const { effects } = c.decline(2, 'refused')
    expect(effects.find((e) => e.kind === 'failed')).toMatchObject({ code: 'REFUSED' })
    expect(effects.filter((e) => e.kind === 'disarm')).toHaveLength(2)
  })

  it('should not give up for members that were merely not asked yet, or lack the share', () => {
    const c = new Coordinator(3, 3)
    c.decline(1, 'not_asked_yet')
    c.decline(2, 'unknown_key')
    expect(c.state.phase.kind).toBe('collecting')
  })
})
