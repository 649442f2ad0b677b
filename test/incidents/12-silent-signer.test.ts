import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { parseTopicName } from '../../src/p2p/topic.ts'
import { simulate } from '../simulator/simulation.ts'
import { Network, requestOf, type TestNode } from '../unit/rounds/sign/network.ts'

const MINUTE_MS = 60_000

/**
 * sBTC: any signer that was asked for a nonce and said nothing held up the round for 30 s. Here the t that do answer finish,
 * and n − t that are silent or cheat cost no more than one delay of the coordinators' order.
 */
describe('incident 12: silent and cheating signers', () => {
  it('should finish at once without n − t members that hand over nonces, are ready, and give no share', () => {
    const net = new Network({ t: 10, n: 15 })
    const request = requestOf(net.dealt)
    const mute = net.nodes.slice(0, 5)
    for (const node of mute) node.tamper = (p) => (p.envelope.step === 'share' ? [] : [p])
    const startMs = net.now
    for (const node of net.nodes) net.start(node, request)
    const others = net.nodes.slice(5)
    expect(net.until(() => others.every((n) => n.done.length > 0), MINUTE_MS)).toBe(true)
    expect(net.now - startMs).toBeLessThan(LIMITS.coordinatorDelayMs / 2)
    const first = others[0] as TestNode
    expect(net.isValid(request, first.done[0]?.signatures)).toBe(true)
    // Silence is no fault.
    expect(net.nodes.flatMap((n) => n.faults)).toEqual([])
  })

  it('should cost one delay at most in whole nodes, of which five lose power in the middle of the round', async () => {
    await simulate({ seed: 'mute', size: 15, threshold: 10, policy: 'bridge' }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      await sim.clock.runFor(1_000)
      const { id, digest } = sim.request('a sweep')
      let packages = 0
      for (const { process } of sim.nodes)
        process?.host.judged.on(({ topic, via }) => {
          if (via === 'direct' && parseTopicName(topic)?.purpose === 'sign') packages++
        })
      const startMs = sim.clock.now()
      const asked = sim.nodes.map((n) => sim.process(n.index).ask(id, digest))
      await sim.clock.until('packages are under way', MINUTE_MS, () => packages > 0)
      const lost = sim.random.shuffled(sim.nodes).slice(0, 5)
      for (const node of lost) await sim.crash(node, 'machine')
      const left = asked.filter((_, i) => !lost.some((n) => n.index === i))
      for (const result of await sim.clock.settled('signed', MINUTE_MS, Promise.all(left)))
        expect(result).toMatchObject({ ok: true })
      expect(sim.clock.now() - startMs).toBeLessThan(2 * LIMITS.coordinatorDelayMs)
    })
  })
})
