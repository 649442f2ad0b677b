import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../src/curve/index.ts'
import { type Simulation, simulate } from '../simulator/simulation.ts'

const MINUTE_MS = 60_000

async function signs(sim: Simulation, at: number, name: string): Promise<void> {
  const { id, digest } = sim.request(name)
  expect(await sim.clock.settled(name, MINUTE_MS, sim.process(at).ask(id, digest)), name).toMatchObject({ ok: true })
}
const approveAll = (sim: Simulation, keys: readonly KeyPair['publicKey'][], threshold: number) =>
  sim.clock.settled(
    'all approve',
    MINUTE_MS,
    Promise.all(sim.running().map((n) => sim.process(n.index).reconciler.approve({ keys, threshold, attempt: 1 }, {}))),
  )
const keygenOf = (sim: Simulation, at: number) => sim.process(at).reconciler.status()?.keygen
const oldKey = (sim: Simulation) =>
  sim.registry.current.kind === 'set' ? sim.registry.current.set.groupKey : 'no set stands on chain'

/** sBTC #1593: a new member was offline, keygen never ended, and the set that held the funds signed nothing meanwhile. */
describe('incident 14: a new member that is offline', () => {
  it('should not keep the current set from signing, however long the rotation waits', async () => {
    await simulate({ seed: 'offline newcomer', size: 5, threshold: 3 }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const before = oldKey(sim)
      const offline = KeyPair.generate().publicKey
      await approveAll(sim, [...sim.nodes.slice(1).map((n) => n.publicKey), offline], 3)
      for (let i = 0; i < 5; i++) {
        await signs(sim, i, `while it waits ${i}`)
        await sim.clock.runFor(3 * MINUTE_MS)
        const action = sim.process(i).reconciler.status()?.action
        expect(action).toEqual({ kind: 'wait', for: 'approvals', missing: [offline] })
      }
      expect(oldKey(sim)).toBe(before)
    })
  })

  it('should not, either, if it goes away in the middle of keygen; and the rotation ends when it is back', async () => {
    await simulate({ seed: 'lost in keygen', size: 5, threshold: 3 }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const before = oldKey(sim)
      const lost = sim.node(4)
      let crashed: Promise<void> | undefined
      sim.steps.on(({ node, step }) => {
        if (node === lost && step === 'publish confirm') crashed ??= sim.crash(lost, 'machine')
      })
      await approveAll(
        sim,
        sim.nodes.map((n) => n.publicKey),
        4,
      )
      await sim.clock.until('it is lost', MINUTE_MS, () => crashed !== undefined)
      await sim.clock.settled('it is lost', MINUTE_MS, crashed ?? Promise.resolve())
      for (let i = 0; i < 4; i++) {
        await signs(sim, i, `without it ${i}`)
        await sim.clock.runFor(2 * MINUTE_MS)
        expect(keygenOf(sim, i)).toMatchObject({ phase: 'running', waiting: { missing: [lost.publicKey] } })
      }
      expect(oldKey(sim)).toBe(before)
      await sim.start([lost])
      await sim.clock.until('the rotation ends', 10 * MINUTE_MS, () => oldKey(sim) !== before)
      const isActive = () => sim.nodes.every((n) => n.process?.threshold.publicKey().ok)
      await sim.clock.until('all hold the new key', 10 * MINUTE_MS, isActive)
      await signs(sim, lost.index, 'under the new key')
    })
  })
})
