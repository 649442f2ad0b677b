import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'
import { type Simulation, simulate } from '../simulator/simulation.ts'

const MINUTE_MS = 60_000
const A = sha256(Uint8Array.of(1))
const B = sha256(Uint8Array.of(2))

/** What each of these nodes' bridges gets for this digest: the signature, or the code of the error. */
async function ask(sim: Simulation, nodes: readonly number[], id: string, digest: Uint8Array, withinMs = 5_000) {
  const asked = Promise.all(nodes.map((i) => sim.process(i).ask(id, digest, withinMs)))
  const results = await sim.clock.settled('answered', MINUTE_MS, asked)
  return results.map((r) => (r.ok ? toHex(r.signatures[0] ?? new Uint8Array()) : r.code))
}

/**
 * horcrux #217, Celestia docs#2279: after the leader changed, the next one had another payload signed at the same height. Here a
 * request id stands for one list of digests at each member, durably, whoever coordinates: no two of them find t shares.
 */
describe('incident 36: two payloads under one request id', () => {
  const init = { seed: 'leader', size: 5, threshold: 3, policy: 'bridge' } as const

  it('should sign one of two that different coordinators ask for at once, and never the other', async () => {
    await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const { id } = sim.request('height 7')
      const first = ask(sim, [0, 1, 2], id, A)
      const second = ask(sim, [3, 4], id, B)
      const [signed, refused] = [await first, await second]
      expect(new Set(signed).size).toBe(1)
      expect(signed[0]).toMatch(/^[0-9a-f]{128}$/)
      for (const code of refused) expect(code).toMatch(/^(REFUSED|TIMEOUT)$/)
      // The coordinators change: those who asked for the first one are asked for the other, too.
      expect(await ask(sim, [0, 1, 2], id, B)).toEqual(['EQUIVOCATION', 'EQUIVOCATION', 'EQUIVOCATION'])
    })
  })

  it('should hold to it after every node was killed and started again, and repeat the signature', async () => {
    await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const { id } = sim.request('height 8')
      const [signature] = await ask(sim, [0, 1, 2], id, A)
      for (const node of sim.nodes) await sim.crash(node, 'machine')
      await sim.start()
      await sim.clock.until('the mesh is full again', MINUTE_MS, () => sim.isMeshed())
      const refused = await ask(sim, [3, 4], id, B)
      for (const code of refused) expect(code).toMatch(/^(REFUSED|TIMEOUT)$/)
      expect(await ask(sim, [0, 1, 2], id, A)).toEqual([signature, signature, signature])
    })
  })

  it('should sign nothing rather than both where the members are split', async () => {
    await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const { id } = sim.request('height 9')
      const split = await Promise.all([ask(sim, [0, 1], id, A), ask(sim, [2, 3], id, B)])
      for (const code of split.flat()) expect(code).toMatch(/^(REFUSED|TIMEOUT)$/)
    })
  })
})
