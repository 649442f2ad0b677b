import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/base/index.ts'
import { decodeEnvelope, type EnvelopeFields } from '../../src/p2p/envelope.ts'
import { ROTATION_STEPS } from '../../src/rotation/index.ts'
import { KEYGEN_EFFECTS } from '../../src/rounds/index.ts'
import { decodeKeygen } from '../../src/rounds/keygen/codec.ts'
import { parseStep } from '../../src/rounds/keygen/index.ts'
import { seeds } from '../simulator/seeds.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000
/** The driver's own durable step stands before the machine's. */
const ALL_STEPS = ['begin', ...KEYGEN_EFFECTS, ...ROTATION_STEPS]
/** Before a first key there is none that could sign a handoff. */
const STEPS = ALL_STEPS.filter((step) => step !== 'sign_handoff')

/** What must go wrong first, for a step that no undisturbed keygen comes to. */
const CAUSES: Readonly<Record<string, (campaign: Campaign) => void>> = {
  'publish commit': (c) => c.crashAt('publish trial', [c.other]),
  // Longer than a step of the attempt takes: then the others show it what all have confirmed.
  'publish certified': (c) => c.crashAt('publish trial', [c.other], 'machine', 45_000),
  aborted: (c) => c.onStep('publish open', [c.other], () => c.lie(c.other)),
  'publish complaint': (c) => c.onStep('publish open', [c.other], () => c.lie(c.other)),
}

/** One federation, one member that dies at one step, and everything that was said by anyone. */
class Campaign {
  readonly sim: Simulation
  /** Has a part in what must go wrong first. */
  readonly other: SimulatedNode
  /** Who died at the step that is looked at. */
  victim: SimulatedNode | undefined
  readonly crashed = new Set<string>()
  readonly #said = new Map<string, EnvelopeFields>()
  readonly #work: Promise<void>[] = []

  constructor(sim: Simulation) {
    this.sim = sim
    const [other] = sim.random.shuffled(sim.nodes)
    if (other === undefined) throw new Error('no nodes')
    this.other = other
    for (const node of sim.nodes) this.#listen(node)
  }

  /** The first time that one of these nodes comes to a step, just before it takes it. */
  onStep(step: string, nodes: readonly SimulatedNode[], act: (node: SimulatedNode) => void): void {
    const stop = this.sim.steps.on(({ node, step: taken }) => {
      if (taken !== step || !nodes.includes(node)) return
      stop()
      act(node)
    })
  }

  crashAt(
    step: string,
    nodes: readonly SimulatedNode[],
    how: 'process' | 'machine' = 'machine',
    downMs?: number,
  ): void {
    this.onStep(step, nodes, (node) => {
      this.victim = node
      this.#work.push(this.#crashAndReturn(step, node, how, downMs))
    })
  }

  async #crashAndReturn(step: string, node: SimulatedNode, how: 'process' | 'machine', downMs?: number): Promise<void> {
    this.crashed.add(step)
    const { sim } = this
    await sim.crash(node, how)
    await sim.clock.pause(downMs ?? sim.random.between(100, 45_000))
    await sim.boot(node)
    this.#listen(node)
  }

  /** Says, in an honest node's name, what no honest machine says. */
  lie(node: SimulatedNode): void {
    this.sim.cheats.add(node)
    const scope = node.process?.reconciler.status()?.spec.id
    if (scope === undefined) throw new Error('no pending set')
    const topic = { network: 'devnet', scope, purpose: 'keygen' } as const
    const words = { round: scope, attempt: 1, step: 'confirm', payload: utf8('nonsense') }
    this.#work.push(node.process?.host.messenger.publish(topic, words).then(() => {}) ?? Promise.resolve())
  }

  /** All that had to be done is done, and every member holds the key that stands on chain. */
  async over(step: string): Promise<void> {
    const { sim } = this
    const isActive = () => sim.nodes.every((n) => n.process?.threshold.publicKey().ok)
    await sim.clock.until('every member holds the new key', 10 * MINUTE_MS, () => isActive() && this.crashed.has(step))
    await sim.clock.settled('all are back', 2 * MINUTE_MS, Promise.all(this.#work))
    await sim.clock.until('every member holds it still', 10 * MINUTE_MS, isActive)
  }

  /** R16, R25: nothing is said twice in one slot, and no commitment stands in two; so no nonce pair served two packages. */
  expectNoNonceTwice(): void {
    const commitments = new Map<string, string>()
    const trials = new Map<string, string>()
    for (const { author, boot, attempt, step, payload } of this.#said.values()) {
      const slot = `${author} ${boot} ${attempt} ${step}`
      const parsed = parseStep(step)
      if (parsed?.step === 'trial') {
        expect(trials.get(slot) ?? String(payload), slot).toBe(String(payload))
        trials.set(slot, String(payload))
      }
      const committed = parsed?.step === 'confirm' || parsed?.step === 'commit'
      const value = committed ? decodeKeygen('confirm', payload) : undefined
      if (value === undefined) continue
      for (const point of [value.commitment.hiding, value.commitment.binding]) {
        expect(commitments.get(String(point)) ?? slot).toBe(slot)
        commitments.set(String(point), slot)
      }
    }
    expect(trials.size).toBeGreaterThan(0)
  }

  #listen({ process }: SimulatedNode): void {
    process?.host.judged.on(({ data }) => {
      const decoded = decodeEnvelope(data)
      if (decoded.ok)
        this.#said.set(
          `${decoded.value.fields.author} ${decoded.value.fields.boot} ${decoded.value.fields.counter}`,
          decoded.value.fields,
        )
    })
  }
}

async function expectOneKey(sim: Simulation): Promise<void> {
  const keys = sim.nodes.map((n) => n.process?.threshold.publicKey())
  expect(new Set(keys.map((k) => k?.ok && k.value)).size).toBe(1)
  const certified = sim.nodes.map((n) => n.disk.vault.list().filter((s) => s.certificate.length > 0))
  expect(certified.map((shares) => shares.length)).toEqual(sim.nodes.map(() => 1))
  expect(new Set(certified.map(([s]) => s?.transcript)).size).toBe(1)
}

async function signs(sim: Simulation, { index }: SimulatedNode): Promise<void> {
  const { id, digest } = sim.request('with the one that died')
  const result = await sim.clock.settled('signed', MINUTE_MS, sim.process(index).ask(id, digest))
  expect(result).toMatchObject({ ok: true })
}

const init = (seed: string) =>
  ({ seed, size: 4, threshold: 3, begin: 'bootstrap', faults: ROUGH, skewMs: 10_000 }) as const

describe('a member that is killed while the first key is made, in virtual time', () => {
  for (const step of STEPS)
    for (const how of ['machine', 'process'] as const)
      it.each(seeds(1))(`R20: at "${step}", the ${how} (seed %s): one key, all shares sign`, async (seed) => {
        await simulate(init(`${seed} ${step} ${how}`), async (sim) => {
          const campaign = new Campaign(sim)
          CAUSES[step]?.(campaign)
          const others = sim.nodes.filter((n) => CAUSES[step] === undefined || n !== campaign.other)
          campaign.crashAt(step, others, how)
          await campaign.over(step)
          campaign.expectNoNonceTwice()
          await expectOneKey(sim)
          await signs(sim, campaign.victim ?? campaign.other)
        })
      })

  for (const step of STEPS)
    it.each(seeds(1))(`R20: and all others with it at "${step}" (seed %s)`, async (seed) => {
      await simulate(init(`all ${seed} ${step}`), async (sim) => {
        const campaign = new Campaign(sim)
        CAUSES[step]?.(campaign)
        for (const node of sim.nodes) campaign.crashAt(step, [node])
        await campaign.over(step)
        campaign.expectNoNonceTwice()
        await expectOneKey(sim)
        await signs(sim, campaign.victim ?? campaign.other)
      })
    })
})
