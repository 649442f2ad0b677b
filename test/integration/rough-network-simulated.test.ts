import { describe, expect, it } from 'vitest'
import { seeds } from '../simulator/seeds.ts'
import { simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000

/** 5 % of packets lost, 100 to 300 ms one way, every tenth message twice, every fifth overtaken; clocks up to 20 s apart. */
describe('rounds over a rough network, in virtual time', () => {
  it.each(seeds(2))('should make a first key, rotate to it on chain and sign with it (seed %s)', async (seed) => {
    const init = { seed, size: 5, threshold: 3, begin: 'bootstrap', faults: ROUGH, skewMs: 20_000 } as const
    const { cost } = await simulate({ ...init, registryLateMs: 3_000 }, async (sim) => {
      const isActive = () => sim.nodes.every((n) => n.process?.threshold.publicKey().ok)
      await sim.clock.until('every member signs with the new key', 5 * MINUTE_MS, isActive)
      const { id, digest } = sim.request('a first sweep')
      const asked = Promise.all(sim.nodes.map((n) => sim.process(n.index).ask(id, digest)))
      for (const result of await sim.clock.settled('signed', MINUTE_MS, asked))
        expect(result).toMatchObject({ ok: true })
    })
    process.stderr.write(`${cost}\n`)
  })

  it.each(seeds(2))('should sign with 10 of 15 (seed %s)', async (seed) => {
    const init = { seed, size: 15, threshold: 10, faults: ROUGH, skewMs: 20_000 }
    const { cost } = await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const { id, digest } = sim.request('a sweep')
      const result = await sim.clock.settled('signed', MINUTE_MS, sim.process(7).ask(id, digest))
      expect(result).toMatchObject({ ok: true })
    })
    process.stderr.write(`${cost}\n`)
  })
})
