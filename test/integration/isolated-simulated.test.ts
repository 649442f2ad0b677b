import { describe, expect, it } from 'vitest'
import { seeds } from '../simulator/seeds.ts'
import { simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000
const ISOLATED = 14
const ALL = Array.from({ length: 15 }, (_, i) => i)
/** A member that knows one other; nobody knows it. */
const KNOWN_BY_ONE = (node: number) => (node === ISOLATED ? [3] : ALL.filter((i) => i !== ISOLATED))
const base = { size: 15, threshold: 10, faults: ROUGH }

describe('incident 15: a member with one link, in virtual time', () => {
  it.each(seeds(2))('links to all within a minute, and signs (seed %s)', async (seed) => {
    const { cost } = await simulate({ ...base, seed, knows: KNOWN_BY_ONE }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const { id, digest } = sim.request('from the edge')
      const asked = sim.process(ISOLATED).ask(id, digest)
      expect(await sim.clock.settled('signed', MINUTE_MS, asked)).toMatchObject({ ok: true })
    })
    process.stderr.write(`${cost}\n`)
  })

  it('links to all where its one link is the only one that a partition left it', async () => {
    const { cost } = await simulate({ ...base, seed: 'one link', knows: KNOWN_BY_ONE }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const isolated = sim.node(ISOLATED)
      for (const { place, index } of sim.nodes) if (index !== 7) sim.weather.cut(isolated.place, place)
      await sim.clock.until('one link is left', MINUTE_MS, () => sim.linksOf(isolated).size === 1)
      await sim.clock.runFor(2 * MINUTE_MS)
      sim.weather.heal()
      await sim.clock.until('the mesh is full again', MINUTE_MS / 2, () => sim.isMeshed())
    })
    process.stderr.write(`${cost}\n`)
  })

  it('links to all where each member knows only its neighbour', async () => {
    const knows = (node: number) => [(node + 1) % 15]
    const { cost } = await simulate({ ...base, seed: 'a ring', knows }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
    })
    process.stderr.write(`${cost}\n`)
  })

  it('links to all from seeds that name nobody', async () => {
    const knows = (node: number) => (node === 0 ? [] : [0])
    const { cost } = await simulate({ ...base, seed: 'bare', knows, seedsNamePeers: false }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
    })
    process.stderr.write(`${cost}\n`)
  })

  it('finds the others again after a restart whose seeds lead nowhere, by what it kept on disk', async () => {
    const { cost } = await simulate({ ...base, seed: 'from disk', knows: KNOWN_BY_ONE }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      await sim.clock.runFor(5_000)
      const [seed, isolated] = [sim.node(3), sim.node(ISOLATED)]
      await sim.crash(isolated, 'machine')
      await sim.crash(seed, 'machine')
      // So that nobody can find it: it must find them.
      isolated.address = '/ip4/10.0.9.9/tcp/4001'
      await sim.clock.runFor(MINUTE_MS)
      await sim.start([isolated])
      await sim.clock.until('all but its seed are linked', MINUTE_MS, () => sim.isMeshed())
    })
    process.stderr.write(`${cost}\n`)
  })

  it('is linked to all again within a minute at another address, without a book and with one seed', async () => {
    const { cost } = await simulate({ ...base, seed: 'moved', knows: KNOWN_BY_ONE }, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      const moved = sim.node(ISOLATED)
      await sim.crash(moved)
      await moved.disk.space('addresses').delete('book')
      moved.address = '/ip4/10.0.9.9/tcp/4001'
      await sim.start([moved])
      await sim.clock.until('all are linked', MINUTE_MS, () => sim.isMeshed())
    })
    process.stderr.write(`${cost}\n`)
  })
})
