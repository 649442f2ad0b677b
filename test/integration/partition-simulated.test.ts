import { describe, expect, it } from 'vitest'
import { seeds } from '../simulator/seeds.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'

const MINUTE_MS = 60_000
/** A healed partition is a full mesh again within this. */
const HEALED_WITHIN_MS = 30_000

const isCut = (sim: Simulation, here: readonly SimulatedNode[], there: readonly SimulatedNode[]): boolean =>
  here.every((node) => there.every((other) => !sim.linksOf(node).has(other.peerId)))

/** Cuts the federation in two, and waits until every node knows. */
async function divide(sim: Simulation, first: number): Promise<[SimulatedNode[], SimulatedNode[]]> {
  const [here, there] = [sim.nodes.slice(0, first), sim.nodes.slice(first)]
  sim.weather.partition(
    here.map((n) => n.place),
    there.map((n) => n.place),
  )
  await sim.clock.until('both sides know', MINUTE_MS, () => isCut(sim, here, there) && isCut(sim, there, here))
  return [here, there]
}

const meshed = (sim: Simulation, withinMs = HEALED_WITHIN_MS) =>
  sim.clock.until('the mesh is full', withinMs, () => sim.isMeshed())

describe('a partition of 15 members, in virtual time', () => {
  it.each(seeds(2))('incident 15: heals to a full mesh within 30 s (seed %s)', async (seed) => {
    const { cost } = await simulate({ seed, size: 15, threshold: 10, skewMs: 10_000 }, async (sim) => {
      await meshed(sim)
      const [here, there] = await divide(sim, 8)
      await sim.clock.runFor(3 * MINUTE_MS)
      expect(sim.isMeshed(here) && sim.isMeshed(there)).toBe(true)
      sim.weather.heal()
      expect(await meshed(sim)).toBeLessThan(HEALED_WITHIN_MS)
      // Of links that were dialled from both sides, one stays.
      await sim.clock.runFor(MINUTE_MS)
      for (const { process } of sim.nodes) expect(process?.host.connections()).toHaveLength(14)
    })
    process.stderr.write(`${cost}\n`)
  })

  it('should let neither side sign below the threshold, and sign again when it has healed', async () => {
    const { cost } = await simulate({ seed: 'halves', size: 15, threshold: 10 }, async (sim) => {
      await meshed(sim)
      await divide(sim, 8)
      const ask = (at: number, name: string) => {
        const { id, digest } = sim.request(name)
        return sim.process(at).ask(id, digest)
      }
      const during = Promise.all([ask(0, 'of eight'), ask(14, 'of seven')])
      const results = await sim.clock.settled('both give up', MINUTE_MS, during)
      for (const result of results) expect(result).toMatchObject({ ok: false, code: 'TIMEOUT' })
      sim.weather.heal()
      await meshed(sim)
      const after = Promise.all([ask(0, 'of eight'), ask(14, 'after')])
      for (const result of await sim.clock.settled('signed', MINUTE_MS, after))
        expect(result).toMatchObject({ ok: true })
    })
    process.stderr.write(`${cost}\n`)
  })

  it('should let 10 sign while 5 are cut off, and the 5 not', async () => {
    const { cost } = await simulate({ seed: 'ten', size: 15, threshold: 10 }, async (sim) => {
      await meshed(sim)
      await divide(sim, 10)
      const { id, digest } = sim.request('of ten')
      const asked = Promise.all([sim.process(3).ask(id, digest), sim.process(12).ask(id, digest)])
      const [ten, five] = await sim.clock.settled('both answer', MINUTE_MS, asked)
      expect(ten).toMatchObject({ ok: true })
      expect(five).toMatchObject({ ok: false, code: 'TIMEOUT' })
    })
    process.stderr.write(`${cost}\n`)
  })
})
