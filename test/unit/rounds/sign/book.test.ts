import { describe, expect, it } from 'vitest'
import { asSetHash, BoundedMap, LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { decodeSign, encodeSign } from '../../../../src/rounds/sign/codec.ts'
import {
  requestHash,
  SignBook,
  type SignEffect,
  type SignRequest,
  type SignStep,
} from '../../../../src/rounds/sign/index.ts'
import type { SignPayloads } from '../../../../src/rounds/sign/types.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { Network, requestOf, SET, STEP_MS, wireOf } from './network.ts'

const dealt = dealKey(2, 3)
const [SELF, FLOODER, HONEST] = dealt.members as [PublicKey, PublicKey, PublicKey]
const RUN = 'aa'.repeat(16)
const bookOf = (maxSessions: number): SignBook =>
  new SignBook({ self: SELF, maxSessions, keyFor: () => dealt.keys.get(SELF) })
const numbered = (i: number): SignRequest => requestOf(dealt, { requestId: i.toString(16).padStart(8, '0') })

function envelope<S extends SignStep>(author: PublicKey, request: SignRequest, step: S, payload: SignPayloads[S]) {
  const e = {
    topic: { network: 'test', scope: request.setHash, purpose: 'sign' as const },
    author,
    boot: 1,
    round: requestHash(request),
    attempt: 1,
    step: step as string,
    payload: encodeSign(step, payload),
  }
  return { ...e, wire: wireOf(e) }
}
const open = (author: PublicKey, request: SignRequest) => envelope(author, request, 'open', { run: RUN, request })
const of = <K extends SignEffect['kind']>(effects: readonly SignEffect[], kind: K) =>
  effects.filter((e): e is SignEffect & { kind: K } => e.kind === kind)

/** Opens and consents; whether a repeated open still repeats the same commitment tells if the pair is alive. */
function join(book: SignBook, author: PublicKey, request: SignRequest): Uint8Array | undefined {
  const ask = of(book.receive(open(author, request)).effects, 'ask_consent')[0]
  const said = of(ask === undefined ? [] : book.consent(ask.id, 'yes'), 'publish')[0]
  return said?.payload
}
const isAlive = (book: SignBook, author: PublicKey, request: SignRequest): boolean =>
  of(book.receive(open(author, request)).effects, 'publish').some((p) => p.step === 'commit')

describe('bounds', () => {
  it('R25: should keep no more sessions than allowed, dropping the oldest', () => {
    const book = bookOf(4)
    for (let i = 0; i < 5; i++) join(book, FLOODER, numbered(i))
    expect(book.open.participating).toBe(4)
    expect(isAlive(book, FLOODER, numbered(4))).toBe(true)
    expect(isAlive(book, FLOODER, numbered(1))).toBe(true)
    expect(isAlive(book, FLOODER, numbered(0))).toBe(false)
  })

  it('should disarm the timer of a dropped session', () => {
    const book = bookOf(1)
    const armed = of(book.receive(open(FLOODER, numbered(0))).effects, 'arm').map((e) => e.id)
    const effects = book.receive(open(FLOODER, numbered(1))).effects
    expect(of(effects, 'disarm').map((e) => e.id)).toEqual(armed)
  })

  it("should let a flood push out only its author's sessions", () => {
    const book = bookOf(8)
    const request = numbered(999)
    join(book, HONEST, request)
    for (let i = 0; i < 100; i++) join(book, FLOODER, numbered(i))
    expect(book.open.participating).toBe(8)
    expect(isAlive(book, HONEST, request)).toBe(true)
  })

  it('R25: should zero the nonces of a dropped session: its package gets no share', () => {
    const book = bookOf(1)
    const commit = decodeSign('commit', join(book, FLOODER, numbered(0)) ?? new Uint8Array())
    if (commit === undefined) throw new Error('no commitment')
    join(book, FLOODER, numbered(1))
    const commitments = new Map([[SELF, commit.commitment]])
    const p = envelope(FLOODER, numbered(0), 'package', { run: RUN, request: numbered(0), commitments })
    expect(book.receive(p).effects).toEqual([
      { kind: 'refused', round: requestHash(numbered(0)), author: FLOODER, reason: 'unknown_session' },
    ])
  })

  it('should expire a session with its nonces after the time of a whole request', () => {
    const book = bookOf(4)
    const { effects } = book.receive(open(FLOODER, numbered(0)))
    const timer = of(effects, 'arm')[0]
    expect(timer?.afterMs).toBe(LIMITS.signTimeoutMs)
    book.timer(timer?.id ?? '')
    expect(book.open.participating).toBe(0)
  })

  it('should ignore a timer that it never armed', () => {
    const book = bookOf(4)
    join(book, FLOODER, numbered(0))
    expect(book.timer('expire/00/11')).toEqual([])
    expect(book.timer('nonsense')).toEqual([])
    expect(book.open.participating).toBe(1)
  })

  it('should coordinate no more requests than allowed', () => {
    const book = bookOf(2)
    book.start(numbered(0), 1_000)
    book.start(numbered(1), 1_000)
    expect(book.start(numbered(2), 1_000)).toMatchObject([{ kind: 'failed', code: 'OVERLOADED' }])
    expect(book.open.coordinating).toBe(2)
  })

  it('R25: should never number a session twice, even for requests it forgot', () => {
    const book = bookOf(1)
    const sessionsOf = (i: number) => of(book.start(numbered(i), 1_000), 'publish').map((p) => p.attempt)
    const seen: number[] = []
    for (const i of [0, 1, 2, 0, 1, 0]) {
      seen.push(...sessionsOf(i))
      book.cancel(requestHash(numbered(i)))
    }
    const ofZero = [seen[0], seen[3], seen[5]]
    expect(new Set(ofZero).size).toBe(3)
    expect(new Set([seen[1], seen[4]]).size).toBe(2)
  })

  it('should forget the oldest entry of a bounded map, and say which', () => {
    const forgotten: string[] = []
    const map = new BoundedMap<string, number>(2, (k, v) => forgotten.push(`${k}${v}`))
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    map.set('c', 4)
    expect(forgotten).toEqual(['b2'])
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([3, undefined, 4, 2])
  })
})

describe('starting and stopping', () => {
  it('should join a round that it coordinates already', () => {
    const book = bookOf(4)
    expect(book.start(numbered(0), 1_000).length).toBeGreaterThan(0)
    expect(book.start(numbered(0), 1_000)).toEqual([])
    expect(book.open.coordinating).toBe(1)
  })

  it('should refuse to start what is not a request', () => {
    const book = bookOf(4)
    const bad: Partial<SignRequest>[] = [
      { requestId: '' },
      { requestId: 'XY' },
      { digest: new Uint8Array(31) },
      { tweak: { kind: 'key', merkleRoot: new Uint8Array(31) } },
    ]
    for (const over of bad) expect(() => book.start({ ...numbered(0), ...over }, 1_000)).toThrow(TypeError)
  })

  it('should coordinate under no share that is not of this key and this member', () => {
    const other = dealKey(2, 3).keys.get(SELF)
    const wrongKey = new SignBook({ self: SELF, keyFor: () => other })
    expect(wrongKey.start(numbered(0), 1_000)).toMatchObject([{ kind: 'failed', code: 'NO_KEY' }])
    const wrongOwner = new SignBook({ self: SELF, keyFor: () => dealt.keys.get(HONEST) })
    expect(wrongOwner.start(numbered(0), 1_000)).toMatchObject([{ kind: 'failed', code: 'NO_KEY' }])
  })

  it('should disarm and forget a cancelled request, saying nothing', () => {
    const book = bookOf(4)
    const armed = of(book.start(numbered(0), 1_000), 'arm').map((e) => e.id)
    const effects = book.cancel(requestHash(numbered(0)))
    expect(
      of(effects, 'disarm')
        .map((e) => e.id)
        .sort(),
    ).toEqual(armed.sort())
    expect(effects.every((e) => e.kind === 'disarm')).toBe(true)
    expect(book.open.coordinating).toBe(0)
    expect(book.cancel(requestHash(numbered(0)))).toEqual([])
  })

  it('R9: should stop the rounds of one set, and leave the others', () => {
    const other = asSetHash('0f'.repeat(32))
    const book = bookOf(8)
    book.start(numbered(0), 1_000)
    book.start({ ...numbered(1), setHash: other }, 1_000)
    join(book, HONEST, numbered(2))
    join(book, HONEST, { ...numbered(3), setHash: other })
    const effects = book.stop(other)
    expect(of(effects, 'failed')).toMatchObject([{ code: 'STOPPED', round: requestHash(numbered(1)) }])
    expect(book.open).toEqual({ coordinating: 1, participating: 1 })
    expect(isAlive(book, HONEST, numbered(2))).toBe(true)
    expect(of(book.stop(), 'failed')).toHaveLength(1)
    expect(book.open).toEqual({ coordinating: 0, participating: 0 })
  })

  it('R25: should give no share after a stop', () => {
    const book = bookOf(8)
    const commit = decodeSign('commit', join(book, HONEST, numbered(0)) ?? new Uint8Array())
    book.stop()
    if (commit === undefined) throw new Error('no commitment')
    const commitments = new Map([[SELF, commit.commitment]])
    const p = envelope(HONEST, numbered(0), 'package', { run: RUN, request: numbered(0), commitments })
    expect(of(book.receive(p).effects, 'publish')).toEqual([])
  })
})

describe('messages', () => {
  it('should reject malformed payloads of every step, and only those (R14)', () => {
    const book = bookOf(4)
    const good = open(HONEST, numbered(0))
    for (const step of ['open', 'commit', 'decline', 'package', 'share', 'result'])
      expect(book.receive({ ...good, step, payload: Uint8Array.of(255, 255) }).verdict).toBe('reject')
    expect(book.receive(good).verdict).toBe('accept')
  })

  it('should ignore a step that it does not know', () => {
    expect(bookOf(4).receive({ ...open(HONEST, numbered(0)), step: 'constructor' })).toEqual({
      verdict: 'ignore',
      effects: [],
    })
  })

  it('should forward answers to others, and take none of them', () => {
    const book = bookOf(4)
    book.start(numbered(0), 1_000)
    const to = { coordinator: HONEST, run: RUN }
    for (let i = 0; i < 3; i++)
      expect(book.receive(envelope(FLOODER, numbered(0), 'decline', { to, reason: 'refused' }))).toEqual({
        verdict: 'accept',
        effects: [],
      })
    expect(book.open.coordinating).toBe(1)
  })

  it('should take no answer to another coordinator, whatever run it names', () => {
    const book = bookOf(4)
    const opened = of(book.start(numbered(0), 1_000), 'publish')[0]
    const run = decodeSign('open', opened?.payload ?? new Uint8Array())?.run ?? ''
    for (const member of [FLOODER, HONEST])
      book.receive(envelope(member, numbered(0), 'decline', { to: { coordinator: HONEST, run }, reason: 'refused' }))
    expect(book.open.coordinating).toBe(1)
    for (const member of [FLOODER, HONEST])
      book.receive(envelope(member, numbered(0), 'decline', { to: { coordinator: SELF, run }, reason: 'refused' }))
    expect(book.open.coordinating).toBe(0)
  })

  it('should take no answer given to an earlier process of this member', () => {
    const book = bookOf(4)
    book.start(numbered(0), 1_000)
    const to = { coordinator: SELF, run: RUN }
    for (const member of [FLOODER, HONEST])
      expect(book.receive(envelope(member, numbered(0), 'decline', { to, reason: 'refused' })).effects).toEqual([])
    expect(book.open.coordinating).toBe(1)
  })

  it('should count no answer of somebody who is no member', () => {
    const net = new Network({ t: 2, n: 3 })
    const coordinator = net.node(0)
    net.start(coordinator, requestOf(net.dealt))
    const run = decodeSign('open', coordinator.saidSteps('open')[0]?.payload ?? new Uint8Array())?.run ?? ''
    const to = { coordinator: coordinator.key, run }
    const strangers = dealKey(2, 9).members.filter((m) => !net.dealt.members.includes(m))
    expect(strangers.length).toBeGreaterThan(2)
    for (const stranger of strangers)
      net.deliver(coordinator, envelope(stranger, requestOf(net.dealt), 'decline', { to, reason: 'refused' }))
    net.settle()
    expect(coordinator.done).toHaveLength(1)
  })
})

describe('R28: results', () => {
  const signedNetwork = () => {
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    return { net, request, signature: net.node(0).done[0]?.signature ?? new Uint8Array(64) }
  }

  it('should believe no result that does not verify', () => {
    const net = new Network({ t: 2, n: 3 })
    const liar = net.node(1)
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    for (const signature of [new Uint8Array(64), new Uint8Array(64).fill(255)])
      for (const node of [net.node(0), net.node(2)])
        net.deliver(node, envelope(liar.key, request, 'result', { signature }))
    expect(net.node(0).refused).toMatchObject([
      { reason: 'bad_signature', author: liar.key },
      { reason: 'bad_signature', author: liar.key },
    ])
    expect(net.node(0).done).toEqual([])
    net.settle()
    expect(net.node(0).done).toHaveLength(1)
  })

  it('should believe no signature of another digest', () => {
    const { signature } = signedNetwork()
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt, { digest: new Uint8Array(32).fill(3) })
    net.start(net.node(0), request)
    net.deliver(net.node(0), envelope(net.node(1).key, request, 'result', { signature }))
    expect(net.node(0).done).toEqual([])
  })

  it('should end a round with the signature of whoever made one', () => {
    const a = signedNetwork()
    const book = new SignBook({ self: SELF, keyFor: () => a.net.dealt.keys.get(SELF) })
    book.start(a.request, 1_000)
    const { effects } = book.receive(envelope(HONEST, a.request, 'result', { signature: a.signature }))
    expect(of(effects, 'done').map((d) => toHex(d.signature))).toEqual([toHex(a.signature)])
    expect(book.open.coordinating).toBe(0)
  })

  it('should keep the first signature, whatever comes after', () => {
    const a = signedNetwork()
    const book = new SignBook({ self: SELF, keyFor: () => a.net.dealt.keys.get(SELF) })
    book.start(a.request, 1_000)
    book.receive(envelope(HONEST, a.request, 'result', { signature: a.signature }))
    const again = book.receive(envelope(FLOODER, a.request, 'result', { signature: new Uint8Array(64) }))
    expect(again).toEqual({ verdict: 'accept', effects: [] })
    expect(of(book.start(a.request, 1_000), 'done').map((d) => toHex(d.signature))).toEqual([toHex(a.signature)])
  })

  it('should answer an open and a package of a finished round with its signature, and make no nonce', () => {
    const { net, request, signature } = signedNetwork()
    const member = net.node(2)
    const asked = [
      envelope(net.node(1).key, request, 'open', { run: RUN, request }),
      envelope(net.node(1).key, request, 'package', { run: RUN, request, commitments: new Map() }),
    ]
    for (const e of asked) {
      const said = of(member.book.receive(e).effects, 'publish')
      expect(said.map((p) => p.step)).toEqual(['result'])
      expect(toHex(decodeSign('result', said[0]?.payload ?? new Uint8Array())?.signature ?? new Uint8Array())).toBe(
        toHex(signature),
      )
      expect(said[0]?.setHash).toBe(SET)
    }
    expect(member.book.open.participating).toBe(0)
  })

  it('should not answer its own open that comes back after the round is done', () => {
    const { net, request } = signedNetwork()
    const own = net.node(0)
    const [opened] = own.saidSteps('open')
    if (opened === undefined) throw new Error('no open')
    expect(own.book.receive(opened)).toEqual({ verdict: 'accept', effects: [] })
    expect(own.book.receive({ ...opened, author: net.node(1).key }).effects).toHaveLength(1)
    expect(own.done[0]?.round).toBe(requestHash(request))
  })

  it('should ignore a result of a round it knows nothing of', () => {
    const { request, signature } = signedNetwork()
    expect(bookOf(4).receive(envelope(HONEST, request, 'result', { signature }))).toEqual({
      verdict: 'accept',
      effects: [],
    })
  })

  it('should say done once, however often the result comes', () => {
    const net = new Network({ t: 2, n: 3, duplicate: 1 })
    net.start(net.node(0), requestOf(net.dealt), 2 * STEP_MS)
    net.settle()
    expect(net.nodes.map((n) => n.done.length)).toEqual([1, 1, 1])
  })
})
