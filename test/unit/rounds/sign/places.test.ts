import { describe, expect, it } from 'vitest'
import { requestHash, type SignRequest } from '../../../../src/rounds/sign/index.ts'
import { Places } from '../../../../src/rounds/sign/places.ts'
import { DELAY_MS, Network, type NetworkInit, requestOf, type TestNode } from './network.ts'

const MANY = 36
const AT_ONCE = 32
const netOf = (over: Partial<NetworkInit> = {}): Network =>
  new Network({ t: 3, n: 4, maxDelayMs: 1, maxSessions: 1_024, ...over })
const named = (net: Network, name: number): SignRequest =>
  requestOf(net.dealt, { requestId: name.toString(16).padStart(8, '0') })
const isDone = (nodes: readonly TestNode[], request: SignRequest) => () =>
  nodes.every((n) => n.done.some((d) => d.round === requestHash(request)))
/** Rounds for which the node has sent packages to others. */
const packed = (node: TestNode): Set<string> => new Set(node.saidSteps('package').map((e) => e.round))
const backlog = (net: Network, from: number, node: TestNode, count = MANY): void => {
  for (let i = 0; i < count; i++) net.start(node, named(net, from + i))
}

describe('a backlog of this operator', () => {
  it('R27: should keep nothing from being signed that others approve, however long it waits for them', () => {
    const net = netOf()
    for (const [i, node] of net.nodes.entries()) backlog(net, 1_000 * (i + 1), node)
    net.run(10)
    const good = named(net, 1)
    for (const node of net.nodes) net.start(node, good)
    expect(net.until(isDone(net.nodes, good), DELAY_MS / 2)).toBe(true)
  })

  it('R25: should keep nothing else for long, though members say that they are ready for it, and then nothing', () => {
    const net = netOf()
    const [a, b, c, liar] = net.nodes as [TestNode, TestNode, TestNode, TestNode]
    liar.tamper = (p) => (p.envelope.step === 'ready' || p.envelope.step === 'nonces' ? [p] : [])
    // Two honest ones and the liar are ready for each, and every honest one has more of them than places.
    for (const [i, pair] of [[a, b] as const, [b, c] as const, [c, a] as const].entries())
      for (const node of [...pair, liar]) backlog(net, 1_000 * (i + 1), node, MANY / 2)
    net.run(10)
    const good = named(net, 1)
    for (const node of [a, b, c]) net.start(node, good)
    expect(net.until(isDone([a, b, c], good), 4 * DELAY_MS)).toBe(true)
  })

  it('should be tried in places of its own where members are asked without being ready (R25, R27)', () => {
    const net = netOf({ asksUnready: true })
    for (const [i, node] of net.nodes.entries()) backlog(net, 1_000 * (i + 1), node)
    net.run(10)
    const good = named(net, 1)
    for (const node of net.nodes) net.start(node, good)
    expect(net.until(isDone(net.nodes, good), DELAY_MS / 2)).toBe(true)
  })

  it('should use up pairs no faster for being declined at once, nor hold up what others approve unasked', () => {
    const net = netOf({ asksUnready: true })
    const [a, ...others] = net.nodes as [TestNode, ...TestNode[]]
    const good = named(net, 1)
    for (const node of others) node.consent = (r) => (requestHash(r) === requestHash(good) ? 'yes' : 'not_asked_yet')
    backlog(net, 1_000, a, 2 * MANY)
    net.start(a, good)
    net.run(DELAY_MS / 2)
    expect(packed(a).size).toBeGreaterThan(AT_ONCE / 2)
    expect(packed(a).size).toBeLessThanOrEqual(AT_ONCE)
    expect(net.until(isDone([a], good), 3 * DELAY_MS)).toBe(true)
  })

  it('should be tried in turn where nobody declines it', () => {
    const net = netOf({ asksUnready: true })
    const [a, ...others] = net.nodes as [TestNode, ...TestNode[]]
    for (const node of others) node.tamper = (p) => (p.envelope.step === 'nonces' ? [p] : [])
    backlog(net, 1_000, a, 2 * MANY)
    net.run(DELAY_MS / 2)
    expect(packed(a).size).toBeLessThanOrEqual(AT_ONCE)
    net.run(3 * DELAY_MS)
    expect(packed(a).size).toBeGreaterThan(AT_ONCE)
  })

  it('should be told to members at once, so that any of them can end it', () => {
    const net = netOf()
    const [a, b, c, d] = net.nodes as [TestNode, TestNode, TestNode, TestNode]
    for (const node of [a, b, c]) backlog(net, 1_000, node)
    for (const node of [a, b, c]) expect(node.saidSteps('ready').length).toBe(MANY)
    // A place more here or there is not what its caller waits for.
    backlog(net, 5_000, d)
    const last = named(net, 1_000 + MANY - 1)
    net.start(d, last)
    expect(net.until(isDone([a, b, c, d], last), 2 * DELAY_MS)).toBe(true)
  })
})

describe('rounds that could end', () => {
  it('should be worked at so many at once, the others in the order in which they came to that', () => {
    const net = netOf({ t: 2, n: 2 })
    const [a, b] = net.nodes as [TestNode, TestNode]
    b.tamper = (p) => (p.envelope.step === 'share' || p.envelope.step === 'package' ? [] : [p])
    for (const node of [a, b]) backlog(net, 1_000, node, 4 * AT_ONCE)
    net.run(DELAY_MS / 2)
    const before = packed(a)
    expect(before.size).toBeGreaterThan(AT_ONCE / 4)
    expect(before.size).toBeLessThanOrEqual(AT_ONCE)
    const rounds = Array.from({ length: 4 * AT_ONCE }, (_, i) => requestHash(named(net, 1_000 + i)))
    expect(Math.max(...[...before].map((r) => rounds.indexOf(r)))).toBeLessThan(AT_ONCE)
  })

  it('should leave their places to others when they end, and all be signed', () => {
    const net = netOf({ t: 2, n: 3 })
    for (const node of net.nodes) backlog(net, 1_000, node, 4 * AT_ONCE)
    expect(net.until(() => net.nodes.every((n) => n.done.length === 4 * AT_ONCE), 10 * DELAY_MS)).toBe(true)
  })

  it('R9: should have nobody take their places when all are stopped', () => {
    const net = netOf({ t: 2, n: 2 })
    const [a, b] = net.nodes as [TestNode, TestNode]
    for (const node of [a, b]) node.tamper = (p) => (p.envelope.step === 'share' ? [] : [p])
    for (const node of [a, b]) backlog(net, 1_000, node, 2 * AT_ONCE)
    net.run(DELAY_MS / 2)
    const effects = a.book.stop()
    expect(effects.filter((e) => e.kind === 'failed').length).toBe(2 * AT_ONCE)
    expect(effects.filter((e) => e.kind === 'send' || e.kind === 'publish')).toEqual([])
  })
})

describe('Places', () => {
  it('should be taken once by each round, and given to who waits longest', () => {
    const places = new Places(2)
    expect(['a', 'a', 'b', 'c', 'd', 'c'].map((r) => places.take(r))).toEqual([true, true, true, false, false, false])
    expect(places.leave('a')).toEqual(['c'])
    expect(['a', 'b', 'c', 'd'].map((r) => places.has(r))).toEqual([false, true, true, false])
  })

  it('should not be given to a round that has left the queue', () => {
    const places = new Places(1)
    for (const round of ['a', 'b', 'c']) places.take(round)
    expect(places.leave('b')).toEqual([])
    expect(places.leave('a')).toEqual(['c'])
    expect(places.leave('c')).toEqual([])
    expect(places.take('d')).toBe(true)
  })

  it('should be passed on only where somebody waits, and be had again after the others', () => {
    const places = new Places(1)
    places.take('a')
    expect(places.pass('a')).toEqual([])
    expect(places.has('a')).toBe(true)
    for (const round of ['b', 'c']) places.take(round)
    expect(places.pass('b')).toEqual([])
    expect([places.pass('a'), places.pass('b'), places.pass('c')]).toEqual([['b'], ['c'], ['a']])
  })
})
