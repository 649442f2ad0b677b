import { stringify } from 'fast-check'
import { Chain } from './chain.ts'
import { disagreements } from './compare.ts'
import type { Coverage } from './coverage.ts'
import { answer, blockId, type EndpointMood, viewOf } from './endpoint.ts'
import { type Event, honestMoods, type Scenario } from './events.ts'
import { describeWorld, fewLiars } from './moods.ts'
import { ModelNode } from './node.ts'
import type { Endpoints } from './readings.ts'
import { hashOf, idOfPending, System } from './system.ts'
import { keyOf, nameOfKey, stateOf } from './universe.ts'

const MAX_AGE_MS = 3_600_000
/** MAX_REORG_BURN_BLOCKS of the registry room, as ARCHITECTURE and the code document it (A5). */
const MAX_REORG = 6

/** Without the bytes: what a person can read in a report. */
const setOf = (state: string) => ({ name: state, keys: stateOf(state).keys })

/** Plays a scenario to the node's own rooms and to the model. Throws on the first thing that they disagree about. */
export async function play(scenario: Scenario, coverage: Coverage): Promise<void> {
  const run = new Run(scenario, coverage)
  const realFetch = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    init?.signal?.throwIfAborted()
    const { status, body } = run.answer(new URL(input instanceof Request ? input.url : input))
    return new Response(body, { status })
  }
  try {
    await run.play()
  } finally {
    await run.system.stop()
    globalThis.fetch = realFetch
  }
}

class Run {
  readonly system: System
  readonly #scenario: Scenario
  readonly #coverage: Coverage
  readonly #chain: Chain
  readonly #model: ModelNode
  readonly #pendingIds = new Set<string>()
  #moods: readonly EndpointMood[] = honestMoods
  #asked: { gate: unknown; facts: string } = { gate: undefined, facts: '' }

  constructor(scenario: Scenario, coverage: Coverage) {
    const { endpoints, quorum, confirmations, start, config } = scenario
    this.#scenario = scenario
    this.#coverage = coverage
    this.#chain = new Chain(start)
    this.system = new System({ endpoints, quorum, confirmations, maxAgeMs: MAX_AGE_MS }, config)
    const isSet = (name: string) => stateOf(name).kind === 'set'
    const isBlank = (name: string) => stateOf(name).kind === 'blank'
    const rules = { quorum, confirmations, maxReorg: MAX_REORG, isSet, isBlank }
    this.#model = new ModelNode({ rules, maxAgeMs: MAX_AGE_MS, self: 'self', setOf }, config)
  }

  answer(url: URL) {
    return answer(this.#chain, this.#moods[Number(url.hostname.replace(/\D/g, ''))] ?? { lag: 0 }, url)
  }

  async play(): Promise<void> {
    await this.system.start()
    await this.#look('before the first reading')
    await this.#read('the first reading')
    for (const [i, { event, read }] of this.#scenario.events.entries()) {
      const what = `event ${i + 1}, ${stringify(event)}`
      await this.#happen(event)
      await this.#look(what)
      // A process that begins reads at once.
      if (read || event.do === 'restart') await this.#read(what)
    }
  }

  async #happen(event: Event): Promise<void> {
    const { system } = this
    const model = this.#model
    this.#coverage.note(event.do)
    switch (event.do) {
      case 'mine':
        for (const [i, step] of event.steps.entries())
          this.#chain.mine(step, i === 0 && step !== 'empty' ? event.state : undefined)
        return
      case 'reorg':
        return this.#chain.reorg(event.depth, event.steps, event.state)
      case 'endpoints':
        this.#moods = fewLiars(event.moods, this.#scenario)
        return
      case 'time':
        return system.clock.advance(event.minutes * 60_000)
      case 'approve': {
        // As the reconciler does: an approval names the set that is applied, or the absent one while that is answered (R6).
        if (model.applied === undefined) return
        const parent = model.set?.name ?? 'blank'
        const { keys } = stateOf(event.set)
        const id = idOfPending(parent, event.set, event.attempt)
        this.#pendingIds.add(id)
        model.pending = { id, keys, parent }
        return this.#applyPending()
      }
      case 'expire':
        model.pending = undefined
        return this.#applyPending()
      case 'recall':
        if (model.applied === undefined) return
        model.recalled = event.sets.map(setOf)
        return this.#applyRecalled()
      case 'reload':
        model.config = { ...event.config, onStale: model.config.onStale }
        return await system.reload(event.config)
      case 'restart':
        model.restart(event.config)
        await system.restart(event.config)
        this.#applyPending()
        return this.#applyRecalled()
    }
  }

  #applyPending(): void {
    const { pending } = this.#model
    const keysOf = (names: readonly string[]) => names.map(keyOf).sort()
    const current = this.#model.set
    this.system.membership.applyPending(
      pending && {
        id: pending.id as ReturnType<typeof idOfPending>,
        parentSetHash: '' as never,
        keys: keysOf(pending.keys),
        threshold: 2,
        attempt: 0,
        currentKeys: keysOf(current?.keys ?? pending.keys),
        currentThreshold: 2,
        principal: '',
      },
    )
  }
  #applyRecalled(): void {
    this.system.membership.applyRecalled(
      this.#model.recalled.map(({ name, keys }) => ({ hash: hashOf(name), keys: keys.map(keyOf).sort() })),
    )
  }

  async #read(what: string): Promise<void> {
    const chain = this.#chain
    const model = this.#model
    const endpoints = this.#endpoints()
    const permitted = model.permitted(endpoints, chain.blocks)
    if (endpoints.liars > 0) this.#coverage.note('liars')
    if (stateOf(chain.now.tip.state).kind === 'garbage') this.#coverage.note('garbage was the newest')
    const before = this.system.watcher.latest()
    const isRead = await this.system.read()
    const snapshot = this.system.watcher.latest()
    const trace = () =>
      `\nbefore: ${stringify(before)}\nnow: ${stringify(snapshot)}\n${describeWorld(this.#scenario, this.#chain, this.#moods)}`
    if (!isRead) {
      this.#coverage.note('reading failed')
      if (snapshot !== before) throw new Error(`${what}: a failed reading changed the snapshot${trace()}`)
      if (!permitted.mayFail)
        throw new Error(`${what}: the reading failed, ${this.system.watcher.health().lastFailure?.detail}${trace()}`)
    } else {
      const tip = snapshot?.tip
      const match = permitted.at.find(
        ({ block, minBurn, maxBurn }) =>
          tip !== undefined &&
          blockId(block) === tip.indexBlockHash &&
          block.stacksHeight === tip.stacksHeight &&
          minBurn <= tip.burnHeight &&
          tip.burnHeight <= maxBurn,
      )
      if (match === undefined || tip === undefined || snapshot === undefined)
        throw new Error(
          `${what}: read at a block that no quorum has so${trace()}\npermitted: ${stringify(permitted.at.map((p) => [p.block.n, p.minBurn, p.maxBurn]))}`,
        )
      const height = model.applied?.block.stacksHeight ?? 0
      if (match.block.stacksHeight < height) this.#coverage.note('went back')
      else if (match.block === model.applied?.block) this.#coverage.note('stayed')
      const held = snapshot.kind === 'set' ? snapshot.set : undefined
      const true_ = stateOf(match.block.state)
      const isTrue =
        held === undefined
          ? true_.kind === 'blank'
          : held.threshold === true_.threshold &&
            held.aggregateKey === Buffer.from(true_.aggregateKey).toString('hex') &&
            held.keys.map(nameOfKey).sort().join() === [...true_.keys].sort().join()
      if (!isTrue) throw new Error(`${what}: another state than the block's${trace()}`)
      if (model.set?.name !== (held && true_.name)) this.#coverage.note('set changed')
      model.apply({ block: match.block, burnHeight: tip.burnHeight, readAtMs: this.system.clock.now() })
    }
    await this.#look(`${what}, read`)
  }

  /** A second passes in the node's life: age is looked at, everybody tries to connect, and gate and model are asked everything. */
  async #look(what: string): Promise<void> {
    const { system } = this
    const latest = system.watcher.latest()
    system.membership.refreshTrust()
    await Promise.resolve()
    const facts = this.#model.facts(system.clock.now())
    const gate = system.gate.state
    const key = stringify(facts)
    system.connectAll()
    if (gate === this.#asked.gate && key === this.#asked.facts) return
    this.#asked = { gate, facts: key }
    this.#coverage.noteRoles(facts)
    const found = disagreements(facts, system, this.#pendingIds)
    if (found.length > 0)
      throw new Error(
        `${what}:\n${found.slice(0, 8).join('\n')}\n(${found.length} in all)\n${key}\n${stringify(latest)}\n${describeWorld(this.#scenario, this.#chain, this.#moods)}`,
      )
  }

  #endpoints(): Endpoints {
    const moods = this.#moods.slice(0, this.#scenario.endpoints)
    return {
      honest: moods
        .filter((m) => m.failure === undefined && m.lies === undefined)
        .map((mood) => viewOf(this.#chain, mood)),
      liars: moods.filter((m) => m.lies !== undefined).length,
    }
  }
}
