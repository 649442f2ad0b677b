import { describe, expect, it } from 'vitest'
import { simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const run = (seed: string) =>
  simulate({ seed, size: 4, threshold: 3, faults: ROUGH, skewMs: 5_000 }, async (sim) => {
    await sim.clock.until('the mesh is full', 60_000, () => sim.isMeshed())
    const { id, digest } = sim.request('first')
    const asked = sim.process(1).ask(id, digest)
    const result = await sim.clock.settled('a signature', 30_000, asked)
    expect(result).toMatchObject({ ok: true })
    await sim.crash(sim.node(2))
    await sim.clock.runFor(5_000)
    await sim.start([sim.node(2)])
    await sim.clock.until('the mesh is full again', 60_000, () => sim.isMeshed())
  })

const found = (seed: string) =>
  simulate({ seed, size: 3, threshold: 2, begin: 'bootstrap', faults: ROUGH }, async (sim) => {
    const isActive = () => sim.nodes.every((n) => n.process?.threshold.publicKey().ok)
    await sim.clock.until('every member holds the new key', 300_000, isActive)
  })

// Not among the unit tests, which share a process: what another file left running would draw from the same seeded randomness.
describe('the simulator', () => {
  it('should give the same trace for the same seed, and another one for another', async () => {
    const [first, again, other] = [await run('a'), await run('a'), await run('b')]
    process.stderr.write(`${first.cost}\n${other.cost}\n`)
    expect(again.hash).toBe(first.hash)
    expect(other.hash).not.toBe(first.hash)
  })

  it('should give the same keys for the same seed: the set that they make is in the trace', async () => {
    const [first, again, other] = [await found('a'), await found('a'), await found('b')]
    expect(again.hash).toBe(first.hash)
    expect(other.hash).not.toBe(first.hash)
  })

  it('should give the process its own randomness back', async () => {
    const draw = () => crypto.getRandomValues(new Uint8Array(32)).join()
    const drawn = new Set<string>()
    for (let i = 0; i < 2; i++)
      await simulate({ seed: 'a', size: 2, threshold: 2 }, async () => {}).then(() => drawn.add(draw()))
    expect(drawn.size).toBe(2)
  })
})
