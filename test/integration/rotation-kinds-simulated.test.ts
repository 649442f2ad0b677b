import { describe, expect, it } from 'vitest'
import { fromHex, type GroupKey, toHex, utf8 } from '../../src/base/index.ts'
import { curve, sha256 } from '../../src/curve/index.ts'
import { type HandoffItem, nameOfItem, verifyHandoff } from '../../src/rounds/index.ts'
import { seeds } from '../simulator/seeds.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const MINUTE_MS = 60_000

interface Kind {
  readonly name: string
  /** Nodes of the set on chain, and how many of them sign. */
  readonly from: { readonly size: number; readonly threshold: number }
  /** Nodes of the set that replaces it. */
  readonly to: { readonly nodes: readonly number[]; readonly threshold: number }
}

const KINDS: readonly Kind[] = [
  { name: 'another threshold', from: { size: 5, threshold: 3 }, to: { nodes: [0, 1, 2, 3, 4], threshold: 4 } },
  { name: 'growth', from: { size: 3, threshold: 2 }, to: { nodes: [0, 1, 2, 3, 4], threshold: 3 } },
  { name: 'shrinkage', from: { size: 5, threshold: 3 }, to: { nodes: [0, 1, 2], threshold: 2 } },
  { name: 'replacement of one', from: { size: 4, threshold: 3 }, to: { nodes: [0, 1, 2, 4], threshold: 3 } },
  { name: 'replacement of all', from: { size: 3, threshold: 2 }, to: { nodes: [3, 4, 5], threshold: 2 } },
]

const keyOnChain = (sim: Simulation): GroupKey => {
  const { current } = sim.registry
  if (current.kind !== 'set') throw new Error('no set stands on chain')
  return current.set.groupKey
}

/** A signature by this node's bridge, under exactly `key`. */
async function signs(sim: Simulation, { index }: SimulatedNode, key: GroupKey, name: string): Promise<void> {
  const { id, digest } = sim.request(`${name} ${index}`)
  const result = await sim.clock.settled(name, MINUTE_MS, sim.process(index).ask(id, digest))
  const [signature] = result.ok ? result.signatures : []
  expect(signature && curve.schnorrVerify(signature, digest, fromHex(key)), `${name} at n${index}`).toBe(true)
}

const waitsForHandoff = ({ process }: SimulatedNode): boolean => {
  const action = process?.reconciler.status()?.action
  return action?.kind === 'wait' && action.for === 'handoff'
}

describe('R29: every kind of rotation, in virtual time', () => {
  for (const { name, from, to } of KINDS)
    it.each(seeds(1))(
      `incident 14, R29: ${name}: the old key signs until the snapshot, the new one after it (seed %s)`,
      async (seed) => {
        const size = Math.max(from.size, ...to.nodes.map((n) => n + 1))
        const init = { seed: `${seed} ${name}`, size, members: from.size, threshold: from.threshold, faults: ROUGH }
        await simulate({ ...init, policy: 'auto', skewMs: 5_000 }, async (sim) => {
          const before = sim.nodes.slice(0, from.size)
          const after = to.nodes.map((index) => sim.node(index))
          const removed = before.filter((n) => !after.includes(n))
          const [first] = before
          const [last] = after.slice(-1)
          if (first === undefined || last === undefined) throw new Error('no nodes')
          const oldKey = keyOnChain(sim)
          await sim.clock.until('the old set is meshed', MINUTE_MS, () => sim.isMeshed(before))

          const proposal = { keys: after.map((n) => n.publicKey), threshold: to.threshold, attempt: 1 }
          const involved = [...new Set([...before, ...after])]
          for (const node of involved) {
            const { reconciler } = sim.process(node.index)
            await sim.clock.settled('approved', MINUTE_MS, reconciler.approve(proposal))
            if (before.includes(node))
              await sim.clock.settled('held', MINUTE_MS, reconciler.handOver([], { hold: true }))
          }
          await sim.clock.until('the new key waits for the handoff', 10 * MINUTE_MS, () =>
            before.every(waitsForHandoff),
          )
          const newKey = sim.process(first.index).reconciler.status()?.newKey
          expect(newKey).not.toBe(oldKey)
          expect(keyOnChain(sim)).toBe(oldKey)
          // Whoever leaves signs with the others to the end; whoever comes does not yet.
          for (const node of before) await signs(sim, node, oldKey, 'while the rotation waits')
          for (const node of after.filter((n) => !before.includes(n)))
            expect(node.process?.threshold.publicKey().ok, `n${node.index}`).toBe(false)

          const sweep: HandoffItem = { digest: toHex(sha256(utf8(`all to ${newKey}`))), merkleRoot: 'empty' }
          for (const { index } of before)
            await sim.clock.settled('listed', MINUTE_MS, sim.process(index).reconciler.handOver([sweep]))
          const isActive = (n: SimulatedNode) => {
            const key = n.process?.threshold.publicKey()
            return key?.ok === true && key.value === newKey
          }
          await sim.clock.until('the new key is in use', 10 * MINUTE_MS, () => after.every(isActive))
          expect(keyOnChain(sim)).toBe(newKey)
          for (const node of after) await signs(sim, node, newKey as GroupKey, 'after the rotation')

          // R29: no rotation without the sweep's signature, at as many as were needed for it.
          const lists = await Promise.all(before.map((n) => n.process?.reconciler.handoffs()))
          const signatures = lists
            .map((all) => all?.[0]?.signatures.get(nameOfItem(sweep)))
            .filter((s) => s !== undefined)
          expect(signatures.length).toBeGreaterThanOrEqual(from.threshold)
          for (const signature of signatures) expect(verifyHandoff(oldKey, sweep, signature)).toBe(true)

          await sim.clock.until('the removed are cut off', MINUTE_MS, () =>
            removed.every((n) => sim.linksOf(n).size === 0 && after.every((a) => !sim.linksOf(a).has(n.peerId))),
          )
          for (const { process } of removed) expect(process?.threshold.publicKey()).toMatchObject({ ok: false })
          await sim.clock.until('the new set is meshed', MINUTE_MS, () => sim.isMeshed(after))
        })
      },
    )
})
