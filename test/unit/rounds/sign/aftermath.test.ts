import { describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, utf8 } from '../../../../src/base/index.ts'
import { commitNonces, type KeyPackage, SigningSession } from '../../../../src/crypto/index.ts'
import { Aftermath, type AftermathInit } from '../../../../src/rounds/sign/aftermath.ts'
import { encodeSign } from '../../../../src/rounds/sign/codec.ts'
import type { Session, ShareIn } from '../../../../src/rounds/sign/coordinator.types.ts'
import { commitmentsAt, packageHash, requestHash, type SignEffect } from '../../../../src/rounds/sign/index.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { of } from './kit.ts'
import { DELAY_MS, itemOf, Network, requestOf, reworded, spoilt, type TestNode } from './network.ts'

const [T, N] = [4, 6]
const dealt = dealKey(T, N)
const [SELF, A, B, C] = dealt.members as [PublicKey, PublicKey, PublicKey, PublicKey]
const NOBODY: ReadonlySet<PublicKey> = new Set()
const LOOK = 'aftermath'
type Given = Omit<ShareIn, 'isProven'>

/** A session of this node's, and what its members owe to it. */
class Ended {
  readonly request
  readonly round: string
  readonly facts
  readonly session: Session
  readonly #owed = new Map<PublicKey, Given>()

  constructor(number: number, items = 2) {
    this.request = requestOf(dealt, { items: Array.from({ length: items }, (_, i) => itemOf(100 * number + i)) })
    this.round = requestHash(this.request)
    this.facts = { round: this.round, request: this.request, key: dealt.public }
    const members = [SELF, A, B, C].toSorted()
    const keyOf = (m: PublicKey) => dealt.keys.get(m) as KeyPackage
    const made = new Map(members.map((m) => [m, this.request.items.map(() => commitNonces(keyOf(m)))]))
    const entries = new Map(members.map((m) => [m, (made.get(m) ?? []).map((pair) => pair.commitment)]))
    const p = { request: this.request, entries }
    for (const m of members) {
      const shares = this.request.items.map(({ digest, tweak }, i) => {
        const opened = SigningSession.open(dealt.public, commitmentsAt(p, i), digest, tweak)
        const nonces = made.get(m)?.[i]?.nonces
        if (!opened.ok || nonces === undefined) throw new Error('no session')
        return opened.session.share(keyOf(m), nonces)
      })
      this.#owed.set(m, { shares, wire: utf8(`share of ${m}`) })
    }
    const wire = utf8(`package ${number}`)
    const hash = packageHash(SELF, number, p)
    this.session = { number, package: p, packageHash: hash, payload: new Uint8Array(0), wire, shares: new Map() }
  }
  right(member: PublicKey): Given {
    return this.#owed.get(member) as Given
  }
  /** Only the last item. */
  wrong(member: PublicKey): Given {
    const { shares, wire } = this.right(member)
    return { shares: shares.map((s, i) => (i === shares.length - 1 ? spoilt(s) : s)), wire }
  }
  with(given: readonly (readonly [PublicKey, Given])[], isProven = false): Session {
    return { ...this.session, shares: new Map(given.map(([m, g]) => [m, { ...g, isProven }])) }
  }
  said(member: PublicKey, given: Given) {
    return { kind: 'share', member, packageHash: this.session.packageHash, ...given } as const
  }
}

class Rig {
  readonly effects: SignEffect[] = []
  readonly cheats: (readonly [string, PublicKey])[] = []
  isBusy = false
  readonly aftermath: Aftermath
  constructor(over: Partial<AftermathInit> = {}) {
    const onCheat = (round: string, member: PublicKey) => {
      this.cheats.push([round, member])
      return []
    }
    this.aftermath = new Aftermath({ self: SELF, isBusy: () => this.isBusy, onCheat, ...over })
  }
  ended(e: Ended, session: Session = e.session, named = NOBODY): void {
    this.effects.push(...this.aftermath.ended(e.facts, session, named))
  }
  share(e: Ended, member: PublicKey, given: Given, round = e.round): boolean {
    const effects = this.aftermath.share(round, e.said(member, given))
    this.effects.push(...(effects ?? []))
    return effects !== undefined
  }
  /** Looks until nothing is left; how often. */
  lookOn(atMost = 1_000): number {
    for (let looks = 0; looks < atMost; looks++) {
      if (this.aftermath.size.unchecked === 0) return looks
      this.effects.push(...(this.aftermath.timer(LOOK) ?? []))
    }
    return atMost
  }
  get named(): PublicKey[] {
    return of(this.effects, 'fault').map((f) => f.member)
  }
}

describe('R26: shares of a session that ended otherwise', () => {
  it('should name the author of a wrong one, with the package and the share as signed', () => {
    const [rig, e] = [new Rig(), new Ended(1)]
    rig.ended(
      e,
      e.with([
        [A, e.right(A)],
        [B, e.wrong(B)],
        [C, e.right(C)],
      ]),
    )
    expect(rig.named).toEqual([])
    rig.lookOn()
    expect(of(rig.effects, 'fault')).toMatchObject([
      {
        ...{ code: 'invalid_share', member: B, round: e.round, attempt: 1, key: dealt.public },
        wires: [e.session.wire, e.wrong(B).wire],
      },
    ])
    expect(rig.cheats).toEqual([[e.round, B]])
  })

  it('should look at one that comes late, and at the first of each member only', () => {
    const [rig, e] = [new Rig(), new Ended(2)]
    rig.ended(e)
    expect(rig.share(e, A, e.right(A))).toBe(true)
    expect(rig.share(e, B, e.wrong(B))).toBe(true)
    rig.lookOn()
    expect(rig.share(e, A, e.wrong(A))).toBe(true)
    expect(rig.share(e, B, e.wrong(B))).toBe(true)
    expect(rig.lookOn()).toBe(0)
    expect(rig.named).toEqual([B])
  })

  it('should name who gives too few or too many', () => {
    const [rig, e] = [new Rig(), new Ended(3)]
    const { shares, wire } = e.right(A)
    rig.ended(e, e.with([[A, { shares: shares.slice(1), wire }]]))
    rig.share(e, B, { shares: [...e.right(B).shares, ...shares], wire })
    rig.lookOn()
    expect(rig.named).toEqual([A, B])
  })

  it('should look at nothing that was proven, nor at whom was named for it', () => {
    const [rig, e, f] = [new Rig(), new Ended(4), new Ended(5)]
    rig.ended(e, e.with([[A, e.wrong(A)]], true))
    rig.ended(f, f.with([[A, f.wrong(A)]]), new Set([A]))
    rig.share(f, A, f.wrong(A))
    rig.share(e, A, e.wrong(A))
    expect(rig.aftermath.size.unchecked).toBe(0)
  })

  it('should blame nobody for a share said to another round, to another package, or of one who was not chosen', () => {
    const [rig, e] = [new Rig(), new Ended(6)]
    const [outsider] = dealt.members.filter((m) => !e.session.package.entries.has(m)) as [PublicKey]
    rig.ended(e)
    expect(rig.share(e, A, e.wrong(A), 'ab'.repeat(32))).toBe(false)
    expect(rig.aftermath.share(e.round, { ...e.said(A, e.wrong(A)), packageHash: 'cd'.repeat(32) })).toBeUndefined()
    expect(rig.share(e, outsider, e.wrong(A))).toBe(true)
    expect(rig.aftermath.size.unchecked).toBe(0)
  })

  it('should show the package that came back as signed only after the end', () => {
    const [rig, e] = [new Rig(), new Ended(7)]
    rig.ended(e, { ...e.with([[B, e.wrong(B)]]), wire: undefined })
    rig.aftermath.sent(7, utf8('as signed'))
    rig.lookOn()
    expect(of(rig.effects, 'fault')[0]?.wires[0]).toEqual(utf8('as signed'))
  })
})

describe('looking at them', () => {
  it('should take no more than a few at once', () => {
    const [rig, e] = [new Rig(), new Ended(10, 12)]
    rig.ended(
      e,
      e.with([
        [A, e.right(A)],
        [B, e.right(B)],
      ]),
    )
    expect(rig.lookOn()).toBe(3)
    expect(rig.effects.filter((f) => f.kind === 'arm' && f.id === LOOK)).toHaveLength(3)
    expect(rig.named).toEqual([])
  })

  it('should wait while a request of this operator waits, but not for ever', () => {
    const [rig, e] = [new Rig(), new Ended(11)]
    rig.ended(e, e.with([[B, e.wrong(B)]]))
    rig.isBusy = true
    expect(rig.lookOn(39)).toBe(39)
    expect(rig.named).toEqual([])
    // Each time it asks to be called again.
    expect(rig.effects.filter((f) => f.kind === 'arm' && f.id === LOOK)).toHaveLength(40)
    expect(rig.lookOn()).toBe(1)
    expect(rig.named).toEqual([B])
  })
})

describe('what is kept', () => {
  it('should lose its oldest where it grows too large, counted by whose shares were not seen', () => {
    const rig = new Rig({ maxPairs: 2 * T * 2 })
    const all = [20, 21, 22].map((n) => new Ended(n))
    const [first, , last] = all as [Ended, Ended, Ended]
    for (const e of all) rig.ended(e, e.with([[B, e.wrong(B)]]))
    expect(rig.aftermath.size).toEqual({ sessions: 2, unchecked: 2 })
    expect(of(rig.effects, 'refused')).toEqual([
      { kind: 'refused', round: first.round, author: B, reason: 'unexamined' },
    ])
    expect(rig.share(first, A, first.wrong(A))).toBe(false)
    rig.lookOn()
    expect(rig.named).toEqual([B, B])
    expect(of(rig.effects, 'fault').at(-1)?.round).toBe(last.round)
  })

  it('should be forgotten after the time in which shares may be late, but nothing that is still to be seen', () => {
    const [rig, e] = [new Rig(), new Ended(23)]
    rig.ended(e, e.with([[B, e.right(B)]]))
    const id = `${LOOK}/${e.session.packageHash}`
    expect(rig.effects).toContainEqual({ kind: 'arm', id, afterMs: LIMITS.signTimeoutMs })
    expect(rig.aftermath.timer(id)).toEqual([{ kind: 'arm', id, afterMs: LIMITS.signTimeoutMs }])
    rig.lookOn()
    expect(rig.aftermath.timer(id)).toEqual([])
    expect(rig.aftermath.size.sessions).toBe(0)
    expect(rig.share(e, A, e.wrong(A))).toBe(false)
  })

  it('should go with the share (R9)', () => {
    const [rig, e] = [new Rig(), new Ended(24)]
    rig.ended(e, e.with([[B, e.wrong(B)]]))
    const ids = rig.aftermath.clear().map((f) => (f.kind === 'disarm' ? f.id : f.kind))
    expect(ids).toEqual([`${LOOK}/${e.session.packageHash}`, LOOK])
    expect(rig.aftermath.size).toEqual({ sessions: 0, unchecked: 0 })
  })
})

describe('R26: in rounds', () => {
  /** Everybody is asked; stops when the first coordinator has sent its package, and gives it and two that it chose. Of three, no other session is possible, before which a share would be looked at. */
  function begun(seed: number, n: number, timeoutMs?: number) {
    const net = new Network({ t: 3, n, seed })
    const request = requestOf(net.dealt)
    for (const node of net.nodes) net.start(node, request, timeoutMs)
    const isCoordinator = (n: TestNode) => n.saidSteps('package').length > 0
    net.until(() => net.nodes.some(isCoordinator))
    const first = net.nodes.find(isCoordinator) as TestNode
    const chosen = first.said.find((p) => p.envelope.step === 'package')?.to ?? []
    const [liar, other] = net.nodes.filter((n) => n !== first && chosen.includes(n.key)) as [TestNode, TestNode]
    return { net, request, first, liar, other }
  }
  const lies = (node: TestNode, lateMs = 0): void => {
    node.tamper = (parcel) => {
      if (parcel.envelope.step !== 'share') return [parcel]
      const envelope = reworded(parcel.envelope, 'share', (s) => ({ ...s, shares: s.shares.map(spoilt) }))
      return [{ ...parcel, envelope, lateMs }]
    }
  }
  const keepsItsShare = (node: TestNode): void => {
    node.tamper = (parcel) => (parcel.envelope.step === 'share' ? [] : [parcel])
  }
  const namedBy = (node: TestNode) => node.faults.map((f) => [f.code, f.member, f.wires.length])

  it('should find a wrong share in a session that another one was quicker than', () => {
    const { net, request, first, liar, other } = begun(3, 3)
    lies(liar)
    keepsItsShare(other)
    net.run(DELAY_MS / 2)
    const elsewhere = new Network({ t: 3, n: 3, seed: 4 })
    for (const node of elsewhere.nodes) elsewhere.start(node, request)
    elsewhere.until(() => elsewhere.node(0).done.length > 0)
    const payload = encodeSign('result', { signatures: elsewhere.node(0).done[0]?.signatures ?? [] })
    const topic = { network: 'test', scope: request.setHash, purpose: 'sign' as const }
    net.deliver(first, net.sign(other, { topic, round: requestHash(request), attempt: 0, step: 'result', payload }))
    expect(first.done).toHaveLength(1)
    expect(namedBy(first)).toEqual([])
    net.run(DELAY_MS / 2)
    expect(namedBy(first)).toEqual([['invalid_share', liar.key, 2]])
  })

  it('should find a wrong share that comes when the round is over', () => {
    const { net, first, liar } = begun(4, 5)
    lies(liar, 4 * DELAY_MS)
    net.until(() => net.nodes.every((n) => n.done.length === 1), 3 * DELAY_MS)
    expect(net.nodes.flatMap(namedBy)).toEqual([])
    net.run(6 * DELAY_MS)
    expect(namedBy(first)).toEqual([['invalid_share', liar.key, 2]])
  })

  it('should find a wrong share in a request that was given up', () => {
    const { net, first, liar, other } = begun(5, 3, DELAY_MS / 2)
    lies(liar)
    keepsItsShare(other)
    net.run(DELAY_MS / 2 + 1)
    expect(first.failed.map((f) => f.code)).toEqual(['TIMEOUT'])
    net.run(DELAY_MS / 2)
    expect(namedBy(first)).toEqual([['invalid_share', liar.key, 2]])
  })
})
