import { describe, expect, it } from 'vitest'
import { fromUtf8, type GroupKey, toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'
import { ROTATION_STEPS } from '../../src/rotation/index.ts'
import { type HandoffItem, nameOfItem, verifyHandoff } from '../../src/rounds/index.ts'
import { seeds } from '../simulator/seeds.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000
const SWEEP: HandoffItem = { digest: toHex(sha256(utf8('a sweep'))), merkleRoot: 'empty' }

/**
 * Before each step of the reconciler, from its own table, and behind each write of it and the transaction: what it has done by
 * then it learns from the disk and the chain alone.
 */
const WRITES = ['proposals', 'handoffs', 'cosigned'].map((name) => `wrote ${name}`)
const STEPS = [...ROTATION_STEPS, ...WRITES, 'sent']

/** Four members of which three sign; the last one leaves, and a newcomer takes its place. All list one digest for the old key. */
const INIT = { size: 5, members: 4, threshold: 3, policy: 'auto', faults: ROUGH, skewMs: 5_000 } as const
const LEAVING = 3
const COMING = 4

/** A rotation in which members die just before they take a step, and come back. */
class Campaign {
  readonly sim: Simulation
  readonly before: readonly SimulatedNode[]
  readonly after: readonly SimulatedNode[]
  readonly oldKey: GroupKey
  readonly died: string[] = []
  readonly #work: Promise<void>[] = []

  constructor(sim: Simulation) {
    this.sim = sim
    this.before = sim.nodes.filter((n) => n.index !== COMING)
    this.after = sim.nodes.filter((n) => n.index !== LEAVING)
    this.oldKey = this.keyOnChain()
  }

  keyOnChain(): GroupKey {
    const { current } = this.sim.registry
    if (current.kind !== 'set') throw new Error('no set stands on chain')
    return current.set.groupKey
  }

  /** The first of these nodes that comes to the step dies of it, before it is taken. */
  crashAt(step: string, nodes: readonly SimulatedNode[], how: 'process' | 'machine' = 'machine'): void {
    const stop = this.sim.steps.on(({ node, step: taken }) => {
      // One that is dead already, and tells of what its last breath would have done.
      if (taken !== step || !nodes.includes(node) || node.process === undefined) return
      stop()
      this.died.push(step)
      this.#work.push(this.#crashAndReturn(node, how))
    })
  }

  async #crashAndReturn(node: SimulatedNode, how: 'process' | 'machine'): Promise<void> {
    await this.sim.crash(node, how)
    await this.sim.clock.pause(this.sim.random.between(100, 30_000))
    await this.sim.boot(node)
  }

  /** Everybody approves and lists; `whenListed` is the last moment before keygen can begin. */
  async begin(whenListed: () => void): Promise<void> {
    const { sim, before, after } = this
    await sim.clock.until('the old set is meshed', MINUTE_MS, () => sim.isMeshed(before))
    const proposal = { keys: after.map((n) => n.publicKey), threshold: INIT.threshold, attempt: 1 }
    for (const { index } of before) {
      const { reconciler } = sim.process(index)
      await sim.clock.settled('approved', MINUTE_MS, reconciler.approve(proposal))
      await sim.clock.settled('listed', MINUTE_MS, reconciler.handOver([SWEEP]))
    }
    whenListed()
    await sim.clock.settled('approved', MINUTE_MS, sim.process(COMING).reconciler.approve(proposal))
  }

  /** The rotation ends by itself, whoever died of it: one key, one payload, the sweep signed before it, the leaver cut. */
  async over(deaths: number): Promise<void> {
    const { sim, before, after, oldKey } = this
    const keyOf = (n: SimulatedNode): GroupKey | undefined => {
      const key = n.process?.threshold.publicKey()
      return key?.ok === true ? key.value : undefined
    }
    const isActive = () => after.every((n) => keyOf(n) !== undefined && keyOf(n) !== oldKey)
    await sim.clock.until('the new key is in use', 15 * MINUTE_MS, () => isActive() && this.died.length >= deaths)
    await sim.clock.settled('all are back', 5 * MINUTE_MS, Promise.all(this.#work))
    const isQuiet = () => sim.nodes.every((n) => n.process !== undefined && n.process.reconciler.status() === undefined)
    await sim.clock.until('nothing is pending any more', 15 * MINUTE_MS, () => isActive() && isQuiet())
    expect(new Set(after.map(keyOf))).toEqual(new Set([this.keyOnChain()]))

    const payloads = new Map<string, Set<string>>()
    for (const { disk } of before)
      for (const [nonce, record] of await disk.space('cosigned').entries()) {
        const { payload } = JSON.parse(fromUtf8(record)) as { readonly payload: string }
        payloads.set(nonce, (payloads.get(nonce) ?? new Set()).add(payload))
      }
    expect([...payloads.values()].map((all) => all.size)).toEqual([1])

    const lists = await Promise.all(before.map((n) => n.process?.reconciler.handoffs()))
    const signatures = lists.map((all) => all?.[0]?.signatures.get(nameOfItem(SWEEP))).filter((s) => s !== undefined)
    expect(signatures.length).toBeGreaterThanOrEqual(INIT.threshold)
    for (const signature of signatures) expect(verifyHandoff(oldKey, SWEEP, signature)).toBe(true)

    const leaver = sim.node(LEAVING)
    await sim.clock.until('the leaver is cut off', 5 * MINUTE_MS, () => sim.linksOf(leaver).size === 0)
    const { id, digest } = sim.request('under the new key')
    expect(await sim.clock.settled('signed', MINUTE_MS, sim.process(COMING).ask(id, digest))).toMatchObject({
      ok: true,
    })
  }
}

describe('a member that is killed while its set is replaced, in virtual time', () => {
  for (const step of STEPS) {
    it.each(seeds(1))(`R29: at "${step}" (seed %s)`, async (seed) => {
      await simulate({ ...INIT, seed: `${seed} ${step}` }, async (sim) => {
        const campaign = new Campaign(sim)
        const how = sim.random.chance(0.5) ? 'process' : 'machine'
        await campaign.begin(() => campaign.crashAt(step, campaign.before, how))
        await campaign.over(1)
      })
    })

    it.each(seeds(1))(
      `R29: and enough others with it that none is left to go on, at "${step}" (seed %s)`,
      async (seed) => {
        await simulate({ ...INIT, seed: `all ${seed} ${step}` }, async (sim) => {
          const campaign = new Campaign(sim)
          await campaign.begin(() => {
            for (const node of campaign.before) campaign.crashAt(step, [node])
          })
          await campaign.over(1)
        })
      },
    )
  }

  it.each(seeds(1))('R29: one member at every step of it, and again when it is back (seed %s)', async (seed) => {
    await simulate({ ...INIT, seed: `each ${seed}` }, async (sim) => {
      const campaign = new Campaign(sim)
      await campaign.begin(() => {
        for (const node of campaign.before.slice(0, 3)) for (const step of STEPS) campaign.crashAt(step, [node])
      })
      await campaign.over(STEPS.length)
    })
  })
})
