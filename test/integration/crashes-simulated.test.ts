import { describe, expect, it } from 'vitest'
import { MAX_AGE_MS, setOf } from '../simulator/registry.ts'
import { seeds } from '../simulator/seeds.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000

const meshed = (sim: Simulation) => sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())

async function signs(sim: Simulation, at: number, name: string): Promise<void> {
  const { id, digest } = sim.request(name)
  const result = await sim.clock.settled(name, MINUTE_MS, sim.process(at).ask(id, digest))
  expect(result, name).toMatchObject({ ok: true })
}

describe('machines and chains that fail, in virtual time', () => {
  it.each(seeds(3))(
    'R20: keygen ends in one key for all, though a member dies in it and comes back (seed %s)',
    async (seed) => {
      const init = { seed, size: 5, threshold: 3, begin: 'bootstrap', faults: ROUGH, skewMs: 10_000 } as const
      const { cost } = await simulate(init, async (sim) => {
        const [victim] = sim.random.shuffled(sim.nodes)
        if (victim === undefined) throw new Error('no nodes')
        await sim.clock.runFor(sim.random.between(500, 8_000))
        await sim.crash(victim, sim.random.chance(0.5) ? 'process' : 'machine')
        await sim.clock.runFor(sim.random.between(500, 20_000))
        await sim.start([victim])
        const isActive = () => sim.nodes.every((n) => n.process?.threshold.publicKey().ok)
        await sim.clock.until('every member holds the new key', 10 * MINUTE_MS, isActive)
        const keys = sim.nodes.map((n) => n.process?.threshold.publicKey())
        expect(new Set(keys.map((k) => k?.ok && k.value)).size).toBe(1)
        await signs(sim, victim.index, 'with the one that died')
      })
      process.stderr.write(`${cost}\n`)
    },
  )

  it('incident 12: 10 of 15 sign while 5 lose power in the middle of it', async () => {
    const { cost } = await simulate({ seed: 'power', size: 15, threshold: 10, faults: ROUGH }, async (sim) => {
      await meshed(sim)
      const { id, digest } = sim.request('a sweep')
      const asked = sim.process(0).ask(id, digest)
      await sim.clock.runFor(300)
      const lost = sim.random.shuffled(sim.nodes.slice(1)).slice(0, 5)
      for (const node of lost) await sim.crash(node, 'machine')
      expect(await sim.clock.settled('signed', MINUTE_MS, asked)).toMatchObject({ ok: true })
      await sim.start(lost)
      await meshed(sim)
    })
    process.stderr.write(`${cost}\n`)
  })

  it('R5: members of a registry that nobody can read sign on past max_age, and find each other after a partition', async () => {
    const { cost } = await simulate({ seed: 'outage', size: 7, threshold: 4 }, async (sim) => {
      await meshed(sim)
      for (const { disk } of sim.nodes) disk.registry.outageSinceMs = sim.clock.now()
      await sim.clock.runFor(MAX_AGE_MS + MINUTE_MS)
      expect(sim.nodes.map((n) => n.process?.gate.state.trust)).toEqual(Array(7).fill('frozen'))
      await signs(sim, 0, 'unread')
      sim.weather.partition(['n0', 'n1', 'n2'])
      await sim.clock.runFor(2 * MINUTE_MS)
      sim.weather.heal()
      await meshed(sim)
      await signs(sim, 6, 'still unread')
    })
    process.stderr.write(`${cost}\n`)
  })

  it('R4: a removed member is back in the mesh after the reorg that takes its removal away', async () => {
    const { cost } = await simulate({ seed: 'reorg', size: 7, threshold: 4, registryLateMs: 5_000 }, async (sim) => {
      await meshed(sim)
      const { current } = sim.registry
      if (current.kind !== 'set') throw new Error('no set stands on chain')
      const { keys, threshold, aggregateKey } = current.set
      const removed = sim.node(6)
      const others = sim.nodes.filter((n) => n !== removed)
      const left = keys.filter((k) => k !== removed.publicKey)
      sim.registry.rotateTo(setOf(left, threshold, aggregateKey))
      const isOut = (n: SimulatedNode) => !sim.linksOf(n).has(removed.peerId)
      await sim.clock.until('it is out', MINUTE_MS, () => others.every(isOut) && sim.linksOf(removed).size === 0)
      sim.registry.rotateTo(current.set)
      await meshed(sim)
      await signs(sim, removed.index, 'back again')
    })
    process.stderr.write(`${cost}\n`)
  })
})
