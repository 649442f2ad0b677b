import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { commitNonces, type KeyPackage, type SecretNonces, SigningSession } from '../../../../src/crypto/index.ts'
import {
  choose,
  declinedIn,
  isHopeless,
  openCoordinator,
  stepCoordinator,
} from '../../../../src/rounds/sign/coordinator.ts'
import type {
  CoordinatorEvent,
  CoordinatorState,
  CoordinatorStep,
  Session,
} from '../../../../src/rounds/sign/coordinator.types.ts'
import { commitmentsAt, requestHash } from '../../../../src/rounds/sign/index.ts'
import type { DeclineReason } from '../../../../src/rounds/sign/types.ts'
import { seededRandom } from '../../../simulator/random.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { of } from './kit.ts'
import { itemOf, requestOf, spoilt } from './network.ts'

const [T, N] = [3, 5]
const dealt = dealKey(T, N)
const SELF = dealt.members[0] as PublicKey
const request = requestOf(dealt, { items: [itemOf(1), itemOf(2)] })
const everybody = (_: PublicKey) => true

/** A coordinator with members that answer as they are told, and pairs without end. */
class Rig {
  state: CoordinatorState
  readonly effects: CoordinatorStep['effects'][number][] = []
  readonly #pairs = new Map<string, SecretNonces[]>()
  #number = 0

  constructor() {
    const facts = { round: requestHash(request), request, key: dealt.public, self: SELF }
    this.state = openCoordinator(facts, dealt.members)
  }
  step(event: CoordinatorEvent): void {
    const { state, effects } = stepCoordinator(this.state, event)
    this.state = state
    this.effects.push(...effects)
  }
  /** Opens the next session, if one may be opened. */
  open(isCandidate = everybody, hasPairs = everybody): Session | undefined {
    const { state, effects, chosen } = choose(this.state, isCandidate, hasPairs)
    this.state = state
    this.effects.push(...effects)
    if (chosen === undefined) return undefined
    const session = ++this.#number
    const entries = new Map(
      chosen.map((m) => {
        const pairs = request.items.map(() => commitNonces(dealt.keys.get(m) as KeyPackage).nonces)
        this.#pairs.set(`${session}/${m}`, pairs)
        return [m, pairs.map((p) => p.commitment)] as const
      }),
    )
    this.step({ kind: 'open', session, entries })
    this.step({ kind: 'sent', session, wire: Uint8Array.of(session) })
    return this.state.sessions.find((s) => s.number === session)
  }
  share(member: PublicKey, session: Session, change: (share: Uint8Array) => Uint8Array = (s) => s): void {
    const key = dealt.keys.get(member) as KeyPackage
    const shares = request.items.map(({ digest, tweak }, i) => {
      const opened = SigningSession.open(key.public, commitmentsAt(session.package, i), digest, tweak)
      const nonces = this.#pairs.get(`${session.number}/${member}`)?.[i]
      if (!opened.ok || nonces === undefined) throw new Error('no session')
      return change(opened.session.share(key, nonces))
    })
    const { packageHash } = session
    this.step({ kind: 'share', member, packageHash, shares, wire: Uint8Array.of(99) })
  }
  decline(member: PublicKey, session: Session | undefined, reason: DeclineReason): void {
    this.step({ kind: 'decline', member, session: session?.number ?? 0, reason })
  }
  standing(member: PublicKey): string | undefined {
    return this.state.members.get(member)?.standing.at
  }
  get signed(): number {
    return this.effects.filter((e) => e.kind === 'signed').length
  }
  get named(): PublicKey[] {
    return this.effects.flatMap((e) => (e.kind === 'fault' ? [e.member] : []))
  }
}
const membersOf = (s: Session | undefined): PublicKey[] => [...(s?.package.entries.keys() ?? [])]
const [A, B, C] = dealt.members as [PublicKey, PublicKey, PublicKey]

describe('ROAST', () => {
  it('should open a session with exactly t members, itself among them, and end with their shares', () => {
    const rig = new Rig()
    const session = rig.open() as Session
    expect(membersOf(session)).toEqual([A, B, C])
    expect(rig.open()).toBeUndefined()
    for (const m of [A, B, C]) rig.share(m, session)
    expect(rig.signed).toBe(1)
    expect(rig.state.isOver).toBe(true)
  })

  it('should send each package to those who are in it', () => {
    const rig = new Rig()
    rig.open()
    const sent = rig.effects.filter((e) => e.kind === 'send')
    expect(sent.map((s) => [s.step, s.attempt, s.to])).toEqual([['package', 1, [A, B, C]]])
  })

  it('should wait for nobody while t others are responsive: who has answered may be chosen again', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    expect(rig.open()).toBeDefined()
    const [, second] = rig.state.sessions
    expect(membersOf(second)).not.toContain(B)
    expect(membersOf(second)).not.toContain(C)
    expect(membersOf(second)).toContain(A)
  })

  it('should choose nobody without pairs, nor anybody who is no candidate', () => {
    const rig = new Rig()
    expect(rig.open(everybody, (m) => m !== B && m !== C && m !== A)).toBeUndefined()
    expect(
      membersOf(
        rig.open(
          (m) => m !== A,
          (m) => m !== B,
        ),
      ),
    ).not.toContain(A)
    expect(rig.standing(B)).toBe('responsive')
  })

  it('should choose those that were heard last', () => {
    const rig = new Rig()
    for (const member of dealt.members.slice(3)) rig.step({ kind: 'ready', member })
    expect(membersOf(rig.open())).toEqual([SELF, ...dealt.members.slice(3)])
  })

  it('should take the late share of a silent member: whichever session is whole first, ends it', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    for (const m of [A, B]) rig.share(m, first)
    const second = rig.open() as Session
    expect(second).toBeDefined()
    rig.share(C, first)
    expect(rig.signed).toBe(1)
  })

  it('should repeat a package to those who owe a share, and to nobody else', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(B, first)
    rig.effects.length = 0
    rig.step({ kind: 'resend' })
    expect(rig.effects).toMatchObject([{ kind: 'send', to: [A, C], payload: first.payload, attempt: 1 }])
  })

  it('should open at most n − t + 1 sessions for members that are merely silent', () => {
    const rig = new Rig()
    let opened = 0
    for (let s = rig.open(); s !== undefined; s = rig.open()) {
      opened++
      const [first] = membersOf(s).filter((m) => m !== SELF)
      for (const m of membersOf(s)) if (m !== first) rig.share(m, s)
    }
    expect(opened).toBe(N - T + 1)
  })
})

describe('wrong shares', () => {
  it('R26: should name their author once, with the package and the share as signed, and go on without it', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    rig.share(B, first, spoilt)
    rig.share(C, first)
    expect(rig.signed).toBe(0)
    expect(rig.effects.filter((e) => e.kind === 'fault')).toMatchObject([
      {
        ...{ code: 'invalid_share', member: B, attempt: 1, wires: [Uint8Array.of(1), Uint8Array.of(99)] },
        ...{ setHash: request.setHash, transcript: request.transcript, key: dealt.public },
      },
    ])
    const second = rig.open() as Session
    expect(membersOf(second)).not.toContain(B)
    for (const m of membersOf(second)) rig.share(m, second)
    expect(rig.signed).toBe(1)
    expect(rig.named).toEqual([B])
  })

  it('should name all that are wrong in one session at once', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    for (const m of [B, C]) rig.share(m, first, spoilt)
    expect(rig.named.toSorted()).toEqual([B, C].toSorted())
  })

  it('should find a wrong share of a session that does not end before its author spoils another', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(B, first, spoilt)
    rig.share(A, first)
    // C is silent. B would be chosen next, as one who answered.
    const second = rig.open()
    expect(rig.named).toEqual([B])
    expect(membersOf(second)).not.toContain(B)
  })

  it('should name who gives too few or too many shares', () => {
    const rig = new Rig()
    const { packageHash } = rig.open() as Session
    rig.step({ kind: 'share', member: B, packageHash, shares: [new Uint8Array(32)], wire: Uint8Array.of(7) })
    expect(rig.named).toEqual([B])
  })

  it('R26: should take no share over another package, nor of one who was not chosen, and blame nobody for it', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    const shares = request.items.map(() => new Uint8Array(32))
    const [outsider] = dealt.members.filter((m) => !membersOf(first).includes(m)) as [PublicKey]
    rig.step({ kind: 'share', member: B, packageHash: 'ab'.repeat(32), shares, wire: Uint8Array.of(1) })
    rig.step({ kind: 'share', member: outsider, packageHash: first.packageHash, shares, wire: Uint8Array.of(1) })
    for (const m of [A, B, C]) rig.share(m, first)
    expect(rig.named).toEqual([])
    expect(rig.signed).toBe(1)
  })

  it('should be hopeless once fewer than t are left, and not before', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    for (const m of [B, C]) rig.share(m, first, spoilt)
    expect(isHopeless(rig.state)).toBe(false)
    const second = rig.open() as Session
    const [next] = membersOf(second).filter((m) => m !== SELF) as [PublicKey]
    rig.decline(next, second, 'refused')
    expect(isHopeless(rig.state)).toBe(true)
    expect(rig.open()).toBeUndefined()
  })
})

describe('sessions that end otherwise', () => {
  const ended = (rig: Rig) =>
    rig.effects.flatMap((e) =>
      e.kind === 'ended' ? [[e.session.number, [...e.session.shares.keys()], [...e.named]]] : [],
    )

  it('should be given away with their shares when another one is whole', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    for (const m of [A, B]) rig.share(m, first)
    const second = rig.open() as Session
    const [D] = membersOf(second).filter((m) => m !== A && m !== B) as [PublicKey]
    rig.share(D, second)
    rig.share(C, first)
    expect(rig.signed).toBe(1)
    expect(ended(rig)).toEqual([[2, [D], []]])
  })

  it('should be given away when a member spoils them, by a restart or a decline', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    rig.step({ kind: 'restarted', member: B })
    const second = rig.open() as Session
    const [D] = membersOf(second).filter((m) => m !== SELF) as [PublicKey]
    rig.decline(D, second, 'not_asked_yet')
    expect(ended(rig)).toEqual([
      [1, [A], []],
      [2, [], []],
    ])
  })

  it('should be given away where one of theirs is named before the others were looked at', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.share(A, first)
    rig.step({
      ...{ kind: 'share', member: B, packageHash: first.packageHash },
      ...{ shares: [new Uint8Array(32)], wire: Uint8Array.of(7) },
    })
    expect(ended(rig)).toEqual([[1, [A], [B]]])
  })

  it('should not be given away where every share was looked at', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    for (const m of [A, B, C]) rig.share(m, first, m === B ? spoilt : undefined)
    expect(rig.named).toEqual([B])
    expect(ended(rig)).toEqual([])
  })

  it('should put out of the round whose share in one of them is found wrong', () => {
    const rig = new Rig()
    rig.step({ kind: 'cheated', member: B })
    expect(rig.standing(B)).toBe('out')
    expect(membersOf(rig.open())).not.toContain(B)
  })
})

describe('declines', () => {
  it('R27: should choose a member that refused never again', () => {
    const rig = new Rig()
    rig.decline(B, undefined, 'refused')
    rig.step({ kind: 'ready', member: B })
    expect(rig.standing(B)).toBe('out')
    expect(membersOf(rig.open())).not.toContain(B)
  })

  for (const reason of ['not_asked_yet', 'unknown_key'] as const)
    it(`R27: should wait with one that says "${reason}" until it is ready`, () => {
      const rig = new Rig()
      const first = rig.open() as Session
      rig.decline(B, first, reason)
      expect([rig.standing(B), rig.standing(C)]).toEqual(['waiting', 'responsive'])
      expect(declinedIn(rig.state).get(B)).toBe(reason)
      expect(membersOf(rig.open())).not.toContain(B)
      rig.step({ kind: 'ready', member: B })
      expect(rig.standing(B)).toBe('responsive')
    })

  it('R25: should forgive a pair that is not known once in a round, and not twice', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    rig.decline(B, first, 'unknown_nonce')
    expect(rig.standing(B)).toBe('responsive')
    const second = rig.open() as Session
    expect(membersOf(second)).toContain(B)
    rig.decline(B, second, 'unknown_nonce')
    expect(rig.standing(B)).toBe('out')
    expect(rig.named).toEqual([])
    rig.step({ kind: 'ready', member: B })
    expect(rig.standing(B)).toBe('out')
  })

  it('should not let a member leave a session that it is not in', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    const [outsider] = dealt.members.filter((m) => !membersOf(first).includes(m)) as [PublicKey]
    rig.decline(outsider, first, 'refused')
    rig.decline(B, { ...first, number: 7 }, 'not_asked_yet')
    expect([rig.standing(outsider), rig.standing(B)]).toEqual(['responsive', 'busy'])
    expect(rig.state.sessions).toHaveLength(1)
  })

  it('R25: should not wait for a member that became another process, and forgive it once', () => {
    const rig = new Rig()
    rig.open()
    rig.step({ kind: 'restarted', member: B })
    expect(rig.state.sessions).toEqual([])
    expect(rig.standing(B)).toBe('responsive')
    rig.step({ kind: 'restarted', member: B })
    expect(rig.standing(B)).toBe('responsive')
    rig.open()
    rig.step({ kind: 'restarted', member: B })
    expect(rig.standing(B)).toBe('out')
  })

  it('should hear nothing more once it is over', () => {
    const rig = new Rig()
    const first = rig.open() as Session
    for (const m of [A, B, C]) rig.share(m, first)
    const before = rig.effects.length
    rig.step({ kind: 'resend' })
    rig.decline(B, first, 'refused')
    expect(rig.open()).toBeUndefined()
    expect(rig.effects).toHaveLength(before)
    expect(of([], 'fault')).toEqual([])
  })
})

/** Random words of everybody to one coordinator, again and again; every change of a standing, and of what to what. */
function standingsWalked(walks: number): ReadonlySet<string> {
  const seen = new Set<string>()
  for (let seed = 1; seed <= walks; seed++) {
    const { next } = seededRandom(`standings ${seed}`)
    const below = (n: number) => Math.floor(next() * n)
    const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T
    const rig = new Rig()
    const opened: Session[] = []
    const given = new Set<string>()
    for (let i = 0; i < 30 && !rig.state.isOver; i++) {
      const before = new Map(dealt.members.map((m) => [m, rig.standing(m)]))
      const member = pick(dealt.members)
      const act = below(8)
      const session = opened.length === 0 ? undefined : pick(opened)
      if (act < 3) {
        const fresh = rig.open()
        if (fresh !== undefined) opened.push(fresh)
      } else if (act === 3) rig.step({ kind: 'ready', member })
      else if (act === 4) rig.step({ kind: 'restarted', member })
      else if (act === 5) rig.step({ kind: 'cheated', member })
      else if (act === 6) rig.decline(member, below(2) === 0 ? undefined : session, pick(REASONS))
      else if (
        session !== undefined &&
        membersOf(session).includes(member) &&
        !given.has(`${session.number} ${member}`)
      ) {
        given.add(`${session.number} ${member}`)
        rig.share(member, session, below(3) === 0 ? spoilt : undefined)
      }
      for (const m of dealt.members)
        if (before.get(m) !== rig.standing(m)) seen.add(`${before.get(m)} ${rig.standing(m)}`)
    }
  }
  return seen
}
const REASONS: readonly DeclineReason[] = ['refused', 'not_asked_yet', 'unknown_key', 'unknown_nonce']

it('docs/ROUNDS.md should draw every change of a standing, and none that never happens', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/ROUNDS.md'), 'utf8')
  const diagrams = [...page.matchAll(/```mermaid\nstateDiagram-v2\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  const diagram = diagrams.find((text) => text.includes('[*] --> responsive')) ?? ''
  const drawn = [...diagram.matchAll(/^ {2}(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`)
  expect([...standingsWalked(300)].toSorted()).toEqual([...new Set(drawn)].toSorted())
})
