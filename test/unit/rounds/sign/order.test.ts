import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { coordinatorOrder, requestHash } from '../../../../src/rounds/sign/index.ts'
import { isOwnTurn, type KnownRound, knownRound } from '../../../../src/rounds/sign/known.ts'
import { dealKey } from '../../crypto/signing-keys.ts'
import { DELAY_MS, Network, requestOf, type TestNode } from './network.ts'

const dealt = dealKey(6, 9)
const request = requestOf(dealt)
const round = requestHash(request)
const order = coordinatorOrder(round, dealt.members)

function known(turns: number, ready: readonly PublicKey[] = order, hasEnough = true): KnownRound {
  const r = knownRound({ round, request, key: dealt.public }, order[0] as PublicKey)
  for (const m of ready) r.ready.add(m)
  return Object.assign(r, { turns, hasEnough })
}
const whoseTurn = (r: KnownRound): number[] => order.flatMap((m, i) => (isOwnTurn(r, m) ? [i] : []))

describe('whose turn it is to coordinate', () => {
  it('should be one member at first, after one delay as many more as may be faulty, all only much later', () => {
    expect(whoseTurn(known(0))).toEqual([0])
    expect(whoseTurn(known(1))).toEqual([0, 1, 2, 3])
    expect(whoseTurn(known(7))).toEqual([0, 1, 2, 3])
    expect(whoseTurn(known(8))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('should be nobody before enough are ready, and never one who is not', () => {
    expect(whoseTurn(known(9, order, false))).toEqual([])
    expect(whoseTurn(known(0, order.slice(3)))).toEqual([3])
    expect(whoseTurn(known(1, order.slice(3)))).toEqual([3, 4, 5, 6])
  })

  it('should be another order in each round, the same for everybody', () => {
    const rounds = Array.from({ length: 30 }, (_, i) => requestHash({ ...request, requestId: `aa${10 + i}` }))
    expect(new Set(rounds.map((r) => coordinatorOrder(r, dealt.members)[0])).size).toBeGreaterThan(4)
    for (const r of rounds)
      expect(coordinatorOrder(r, dealt.members.toReversed())).toEqual(coordinatorOrder(r, dealt.members))
  })
})

describe('in a network', () => {
  const inOrder = (net: Network): TestNode[] =>
    coordinatorOrder(requestHash(requestOf(net.dealt)), net.dealt.members).map((m) => net.of(m))
  const coordinators = (net: Network) => net.nodes.filter((n) => n.saidSteps('package').length > 0)
  const isDone = (nodes: readonly TestNode[]) => () => nodes.every((n) => n.done.length > 0)

  it('should make one coordinator where all is well, and no work for the others', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    for (const node of net.nodes) net.start(node, requestOf(net.dealt))
    net.until(isDone(net.nodes))
    net.run(3 * DELAY_MS)
    expect(coordinators(net).length).toBeLessThanOrEqual(3)
    expect(net.nodes.flatMap((n) => n.faults)).toEqual([])
    expect(net.nodes.every((n) => n.done.length === 1)).toBe(true)
  })

  it('incident 11: should lose one delay to coordinators that crash, however many of those that may be faulty', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const all = inOrder(net)
    const [crashed, rest] = [all.slice(0, 2), all.slice(2)]
    const startMs = net.now
    for (const node of all) net.start(node, requestOf(net.dealt))
    // They were heard to be ready, and then no more.
    net.at(2, () => {
      for (const node of crashed) node.silent = true
    })
    for (const node of crashed) node.tamper = (p) => (p.envelope.step === 'package' ? [] : [p])
    expect(net.until(isDone(rest))).toBe(true)
    expect(net.now - startMs).toBeGreaterThanOrEqual(DELAY_MS)
    expect(net.now - startMs).toBeLessThan(DELAY_MS + 200)
  })

  it('should skip those that never came: no delay at all', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const all = inOrder(net)
    for (const node of all.slice(0, 2)) node.silent = true
    const startMs = net.now
    for (const node of all.slice(2)) net.start(node, requestOf(net.dealt))
    expect(net.until(isDone(all.slice(2)))).toBe(true)
    expect(net.now - startMs).toBeLessThan(DELAY_MS / 2)
  })

  it('R27: should wait for the bridge that makes t, and then sign at once', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const [a, b, c] = net.nodes as [TestNode, TestNode, TestNode]
    net.start(a, requestOf(net.dealt))
    net.start(b, requestOf(net.dealt))
    net.run(5 * DELAY_MS)
    expect(net.nodes.flatMap((n) => n.saidSteps('package'))).toEqual([])
    const startMs = net.now
    net.start(c, requestOf(net.dealt))
    expect(net.until(isDone([a, b, c]))).toBe(true)
    expect(net.now - startMs).toBeLessThan(100)
  })

  it('should tell who waits that others were not asked yet, so that nobody is called silent', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const [a, silent] = net.nodes as [TestNode, TestNode]
    silent.silent = true
    net.start(a, requestOf(net.dealt), 3 * DELAY_MS)
    net.run(4 * DELAY_MS)
    expect(a.failed).toMatchObject([{ code: 'TIMEOUT', missing: [silent.key] }])
    expect([...(a.failed[0]?.declined.values() ?? [])]).toEqual(Array(3).fill('not_asked_yet'))
  })

  it('should need one bridge where policies answer by themselves, also when its node dies having asked', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1, asksUnready: true })
    for (const node of net.nodes) node.consent = () => 'yes'
    const [a, ...rest] = net.nodes as [TestNode, ...TestNode[]]
    net.start(a, requestOf(net.dealt))
    net.at(1, () => {
      a.silent = true
    })
    a.tamper = (p) => (p.envelope.step === 'package' ? [] : [p])
    expect(net.until(isDone(rest), 3 * DELAY_MS)).toBe(true)
  })
})
