import { describe, expect, it } from 'vitest'
import { dealingTwice } from '../unit/rounds/keygen/cheats.ts'
import { type Cheat, Network, namedBy, reasonOf } from '../unit/rounds/keygen/harness.ts'

/** frost-tools #472: members did not compare what they were told, so one dealer could give each another polynomial. */
describe('incident 35: commitments that differ from member to member', () => {
  const attacked = (seed: number, forwarding: boolean): Network =>
    new Network({ n: 4, threshold: 3, seed, cheats: { 2: dealingTwice() }, forwarding }).run()
  const seeds = [1, 2, 3, 4, 5]

  it('R20: should end in no key, whoever heard what', () => {
    for (const seed of seeds)
      for (const forwarding of [true, false])
        for (const node of attacked(seed, forwarding).honest) expect(node.result).toBeUndefined()
  })

  it('R20: should not be certified where each heard only one of the two', () => {
    for (const seed of seeds) {
      const net = attacked(seed, false)
      expect(
        net.gossiped.filter((m) => m.step.startsWith('trial') && net.honest.some((n) => n.self === m.author)),
      ).toEqual([])
      for (const node of net.honest) expect(namedBy(node)).toEqual([])
    }
  })

  it('should name the dealer where both are heard', () => {
    const net = attacked(1, true)
    const dealer = net.nodes[2]?.self
    for (const node of net.honest) expect(namedBy(node).map((f) => f.member)).toEqual([dealer])
  })

  it('R20: should be seen through even if the dealer certifies to each what it wants to hear', () => {
    // Each honest member hears, from the dealer, a confirm of its own transcript: what is left are the other honest ones.
    const flattering: Cheat = (words, node) =>
      dealingTwice()(words, node).flatMap((w) => {
        if (w.step !== 'confirm') return [w]
        return node.state.others.flatMap((to) => {
          const heard = node.state.inbox.confirm.get(to)
          return heard === undefined ? [] : [{ ...w, to, payload: heard.payload }]
        })
      })
    for (const seed of seeds) {
      const net = new Network({ n: 4, threshold: 3, seed, cheats: { 2: flattering }, forwarding: false }).run()
      for (const node of net.honest) expect(node.result).toBeUndefined()
      expect(net.honest.map((n) => reasonOf(n)?.kind)).toContain('transcript_mismatch')
    }
  })
})
