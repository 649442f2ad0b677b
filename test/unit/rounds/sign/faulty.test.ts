import { beforeAll, describe, expect, it } from 'vitest'
import { type PublicKey, toHex } from '../../../../src/base/index.ts'
import { coordinatorOrder, requestHash, type SignRequest, slotOf } from '../../../../src/rounds/sign/index.ts'
import { CHEATS, type Cheat, cheat, PROVABLE } from './cheats.ts'
import { DELAY_MS, itemOf, Network, requestOf, seeded, type TestNode } from './network.ts'

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 50)
const [N, T] = [15, 10]

let net: Network
beforeAll(() => {
  net = new Network({ t: T, n: N })
})

/** What this run's request came to: a member that was faulty in the last one may still have that one open. */
const doneOf = (node: TestNode, request: SignRequest) => node.done.find((d) => d.round === requestHash(request))

interface Run {
  readonly seed: number
  readonly request: SignRequest
  readonly honest: readonly TestNode[]
  readonly faulty: ReadonlyMap<TestNode, Cheat>
  readonly tookMs: number
}

/** Everybody's bridge asks within 50 ms; five members do as they please, the first coordinators as like as not among them. */
function play(seed: number, cheats: readonly Cheat[]): Run {
  for (const node of net.nodes) node.reform()
  net.random = seeded(seed)
  const items = Array.from({ length: 1 + (seed % 3) }, (_, i) => itemOf(seed * 4 + i))
  const request = requestOf(net.dealt, { requestId: seed.toString(16).padStart(8, '0'), items })
  const order = coordinatorOrder(requestHash(request), net.dealt.members)
  // In every other run the faulty ones are the first that are to coordinate.
  const chosen = seed % 2 === 0 ? order.slice(0, N - T) : shuffled(order).slice(0, N - T)
  const faulty = new Map(chosen.map((m, i) => [net.of(m), cheats[(i + seed) % cheats.length] ?? 'silent'] as const))
  for (const [node, how] of faulty) cheat(node, how)
  const honest = net.nodes.filter((n) => !faulty.has(n))
  const startMs = net.now
  for (const node of net.nodes) net.at(Math.floor(net.random() * 50), () => net.start(node, request))
  net.until(() => honest.every((n) => doneOf(n, request) !== undefined))
  const tookMs = net.now - startMs
  // What was said late is heard before anybody is judged.
  net.run(3 * DELAY_MS)
  return { seed, request, honest, faulty, tookMs }
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, at: net.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}

function expectFinished({ seed, request, honest, tookMs }: Run): void {
  for (const node of honest) {
    expect(net.isValid(request, doneOf(node, request)?.signatures), `seed ${seed}`).toBe(true)
    expect(node.rejected).toEqual([])
  }
  // Incident 12: at most one extra delay, and some trips of at most 20 ms.
  expect(tookMs, `seed ${seed}`).toBeLessThan(DELAY_MS + 700)
}

function expectNamedRightly({ honest, faulty }: Run): void {
  const kinds = new Map<PublicKey, string | undefined>([...faulty].map(([n, how]) => [n.key, PROVABLE[how]]))
  for (const node of honest) {
    for (const fault of node.faults) expect(fault.code, `a fault of ${fault.member}`).toBe(kinds.get(fault.member))
    const names = node.faults.map((f) => `${f.member} ${f.code} ${f.round} ${f.attempt}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { wires } of node.faults) expect(wires).toHaveLength(2)
    expect(node.faults.filter((f) => f.code === 'equivocation')).toHaveLength(contradictions(node))
  }
}

/** Slots in which this node heard one member say two things. */
function contradictions({ heard }: TestNode): number {
  const said = new Map<string, Set<string>>()
  for (const e of heard) {
    const slot = slotOf(e)
    if (slot === undefined) continue
    const name = `${e.author} ${slot}`
    said.set(name, (said.get(name) ?? new Set()).add(toHex(e.payload)))
  }
  return [...said.values()].filter((payloads) => payloads.size > 1).length
}

describe(`ROAST: ${T} of ${N}, five faulty (${SEEDS} seeds)`, () => {
  for (const how of CHEATS)
    it(`incident 12: should finish with five members like this: ${how}`, () => {
      const run = play(10_000 + CHEATS.indexOf(how), [how])
      expectFinished(run)
      expectNamedRightly(run)
      const faults = run.honest.flatMap((n) => n.faults)
      if (PROVABLE[how] === undefined) expect(faults).toEqual([])
      // Everybody hears these; the others depend on who was chosen.
      if (how === 'two requests') expect(new Set(faults.map((f) => f.member)).size).toBe(N - T)
    })

  it('R26: should name every member whose wrong share reached a session, and never an honest one, in any mix', () => {
    let named = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = play(seed, shuffled(CHEATS))
      expectFinished(run)
      expectNamedRightly(run)
      named += run.honest.flatMap((n) => n.faults).length
    }
    expect(named).toBeGreaterThan(SEEDS)
  }, 300_000)
})
