import { describe, expect, it } from 'vitest'
import { toHex } from '../../../../src/base/index.ts'
import { decodeSign } from '../../../../src/rounds/sign/codec.ts'
import { coordinatorOrder, packageHash, requestHash, type SignEnvelope } from '../../../../src/rounds/sign/index.ts'
import { DELAY_MS, itemOf, Network, requestOf, type TestNode } from './network.ts'

const allDone = (nodes: readonly TestNode[]) => () => nodes.every((n) => n.done.length > 0)

describe('rounds', () => {
  it('R25: should take one round trip where pairs are there: a package and its shares', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const request = requestOf(net.dealt)
    for (const node of net.nodes) node.reform()
    const startMs = net.now
    for (const node of net.nodes) net.start(node, request)
    expect(net.until(allDone(net.nodes), DELAY_MS / 2)).toBe(true)
    for (const node of net.nodes) expect(net.isValid(request, node.done[0]?.signatures)).toBe(true)
    // ready, package, share, result: a millisecond each.
    expect(net.now - startMs).toBeLessThan(10)
    const steps = new Set(net.nodes.flatMap((n) => n.said.map((p) => p.envelope.step)))
    expect(steps.has('decline')).toBe(false)
  })

  it('R27: should sign a batch as a whole, each digest under its own tweak and pair', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const root = new Uint8Array(32).fill(7)
    const items = [
      itemOf(1),
      itemOf(2, { kind: 'key', merkleRoot: null }),
      itemOf(3, { kind: 'key', merkleRoot: root }),
      itemOf(1),
    ]
    const request = requestOf(net.dealt, { items })
    for (const node of net.nodes) net.start(node, request)
    expect(net.until(allDone(net.nodes), DELAY_MS / 2)).toBe(true)
    expect(net.isValid(request, net.node(0).done[0]?.signatures)).toBe(true)
  })

  it('R25: should take two trips where there are too few pairs, and be right all the same', () => {
    const net = new Network({ t: 2, n: 3, maxDelayMs: 1, warm: false })
    const request = requestOf(net.dealt, { items: Array.from({ length: 20 }, (_, i) => itemOf(i)) })
    for (const node of net.nodes) net.start(node, request)
    expect(net.until(allDone(net.nodes), DELAY_MS / 2)).toBe(true)
    expect(net.isValid(request, net.node(1).done[0]?.signatures)).toBe(true)
  })

  it('should need one bridge where policies approve by themselves', () => {
    const net = new Network({ t: 3, n: 5, asksUnready: true })
    for (const node of net.nodes) node.consent = () => 'yes'
    const request = requestOf(net.dealt)
    const [asked] = net.nodes as [TestNode]
    net.start(asked, request)
    expect(net.until(allDone([asked]), DELAY_MS / 2)).toBe(true)
    expect(requestHash(request)).toBe(asked.done[0]?.round)
  })
})

describe('rough networks and restarts', () => {
  for (const seed of [1, 2, 3])
    it(`should sign though gossip is lost, doubled and reordered (seed ${seed})`, () => {
      const net = new Network({ t: 3, n: 5, seed, loss: 0.3, duplicate: 0.3, maxDelayMs: 300 })
      const request = requestOf(net.dealt)
      for (const node of net.nodes) net.start(node, request)
      expect(net.until(allDone(net.nodes))).toBe(true)
      for (const node of net.nodes) {
        expect(net.isValid(request, node.done[0]?.signatures)).toBe(true)
        expect(node.faults).toEqual([])
      }
    })

  it('R25: should meet a restarted member with fresh pairs: what it was handed before is dead', () => {
    const net = new Network({ t: 3, n: 3, maxDelayMs: 1 })
    const [a, b, c] = net.nodes as [TestNode, TestNode, TestNode]
    const request = requestOf(net.dealt)
    c.restart()
    for (const node of [a, b, c]) net.start(node, request)
    expect(net.until(allDone([a, b, c]), DELAY_MS / 2)).toBe(true)
    expect(net.nodes.flatMap((n) => n.faults)).toEqual([])
  })

  it('R25: should answer a pair of a former process with "unknown nonce" and fresh ones, at no delay', () => {
    const net = new Network({ t: 3, n: 3, maxDelayMs: 1 })
    const request = requestOf(net.dealt)
    const [a, b, c] = coordinatorOrder(requestHash(request), net.dealt.members).map((m) => net.of(m)) as [
      TestNode,
      TestNode,
      TestNode,
    ]
    for (const node of [a, b, c]) net.start(node, request)
    net.run(1)
    // Between its word that it is ready and the package.
    c.restart()
    net.start(c, request)
    expect(net.until(allDone([a, b]), DELAY_MS / 2)).toBe(true)
    expect(net.nodes.flatMap((n) => n.faults)).toEqual([])
  })

  it('should finish when a coordinator restarts in the middle and asks again', () => {
    const net = new Network({ t: 2, n: 3, maxDelayMs: 1 })
    const [a, b] = net.nodes as [TestNode, TestNode]
    const request = requestOf(net.dealt)
    net.start(a, request)
    net.start(b, request)
    net.run(2)
    a.restart()
    net.start(a, request)
    expect(net.until(allDone([a, b]), 3 * DELAY_MS)).toBe(true)
    expect(net.nodes.flatMap((n) => n.faults)).toEqual([])
  })

  it('should see to many requests at once, each with its own signatures', () => {
    const net = new Network({ t: 3, n: 5 })
    const requests = Array.from({ length: 20 }, (_, i) =>
      requestOf(net.dealt, { requestId: (0xaa00 + i).toString(16), items: [itemOf(i), itemOf(i + 100)] }),
    )
    for (const request of requests) for (const node of net.nodes) net.start(node, request)
    expect(net.until(() => net.nodes.every((n) => n.done.length === requests.length))).toBe(true)
    for (const node of net.nodes)
      for (const { request, signatures } of node.done) expect(net.isValid(request, signatures)).toBe(true)
  })

  it('R25: should use no pair twice, whoever coordinates, restarts or asks again', () => {
    const net = new Network({ t: 3, n: 5, loss: 0.2, maxDelayMs: 50 })
    const requests = Array.from({ length: 8 }, (_, i) => requestOf(net.dealt, { requestId: (0xaa00 + i).toString(16) }))
    for (const [i, request] of requests.entries()) {
      for (const node of net.nodes) net.start(node, request)
      if (i % 3 === 1) net.nodes[i % 5]?.restart()
      net.run(DELAY_MS)
    }
    net.run(5 * DELAY_MS)
    // Whatever a member answered with a share: its own commitments there stand in that one package.
    const used = new Map<string, string>()
    for (const node of net.nodes)
      for (const e of node.saidSteps('share')) {
        const answered = decodeSign('share', e.payload)
        const p = net.nodes
          .flatMap((n) => n.saidSteps('package'))
          .map((w) => ({ hash: hashOfPackage(w), p: decodeSign('package', w.payload) }))
          .find(({ hash }) => hash === answered?.packageHash)?.p
        for (const c of p?.entries.get(node.key) ?? []) {
          const name = toHex(c.hiding)
          expect(used.get(name) ?? answered?.packageHash).toBe(answered?.packageHash)
          used.set(name, answered?.packageHash ?? '')
        }
      }
    expect(used.size).toBeGreaterThan(requests.length)
  })
})

function hashOfPackage(e: SignEnvelope): string | undefined {
  const p = decodeSign('package', e.payload)
  return p && packageHash(e.author, e.attempt, p)
}
