import { describe, expect, it } from 'vitest'
import { asSetHash, asTranscriptHash, LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { commitNonces, type KeyPackage, type NonceCommitment } from '../../../../src/crypto/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import {
  coordinatorOrder,
  poolName,
  requestHash,
  SignBook,
  type SignEffect,
  type SignRequest,
} from '../../../../src/rounds/sign/index.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { envelope, of, steps } from './kit.ts'
import { itemOf, Network, requestOf, SET, TRANSCRIPT, viaOf } from './network.ts'

const dealt = dealKey(2, 3)
const [SELF, FLOODER, HONEST] = dealt.members as [PublicKey, PublicKey, PublicKey]
const bookOf = (maxSessions = 8, key: () => KeyPackage | undefined = () => dealt.keys.get(SELF)): SignBook =>
  new SignBook({ self: SELF, maxSessions, keyFor: key })
const numbered = (i: number): SignRequest => requestOf(dealt, { requestId: i.toString(16).padStart(8, '0') })
const ready = (author: PublicKey, request: SignRequest) => envelope(author, request, 'ready', { request })
/** Only of a request that is new to it, a node asks its policy. */
const knows = (book: SignBook, request: SignRequest): boolean =>
  of(book.receive(ready(HONEST, request)).effects, 'ask_consent').length === 0

describe('bounds', () => {
  it("should let a flood of requests push out only its author's", () => {
    const book = bookOf(8)
    book.receive(ready(HONEST, numbered(999)))
    for (let i = 0; i < 100; i++) book.receive(ready(FLOODER, numbered(i)))
    expect(book.open.known).toBe(8)
    expect(knows(book, numbered(999))).toBe(true)
  })

  it('should let no flood push out what this operator waits for', () => {
    const book = bookOf(2)
    book.start(numbered(999), 1_000)
    for (let i = 0; i < 100; i++) book.receive(ready(FLOODER, numbered(i)))
    expect(book.start(numbered(999), 1_000)).toEqual([])
    expect(book.open.known).toBe(3)
  })

  it('should see to no more requests than allowed', () => {
    const book = bookOf(2)
    book.start(numbered(0), 1_000)
    book.start(numbered(1), 1_000)
    expect(book.start(numbered(2), 1_000)).toMatchObject([{ kind: 'failed', code: 'OVERLOADED' }])
  })

  it('should forget a request of which nothing is heard any more', () => {
    const book = bookOf()
    const [tick] = of(book.receive(ready(HONEST, numbered(0))).effects, 'arm')
    const ticks = LIMITS.signTimeoutMs / LIMITS.coordinatorDelayMs
    for (let i = 0; i < ticks; i++) book.timer(tick?.id ?? '')
    expect(book.open.known).toBe(0)
    expect(book.timer(tick?.id ?? '')).toEqual([])
  })

  it('should say how many items a set can sign at once, and start no more', () => {
    const wide = dealKey(100, 128)
    const self = wide.members[0] as PublicKey
    const book = new SignBook({ self, keyFor: () => wide.keys.get(self) })
    const items = Array.from({ length: LIMITS.maxSignItems }, (_, i) => itemOf(i))
    expect(book.start(requestOf(wide, { items }), 1_000)).toMatchObject([{ kind: 'failed', code: 'TOO_MANY_ITEMS' }])
  })
})

describe('starting and stopping', () => {
  it('should join a round that it sees to already', () => {
    const book = bookOf()
    expect(book.start(numbered(0), 1_000).length).toBeGreaterThan(0)
    expect(book.start(numbered(0), 1_000)).toEqual([])
  })

  it('should refuse to start what is not a request', () => {
    const bad: Partial<SignRequest>[] = [
      { requestId: '' },
      { requestId: 'XY' },
      { items: [] },
      { items: [{ digest: new Uint8Array(31), tweak: { kind: 'none' } }] },
      { items: [itemOf(1, { kind: 'key', merkleRoot: new Uint8Array(31) })] },
    ]
    for (const over of bad) expect(() => bookOf().start({ ...numbered(0), ...over }, 1_000)).toThrow(TypeError)
  })

  it('R9: should start nothing without a share, nor with one that is not of this key and this member', () => {
    const foreign = dealKey(2, 3).keys.get(SELF)
    for (const key of [() => undefined, () => foreign, () => dealt.keys.get(HONEST)])
      expect(bookOf(8, key).start(numbered(0), 1_000)).toMatchObject([{ kind: 'failed', code: 'NO_KEY' }])
  })

  it('should disarm and forget a cancelled request, saying nothing', () => {
    const book = bookOf()
    const armed = new Set(of(book.start(numbered(0), 1_000), 'arm').map((e) => e.id))
    const effects = book.cancel(requestHash(numbered(0)))
    expect(new Set(of(effects, 'disarm').map((e) => e.id))).toEqual(armed)
    expect(effects.every((e) => e.kind === 'disarm')).toBe(true)
    expect(book.cancel(requestHash(numbered(0)))).toEqual([])
  })

  it('R9: should stop everything at once, and zero every pair', () => {
    const net = new Network({ t: 2, n: 3 })
    const node = net.node(0)
    expect(node.book.open.pairs).toBeGreaterThan(0)
    net.start(node, requestOf(net.dealt))
    const effects = node.book.stop()
    expect(of(effects, 'failed')).toMatchObject([{ code: 'STOPPED' }])
    expect(node.book.open).toEqual({ coordinating: 0, participating: 0, known: 0, pairs: 0 })
  })

  it('should end at its deadline, naming who said nothing', () => {
    const book = bookOf()
    const effects = book.start(numbered(0), 1_000)
    expect(of(effects, 'arm').find((a) => a.id.startsWith('deadline/'))?.afterMs).toBe(1_000)
    book.receive(
      envelope(HONEST, numbered(0), 'decline', { coordinator: SELF, reason: 'not_asked_yet' }, { attempt: 0 }),
    )
    const [failed] = of(book.timer(`deadline/${requestHash(numbered(0))}`), 'failed')
    expect(failed).toMatchObject({ code: 'TIMEOUT', missing: [FLOODER], cheaters: [] })
    expect(failed?.declined).toEqual(new Map([[HONEST, 'not_asked_yet']]))
  })
})

describe('messages', () => {
  it('should reject malformed payloads of every step, and only those (R14)', () => {
    const book = bookOf()
    const good = ready(HONEST, numbered(0))
    for (const step of ['ready', 'want', 'nonces', 'package', 'share', 'decline', 'result'])
      expect(book.receive({ ...good, step, via: viaOf(step), payload: Uint8Array.of(255, 255) }).verdict).toBe('reject')
    expect(book.receive(good).verdict).toBe('accept')
  })

  it('R14: should neither read nor pass on what is meant for one member and comes by gossip, nor the other way round', () => {
    const book = bookOf()
    const malformed = Uint8Array.of(255, 255)
    for (const step of ['ready', 'want', 'nonces', 'package', 'share', 'decline'] as const) {
      const via = viaOf(step) === 'gossip' ? 'direct' : 'gossip'
      const e = { ...ready(HONEST, numbered(0)), step, via, payload: malformed } as const
      expect(book.receive(e)).toMatchObject({ verdict: 'ignore', effects: [{ kind: 'refused', reason: 'wrong_way' }] })
    }
    expect(book.open.known).toBe(0)
    // A result is gossiped, and sent to who asks late; what this node itself said comes back to it.
    const result = envelope(HONEST, numbered(0), 'result', { signatures: [new Uint8Array(64)] })
    for (const via of ['gossip', 'direct', 'self'] as const)
      expect(book.receive({ ...result, via }).verdict).toBe('accept')
    expect(book.receive({ ...ready(HONEST, numbered(1)), via: 'self' }).verdict).toBe('accept')
  })

  it('should ignore a step that it does not know', () => {
    const e = { ...ready(HONEST, numbered(0)), step: 'constructor' }
    expect(bookOf().receive(e)).toEqual({ verdict: 'ignore', effects: [] })
  })

  it('should ignore a request in a round, or a set, that is not its own', () => {
    const refused = { verdict: 'ignore', effects: [{ reason: 'request_changed' }] }
    const request = numbered(0)
    const other = requestHash(numbered(1))
    expect(bookOf().receive(envelope(HONEST, request, 'ready', { request }, { round: other }))).toMatchObject(refused)
    const elsewhere = {
      ...ready(HONEST, request),
      topic: { ...ready(HONEST, request).topic, scope: asSetHash('44'.repeat(32)) },
    }
    expect(bookOf().receive(elsewhere)).toMatchObject(refused)
  })

  it('should hear nobody who is no member', () => {
    const stranger = dealKey(2, 9).members.find((m) => !dealt.members.includes(m)) as PublicKey
    const book = bookOf()
    expect(book.receive(ready(stranger, numbered(0)))).toEqual({ verdict: 'ignore', effects: [] })
    const want = { transcript: TRANSCRIPT, member: SELF, count: 4 }
    const round = poolName(SET, TRANSCRIPT, SELF, stranger)
    expect(book.receive(envelope(stranger, numbered(0), 'want', want, { round }))).toEqual({
      verdict: 'ignore',
      effects: [],
    })
    expect(book.open).toMatchObject({ known: 0, pairs: 0 })
  })

  it('R27: should fail as REFUSED at once when fewer than t can remain', () => {
    const book = bookOf()
    book.start(numbered(0), 1_000)
    const say = (m: PublicKey) =>
      book.receive(envelope(m, numbered(0), 'decline', { coordinator: SELF, reason: 'refused' }, { attempt: 0 }))
        .effects
    expect(of(say(FLOODER), 'failed')).toEqual([])
    expect(of(say(HONEST), 'failed')).toMatchObject([{ code: 'REFUSED', missing: [], cheaters: [] }])
  })

  it('R27: should ask its policy on behalf of each member that is ready in its turn, whoever was the first', () => {
    const request = numbered(0)
    const round = requestHash(request)
    const askers = (effects: readonly SignEffect[]) => of(effects, 'ask_consent').map((a) => a.coordinator)
    const book = bookOf()
    expect(askers(book.receive(ready(FLOODER, request)).effects)).toEqual([FLOODER])
    book.consent(round, 'not_asked_yet')
    expect(askers(book.receive(ready(HONEST, request)).effects)).toEqual([])
    const asked = Array.from({ length: 4 }, () => {
      const said = askers(book.reconsider(round))
      book.consent(round, 'not_asked_yet')
      return said
    })
    expect(asked.flat()).toEqual([HONEST, FLOODER, HONEST, FLOODER])

    // Where policies answer by themselves, who comes new is asked for at once, once.
    const open = new SignBook({ self: SELF, keyFor: () => dealt.keys.get(SELF), asksUnready: true })
    open.receive(ready(FLOODER, request))
    open.consent(round, 'not_asked_yet')
    expect(askers(open.receive(ready(HONEST, request)).effects)).toEqual([HONEST])
    open.consent(round, 'not_asked_yet')
    for (const m of [FLOODER, HONEST]) expect(askers(open.receive(ready(m, request)).effects)).toEqual([])
  })

  it('should count no answer to another coordinator', () => {
    const book = bookOf()
    book.start(numbered(0), 1_000)
    for (const m of [FLOODER, HONEST])
      book.receive(envelope(m, numbered(0), 'decline', { coordinator: HONEST, reason: 'refused' }, { attempt: 0 }))
    expect(book.open.known).toBe(1)
  })
})

describe('R25: handing out pairs', () => {
  const wantOf = (book: SignBook, coordinator: PublicKey, count: number, boot = 1): readonly SignEffect[] => {
    const round = poolName(SET, TRANSCRIPT, SELF, coordinator)
    const want = { transcript: TRANSCRIPT, member: SELF, count }
    return book.receive(envelope(coordinator, numbered(0), 'want', want, { round, boot })).effects
  }
  const handed = (effects: readonly SignEffect[]) =>
    of(effects, 'send').flatMap((s) => decodeSign('nonces', s.payload)?.commitments ?? [])

  it('should give a coordinator what it wants, to it alone and each pair once', () => {
    const book = bookOf()
    const [said] = of(wantOf(book, HONEST, 8), 'send')
    expect(said).toMatchObject({ to: [HONEST], step: 'nonces', round: poolName(SET, TRANSCRIPT, SELF, HONEST) })
    const names = [8, 8].flatMap((n) => handed(wantOf(book, HONEST, n))).map((c) => toHex(c.hiding))
    expect(new Set(names).size).toBe(16)
  })

  it('R16: should number no two batches alike, so that no two payloads have one slot', () => {
    const book = bookOf()
    const attempts = [1, 2, 3].flatMap(() => of(wantOf(book, HONEST, 1), 'send').map((s) => s.attempt))
    expect(new Set(attempts).size).toBe(3)
  })

  it('should work for no coordinator without bounds: beyond a cap, old pairs make room only from time to time', () => {
    const book = bookOf()
    let given = 0
    for (let i = 0; i < 100; i++) given += handed(wantOf(book, FLOODER, 64)).length
    expect(given).toBeLessThanOrEqual(LIMITS.maxNoncesPerCoordinator + 64)
    expect(handed(wantOf(book, HONEST, 8))).toHaveLength(8)
    book.timer(`relief/${FLOODER}`)
    expect(handed(wantOf(book, FLOODER, 64))).toHaveLength(64)
    expect(book.open.pairs).toBeLessThanOrEqual(LIMITS.maxNoncesPerCoordinator + 8)
  })

  it('should work for none without bounds, however often it says that it was restarted', () => {
    const book = bookOf()
    let given = 0
    for (let boot = 1; boot <= 100; boot++) given += handed(wantOf(book, FLOODER, 64, boot)).length
    // Of the first process, and of the next one; then that has to wait.
    expect(given).toBe(2 * 64)
    expect(of(wantOf(book, FLOODER, 64, 100), 'refused')).toMatchObject([{ reason: 'over_allowance' }])
    for (const boot of [1, 2]) expect(handed(wantOf(book, HONEST, 8, boot))).toHaveLength(8)
    expect(of(book.timer(`restart/${FLOODER}`), 'arm')).toMatchObject([{ afterMs: LIMITS.restartRestMs }])
    expect(handed(wantOf(book, FLOODER, 64, 100))).toHaveLength(64)
    expect(handed(wantOf(book, FLOODER, 64, 101))).toEqual([])
  })

  it('should meet a member that restarted twice in a short time after a rest, with no pair of its former processes', () => {
    const book = bookOf()
    book.warm(SET, TRANSCRIPT)
    const asks = (effects: readonly SignEffect[]) => of(effects, 'send').map(({ to, step }) => [step, ...to])
    const bootedAs = (boot: number) =>
      asks(book.receive(envelope(HONEST, numbered(boot), 'ready', { request: numbered(boot) }, { boot })).effects)
    expect([1, 2, 3, 4].map(bootedAs)).toEqual([[], [['want', HONEST]], [], []])
    expect(asks(book.timer(`restart/${HONEST}`))).toEqual([['want', HONEST]])
    const commitments = [commitNonces(dealt.keys.get(HONEST) as KeyPackage).commitment]
    const hands = (boot: number) =>
      book.receive(
        envelope(
          HONEST,
          numbered(0),
          'nonces',
          { transcript: TRANSCRIPT, coordinator: SELF, commitments },
          { boot, round: poolName(SET, TRANSCRIPT, HONEST, SELF) },
        ),
      ).verdict
    expect([2, 4].map(hands)).toEqual(['ignore', 'accept'])
    // Nobody rests any more: the next one is met at once.
    book.timer(`restart/${HONEST}`)
    expect(bootedAs(5)).toEqual([['want', HONEST]])
    expect(of(book.stop(), 'disarm').map((d) => d.id)).toContain(`restart/${HONEST}`)
  })

  it('should look at nothing more that a member hands over, for a while, once that was no pair', () => {
    const book = bookOf()
    const good = commitNonces(dealt.keys.get(FLOODER) as KeyPackage).commitment
    let attempt = 0
    const bad = { ...good, binding: new Uint8Array(33) }
    const hands = (member: PublicKey, commitment: NonceCommitment) => {
      const nonces = { transcript: TRANSCRIPT, coordinator: SELF, commitments: [commitment] }
      const round = poolName(SET, TRANSCRIPT, member, SELF)
      const { verdict, effects } = book.receive(
        envelope(member, numbered(0), 'nonces', nonces, { round, attempt: ++attempt }),
      )
      return of(effects, 'refused')[0]?.reason ?? verdict
    }
    expect(hands(FLOODER, bad)).toBe('bad_nonces')
    expect(hands(FLOODER, good)).toBe('over_allowance')
    expect(hands(HONEST, good)).toBe('accept')
    book.timer(`no-pairs/${FLOODER}`)
    expect(hands(FLOODER, good)).toBe('accept')
  })

  it('should empty no shelf because a member declines what was not asked of it', () => {
    const book = bookOf()
    const round = poolName(SET, TRANSCRIPT, HONEST, SELF)
    book.warm(SET, TRANSCRIPT)
    const commitments = Array.from({ length: 8 }, () => commitNonces(dealt.keys.get(HONEST) as KeyPackage).commitment)
    const nonces = { transcript: TRANSCRIPT, coordinator: SELF, commitments }
    book.receive(envelope(HONEST, numbered(0), 'nonces', nonces, { round }))
    const first = (r: SignRequest) => coordinatorOrder(requestHash(r), [SELF, HONEST])[0]
    const ours = Array.from({ length: 32 }, (_, i) => numbered(i)).find((r) => first(r) === SELF) as SignRequest
    book.start(ours, 10_000)
    const decline = { coordinator: SELF, reason: 'unknown_nonce' } as const
    book.receive(envelope(HONEST, ours, 'decline', decline, { attempt: 0 }))
    expect(steps(book.receive(ready(HONEST, ours)).effects)).toContain('package')
  })

  it('should give none for another transcript, member or coordinator than the round names', () => {
    const round = poolName(SET, TRANSCRIPT, SELF, HONEST)
    const lies = [
      { author: FLOODER, want: { transcript: TRANSCRIPT, member: SELF, count: 4 } },
      { author: HONEST, want: { transcript: asTranscriptHash('88'.repeat(32)), member: SELF, count: 4 } },
      { author: HONEST, want: { transcript: TRANSCRIPT, member: FLOODER, count: 4 } },
    ]
    for (const { author, want } of lies) {
      const book = bookOf()
      const { verdict, effects } = book.receive(envelope(author, numbered(0), 'want', want, { round }))
      expect([verdict, steps(effects), book.open.pairs]).toEqual(['ignore', [], 0])
    }
  })

  it('R9: should give none without the share', () => {
    expect(
      steps(
        wantOf(
          bookOf(8, () => undefined),
          HONEST,
          4,
        ),
      ),
    ).toEqual([])
  })

  it('should take no commitment that is no point, nor what it did not ask of anybody', () => {
    const book = bookOf()
    const rubbish = { hiding: new Uint8Array(33), binding: new Uint8Array(33) }
    const nonces = { transcript: TRANSCRIPT, coordinator: SELF, commitments: [rubbish] }
    const round = poolName(SET, TRANSCRIPT, HONEST, SELF)
    expect(book.receive(envelope(HONEST, numbered(0), 'nonces', nonces, { round }))).toMatchObject({
      verdict: 'ignore',
      effects: [{ kind: 'arm' }, { reason: 'bad_nonces' }],
    })
    const others = { ...nonces, coordinator: FLOODER }
    expect(book.receive(envelope(HONEST, numbered(0), 'nonces', others, { round, attempt: 2 }))).toEqual({
      verdict: 'ignore',
      effects: [],
    })
  })

  it('should ask a member that could not be reached again as soon as it is heard', () => {
    const book = bookOf()
    book.warm(SET, TRANSCRIPT)
    const [first, again] = [numbered(0), numbered(1)].map((r) => ready(HONEST, r))
    expect(steps(book.receive(first as ReturnType<typeof ready>).effects)).toEqual([])
    book.unsent('want', HONEST)
    expect(steps(book.receive(again as ReturnType<typeof ready>).effects)).toEqual(['want'])
    expect(steps(book.receive(ready(HONEST, numbered(2))).effects)).toEqual([])
  })

  it('should ask again for pairs that did not come, ever more seldom', () => {
    const book = bookOf()
    const first = of(book.warm(SET, TRANSCRIPT), 'arm')
    expect(first.map((a) => a.id).toSorted()).toEqual([FLOODER, HONEST].map((m) => `want/${m}`).toSorted())
    const delays = [1, 2, 3].map(() => of(book.timer(`want/${HONEST}`), 'arm')[0]?.afterMs)
    const { nonceRetryMinMs: ms } = LIMITS
    expect([first[0]?.afterMs, ...delays]).toEqual([ms, 2 * ms, 4 * ms, 8 * ms])
  })
})

describe('R25: packages that nothing comes of', () => {
  it('should be read of one coordinator no more than its allowance, and be others none the dearer', () => {
    const book = bookOf(64)
    const items = Array.from({ length: LIMITS.maxSignItems }, (_, i) => itemOf(i))
    const commitments = items.map(() => commitNonces(dealt.keys.get(FLOODER) as KeyPackage).commitment)
    const pack = (author: PublicKey, i: number) => {
      const request = { ...numbered(i), items }
      const entries = new Map([SELF, author].toSorted().map((m) => [m, commitments] as const))
      return envelope(author, request, 'package', { request, entries })
    }
    const isRead = (author: PublicKey, i: number) =>
      of(book.receive(pack(author, i)).effects, 'refused').every((f) => f.reason !== 'over_allowance')
    let bytes = 0
    let i = 0
    for (; i < 400 && isRead(FLOODER, i); i++) bytes += pack(FLOODER, i).payload.length
    const most = 4 * 1024 * 1024
    expect(bytes).toBeGreaterThan(most / 2)
    expect(bytes).toBeLessThan(most + LIMITS.maxDirectBytes)
    // Also what can't be read, or is of another round, is paid for.
    expect(book.receive({ ...pack(FLOODER, i), payload: Uint8Array.of(255) }).verdict).toBe('ignore')
    expect(isRead(HONEST, i)).toBe(true)
    book.timer(`fruitless/${FLOODER}`)
    expect(isRead(FLOODER, i)).toBe(true)
  })
})

describe('R28: results', () => {
  const signed = () => {
    const net = new Network({ t: 2, n: 3, maxDelayMs: 1 })
    const request = requestOf(net.dealt)
    for (const node of net.nodes) net.start(node, request)
    net.until(() => net.nodes.every((n) => n.done.length > 0))
    return { net, request, signatures: net.node(0).done[0]?.signatures ?? [] }
  }

  const resultOf = (author: PublicKey, request: SignRequest, signatures: readonly Uint8Array[]) =>
    envelope(author, request, 'result', { signatures })
  const reasons = (effects: readonly SignEffect[]) => of(effects, 'refused').map((f) => f.reason)

  it('should check nothing more of a member for a while, after a result of its that was wrong', () => {
    const { net, request, signatures } = signed()
    const book = new SignBook({ self: SELF, keyFor: () => net.dealt.keys.get(SELF) })
    book.start(request, 1_000)
    const wrong = resultOf(FLOODER, request, [new Uint8Array(64)])
    const right = resultOf(FLOODER, request, signatures)
    expect(reasons(book.receive(wrong).effects)).toEqual(['bad_signature'])
    expect(reasons(book.receive(right).effects)).toEqual(['over_allowance'])
    book.timer(`wrong-result/${FLOODER}`)
    expect(of(book.receive(right).effects, 'done')).toHaveLength(1)
  })

  it('should check few results of one member in rounds that this operator has not approved, however valid', () => {
    const { net, request, signatures } = signed()
    const book = new SignBook({ self: SELF, keyFor: () => net.dealt.keys.get(SELF) })
    // What was signed once is there for everybody.
    const items = Array.from({ length: LIMITS.maxSignItems }, () => itemOf(9))
    const again = (i: number) => ({ ...request, requestId: i.toString(16).padStart(4, '0'), items })
    const says = (author: PublicKey, i: number) => {
      book.receive(ready(author, again(i)))
      const { effects } = book.receive(
        resultOf(
          author,
          again(i),
          items.map(() => signatures[0] as Uint8Array),
        ),
      )
      return of(effects, 'done').length > 0 ? 'done' : reasons(effects)[0]
    }
    expect([1, 2, 3].map((i) => says(FLOODER, i))).toEqual(['done', 'done', 'over_allowance'])
    expect(says(HONEST, 4)).toBe('done')
    // Whoever wants it has it.
    book.start(again(3), 1_000)
    expect(says(FLOODER, 3)).toBe('done')
    expect(says(FLOODER, 5)).toBe('over_allowance')
    book.timer(`unasked/${FLOODER}`)
    expect(says(FLOODER, 5)).toBe('done')
  })

  it('should keep the signatures of what this operator approved, whatever others have signed', () => {
    const { net, request, signatures } = signed()
    const book = new SignBook({ self: SELF, maxSessions: 4, keyFor: () => net.dealt.keys.get(SELF) })
    book.start(request, 1_000)
    book.receive(resultOf(HONEST, request, signatures))
    for (let i = 0; i < 8; i++) {
      const other = { ...request, requestId: i.toString(16).padStart(4, '0') }
      book.receive(ready(FLOODER, other))
      expect(of(book.receive(resultOf(FLOODER, other, signatures)).effects, 'done')).toHaveLength(1)
    }
    expect(of(book.start(request, 1_000), 'done')).toHaveLength(1)
  })

  it('should believe no result that does not verify, or has too few or too many signatures', () => {
    const { net, request, signatures } = signed()
    const fresh = new SignBook({ self: SELF, keyFor: () => net.dealt.keys.get(SELF) })
    fresh.start(request, 1_000)
    const lies = [[new Uint8Array(64)], [new Uint8Array(64).fill(255)], [...signatures, ...signatures]]
    for (const lie of lies) {
      expect(reasons(fresh.receive(resultOf(FLOODER, request, lie)).effects)).toEqual(['bad_signature'])
      fresh.timer(`wrong-result/${FLOODER}`)
    }
    expect(of(fresh.receive(envelope(HONEST, request, 'result', { signatures })).effects, 'done')).toHaveLength(1)
  })

  it('should keep the first signatures, whatever comes after, and repeat them', () => {
    const { net, request, signatures } = signed()
    const { book } = net.node(0)
    const lie = envelope(HONEST, request, 'result', { signatures: [new Uint8Array(64)] })
    expect(book.receive(lie)).toEqual({ verdict: 'accept', effects: [] })
    const [done] = of(book.start(request, 1_000), 'done')
    expect(done?.signatures.map(toHex)).toEqual(signatures.map(toHex))
  })

  it('should answer who asks late with the signatures, and make no share', () => {
    const { net, request, signatures } = signed()
    const late = net.node(2)
    late.reform()
    late.restart()
    net.start(late, request)
    expect(net.until(() => late.done.length > 0, 100)).toBe(true)
    expect(late.done[0]?.signatures.map(toHex)).toEqual(signatures.map(toHex))
    const p = envelope(FLOODER, request, 'package', { request, entries: new Map() }, { attempt: 900 })
    const said = of(net.node(0).book.receive(p).effects, 'send')
    expect(said.map((s) => [s.step, s.to])).toEqual([['result', [FLOODER]]])
  })
})
