import { describe, expect, it } from 'vitest'
import {
  asGroupKey,
  encodeFields,
  type PeerIdStr,
  type PublicKey,
  silentLogger,
  toHex,
} from '../../../src/base/index.ts'
import { type Approval, createPolicy, hashOfItems, requestBindings } from '../../../src/signer/index.ts'
import { openStore } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'
import { FakeClock, FakeSpace, itemOf, memberKeys, policyInit } from './fixtures.ts'

const tempFolder = tempFolders()
const [A, B, C, D] = ['A', 'B', 'C', 'D'] as [PeerIdStr, PeerIdStr, PeerIdStr, PeerIdStr]
const OUTSIDER = 'outsider' as PeerIdStr
const [MEMBER] = memberKeys(1) as [PublicKey]
const groupKey = asGroupKey('11'.repeat(32))
const request = (fill: number) => ({ requestId: 'aa', groupKey, items: [itemOf(fill), itemOf(fill + 1)] })
const settled = () => new Promise((resolve) => setImmediate(resolve))

function voting(
  quorum = 2,
  { votes = new FakeSpace(), requests = new FakeSpace(), clock = new FakeClock() } = {},
  revoked = new Set<PeerIdStr>(),
) {
  const bindings = requestBindings({ space: requests, logger: silentLogger, onFatal: () => {} })
  const counts = (peer: PeerIdStr) => [A, B, C, D].includes(peer) && !revoked.has(peer)
  const policy = createPolicy({ ...policyInit, bindings, clock, votes: { space: votes, quorum, counts } })
  const stop = new AbortController()
  const ask = (client: PeerIdStr, fill: number, withinMs = 1_000) =>
    policy.approve(request(fill), { client, deadlineMs: clock.now() + withinMs, signal: stop.signal })
  /** Asks, and goes when nothing is decided. */
  const askOnce = (client: PeerIdStr, fill: number) => ask(client, fill, 0)
  return { policy, ask, askOnce, clock, votes, requests, bindings, revoked, stop }
}
const answers = async (...asked: readonly Promise<Approval>[]) => (await Promise.all(asked)).map((a) => a.answer)

describe('consent_quorum (R27)', () => {
  it('should approve when enough bridges asked for exactly the same, for each that waits', async () => {
    const { ask, policy, clock } = voting()
    const first = ask(A, 1)
    await settled()
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    const second = ask(B, 1)
    expect(await answers(first, second)).toEqual(['yes', 'yes'])
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    expect(clock.pending).toBe(0)
  })
  it('should not count one bridge twice', async () => {
    const { askOnce, policy, requests } = voting()
    expect(await answers(askOnce(A, 1), askOnce(A, 1))).toEqual(['not_asked_yet', 'not_asked_yet'])
    expect(await answers(askOnce(A, 1))).toEqual(['not_asked_yet'])
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    expect(requests.puts).toEqual([])
  })
  it('should tell this operator how many of how many asked', async () => {
    const { askOnce, policy } = voting(3)
    const told = () => policy.decisions().waiting.map(({ reason, detail }) => `${reason}: ${detail}`)
    await askOnce(A, 1)
    await askOnce(B, 1)
    const list = (fill: number) => {
      const hash = toHex(hashOfItems(request(fill).items)).slice(0, 8)
      return `digest ${`0${fill}`.repeat(4)}… and 1 more, as list ${hash}`
    }
    expect(told()).toEqual([
      `votes_missing: asked for by 1 of 3, ${list(1)}`,
      `votes_missing: asked for by 2 of 3, ${list(1)}`,
    ])
    // Something else, under the same id.
    await askOnce(C, 2)
    expect(told()[2]).toBe(`votes_missing: asked for by 1 of 3, ${list(2)}`)
    // Which bridge asked for what: one entry each, whoever asks last.
    expect(policy.decisions().waiting.map(({ askedBy }) => askedBy)).toEqual([A, B, C])
    // One digest less of the same beginning is another list, and looks like one.
    const shorter = { ...request(1), items: request(1).items.slice(0, 1) }
    await policy.approve(shorter, { client: D, deadlineMs: 0, signal: new AbortController().signal })
    expect(told()[3]).toMatch(/asked for by 1 of 3, digest 01010101…, as list /)
    expect(told()[3]?.slice(-8)).not.toBe(list(1).slice(-8))
  })
  it('should not count a bridge that is not listed, nor write down what it asks', async () => {
    const { askOnce, votes, policy } = voting()
    await askOnce(A, 1)
    const written = votes.puts.length
    expect(await answers(askOnce(OUTSIDER, 1))).toEqual(['not_asked_yet'])
    expect(votes.puts).toHaveLength(written)
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    // It waits for others, and nothing that it does brings that nearer.
    expect(policy.decisions().waiting.map(({ askedBy, reason }) => [askedBy, reason])).toContainEqual([
      OUTSIDER,
      'vote_uncounted',
    ])
  })
  it('should give what is approved to every bridge that may ask', async () => {
    const { ask, askOnce } = voting(1)
    const waiting = ask(OUTSIDER, 1)
    await settled()
    expect(await answers(askOnce(A, 1), waiting)).toEqual(['yes', 'yes'])
    expect(await answers(askOnce(OUTSIDER, 1))).toEqual(['yes'])
  })
  it('should count votes for one list of items only: another order is another list', async () => {
    const { askOnce, policy } = voting()
    await askOnce(A, 1)
    const turned = { ...request(1), items: request(1).items.toReversed() }
    const asking = { client: B, deadlineMs: 0, signal: new AbortController().signal }
    expect(await policy.approve(turned, asking)).toEqual({ answer: 'not_asked_yet' })
  })
  it('should tell the one bridge that asks for something else, and not block the others', async () => {
    const { ask, askOnce } = voting()
    const first = ask(A, 1)
    await settled()
    const other = ask(B, 5)
    await settled()
    expect(await answers(askOnce(C, 1), first, other)).toEqual(['yes', 'yes', 'equivocation'])
    expect(await answers(askOnce(B, 5))).toEqual(['equivocation'])
  })
  it('should not let a bridge that guessed the id first block the true request', async () => {
    const { askOnce } = voting()
    await askOnce(B, 5)
    await askOnce(A, 1)
    expect(await answers(askOnce(C, 1))).toEqual(['yes'])
  })
  it('should hold a bridge to what it asked for first', async () => {
    const { askOnce, policy } = voting()
    await askOnce(A, 1)
    expect(await answers(askOnce(A, 5))).toEqual(['equivocation'])
    expect(await answers(askOnce(B, 5))).toEqual(['not_asked_yet'])
    expect(policy.decisions().refused).toMatchObject([{ askedBy: A, reason: 'vote_changed' }])
  })
  it('should approve one of two requests whose quorums come at once', async () => {
    const { askOnce, policy } = voting()
    await askOnce(A, 1)
    await askOnce(B, 5)
    const said = await answers(askOnce(C, 1), askOnce(D, 5))
    expect(said.toSorted()).toEqual(['equivocation', 'yes'])
    const consents = await Promise.all([policy.consent(request(1), MEMBER), policy.consent(request(5), MEMBER)])
    expect(consents.toSorted()).toEqual(['refused', 'yes'])
  })
  it('should not count a bridge that lost its grant since it asked', async () => {
    const { askOnce, revoked } = voting()
    await askOnce(A, 1)
    revoked.add(A)
    expect(await answers(askOnce(B, 1))).toEqual(['not_asked_yet'])
    expect(await answers(askOnce(C, 1))).toEqual(['yes'])
  })
  it('should not count a vote that is older than a consent lasts, and still hold its bridge to it', async () => {
    const { askOnce, clock } = voting()
    await askOnce(A, 1)
    clock.advance(3_600_000)
    expect(await answers(askOnce(B, 1))).toEqual(['not_asked_yet'])
    expect(await answers(askOnce(A, 5))).toEqual(['equivocation'])
    expect(await answers(askOnce(A, 1))).toEqual(['yes'])
  })
  it('should consent no longer than a quorum of votes stands', async () => {
    const { askOnce, clock, policy } = voting()
    await askOnce(A, 1)
    clock.advance(1_000_000)
    await askOnce(B, 1)
    clock.advance(2_600_000 - 1)
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    clock.advance(1)
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
    expect(await answers(askOnce(A, 1))).toEqual(['not_asked_yet'])
    expect(await answers(askOnce(C, 1))).toEqual(['yes'])
  })
  it('should keep votes over a restart of a real store, and none once the request is bound', async () => {
    const store = openStore({ dir: tempFolder(), logger: silentLogger })
    const clock = new FakeClock()
    const make = () =>
      voting(2, { votes: store.space('votes') as FakeSpace, requests: store.space('b') as FakeSpace, clock })
    await store.start()
    await make().askOnce(A, 1)
    await store.stop()
    await store.start()
    expect(await answers(make().askOnce(B, 1))).toEqual(['yes'])
    expect(await store.space('votes').entries()).toEqual([])
    await store.stop()
    await store.start()
    const { policy, askOnce } = make()
    expect(await policy.consent(request(1), MEMBER)).toBe('yes')
    expect(await answers(askOnce(C, 5))).toEqual(['equivocation'])
    await store.stop()
  })
  it('should lose no vote of two that come at once', async () => {
    const { askOnce } = voting(3)
    await Promise.all([askOnce(A, 1), askOnce(B, 1)])
    expect(await answers(askOnce(C, 1))).toEqual(['yes'])
  })
  it('should wait no longer than the bridge does, nor than the node runs', async () => {
    const { ask, clock, stop } = voting()
    const waiting = ask(A, 1, 500)
    await settled()
    clock.advance(500)
    expect(await answers(waiting)).toEqual(['not_asked_yet'])
    const second = ask(A, 1, 500)
    await settled()
    stop.abort()
    expect(await answers(second)).toEqual(['not_asked_yet'])
    expect(clock.pending).toBe(0)
  })
  it('should not count a vote that could not be written', async () => {
    const { askOnce, votes, policy } = voting()
    await askOnce(A, 1)
    votes.failure = new Error('I/O error')
    await expect(askOnce(B, 1)).rejects.toThrow('I/O error')
    votes.failure = undefined
    expect(await policy.consent(request(1), MEMBER)).toBe('not_asked_yet')
  })
  it.each([
    ['HalfAVote', encodeFields('A', new Uint8Array(32))],
    ['ShortHash', encodeFields('A', new Uint8Array(31), 1)],
    ['NoTime', encodeFields('A', new Uint8Array(32), 'soon')],
    ['NoFields', Uint8Array.of(1)],
  ])('should refuse to go on from votes that are unreadable: %s', async (_, stored) => {
    const { askOnce, votes } = voting()
    votes.values.set(`${groupKey}/aa`, stored)
    expect(await codeThrownBy(askOnce(A, 1))).toBe('BINDINGS_UNREADABLE')
  })
})
