import { describe, expect, it } from 'vitest'
import { DELAY_MS, Network, requestOf, type TestNode } from './network.ts'

const HEAD_START_MS = 100

/** One request of everybody's bridge, until somebody coordinates it. */
function begun(over: { readonly maxDelayMs?: number } = {}) {
  const net = new Network({ t: 4, n: 6, seed: 2, ...over })
  const request = requestOf(net.dealt)
  for (const node of net.nodes) net.start(node, request)
  const sessions = (n: TestNode) => new Set(n.saidSteps('package').map((e) => e.attempt)).size
  net.until(() => net.nodes.some((n) => sessions(n) > 0))
  const first = net.nodes.find((n) => sessions(n) > 0) as TestNode
  const chosen = first.said.find((p) => p.envelope.step === 'package')?.to ?? []
  const others = net.nodes.filter((n) => n !== first && chosen.includes(n.key))
  return { net, first, others, sessions: () => sessions(first) }
}
const keepsItsShare = (node: TestNode): void => {
  node.tamper = (parcel) => (parcel.envelope.step === 'share' ? [] : [parcel])
}

describe('the head start of a session', () => {
  it('should leave a round of members that all answer with one session', () => {
    const { net, sessions } = begun()
    net.until(() => net.nodes.every((n) => n.done.length > 0))
    net.run(2 * DELAY_MS)
    expect(sessions()).toBe(1)
  })

  it('should end where a member does not answer: another session opens beside it, long before others coordinate', () => {
    const { net, first, others, sessions } = begun()
    const [silent] = others as [TestNode]
    keepsItsShare(silent)
    net.run(HEAD_START_MS - 1)
    expect(sessions()).toBe(1)
    net.run(HEAD_START_MS)
    expect(sessions()).toBe(2)
    expect(first.done).toHaveLength(1)
  })

  it('should not keep from the next one where a session has failed', () => {
    const { net, others, sessions } = begun({ maxDelayMs: 5 })
    const [restarted] = others as [TestNode]
    keepsItsShare(restarted)
    restarted.restart()
    net.start(restarted, requestOf(net.dealt, { requestId: 'ef' }))
    expect(net.until(() => sessions() === 2, HEAD_START_MS / 2)).toBe(true)
  })
})
