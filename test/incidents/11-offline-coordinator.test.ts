import { describe, expect, it } from 'vitest'
import { asTranscriptHash, fromHex, type GroupKey, LIMITS } from '../../src/base/index.ts'
import { curve } from '../../src/curve/index.ts'
import { coordinatorOrder, requestHash } from '../../src/rounds/sign/index.ts'
import { type SimulatedNode, type Simulation, simulate } from '../simulator/simulation.ts'

const MINUTE_MS = 60_000

/** Everybody's nodes in the order in which they coordinate this request, as they work it out themselves. */
function inOrder(sim: Simulation, request: { readonly id: string; readonly digest: Uint8Array }): SimulatedNode[] {
  const { current } = sim.registry
  if (current.kind !== 'set') throw new Error('no set stands on chain')
  const [share] = sim.node(0).disk.vault.list()
  if (share === undefined) throw new Error('no share')
  const round = requestHash({
    ...{ groupKey: groupKeyOf(sim), setHash: current.set.hash, transcript: asTranscriptHash(share.transcript) },
    ...{ requestId: request.id, items: [{ digest: request.digest, tweak: { kind: 'none' } }] },
  })
  return coordinatorOrder(round, current.set.keys).map((key) => {
    const node = sim.nodes.find((n) => n.publicKey === key)
    if (node === undefined) throw new Error('no such node')
    return node
  })
}

function groupKeyOf(sim: Simulation): GroupKey {
  const key = sim.process(0).threshold.publicKey()
  if (!key.ok) throw new Error('no key')
  return key.value
}

/**
 * sBTC: one signer coordinated each Bitcoin block. Was it offline, nothing was signed for ten minutes. Here the members take
 * turns within seconds, in an order that each request gives anew, and all for the same digests.
 */
describe('incident 11: an offline coordinator', () => {
  const init = { seed: 'tenure', size: 7, threshold: 4, policy: 'bridge' } as const

  it('should cost one delay at most, though as many crash as may: those whose turn it is, in the middle of it', async () => {
    await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      await sim.clock.runFor(1_000)
      const request = sim.request('a sweep')
      const order = inOrder(sim, request)
      const [lost, left] = [order.slice(0, 3), order.slice(3)]
      const groupKey = groupKeyOf(sim)
      const startMs = sim.clock.now()
      // The first ones say that they are ready; when the package is due, they are gone.
      const asked = order.map((n) => sim.process(n.index).ask(request.id, request.digest))
      for (const lostOne of lost) void asked[order.indexOf(lostOne)]?.catch(() => {})
      await sim.clock.runFor(16)
      for (const node of lost) await sim.crash(node, 'machine')
      const results = await sim.clock.settled('signed', MINUTE_MS, Promise.all(asked.slice(3)))
      expect(sim.clock.now() - startMs).toBeLessThan(2 * LIMITS.coordinatorDelayMs)
      expect(results).toHaveLength(left.length)
      for (const result of results) {
        const [signature] = result.ok ? result.signatures : []
        expect(signature && curve.schnorrVerify(signature, request.digest, fromHex(groupKey))).toBe(true)
      }
    })
  })

  it('should cost nothing if it was offline before', async () => {
    await simulate(init, async (sim) => {
      await sim.clock.until('the mesh is full', MINUTE_MS, () => sim.isMeshed())
      await sim.clock.runFor(1_000)
      const request = sim.request('another sweep')
      const [lost, left] = [inOrder(sim, request).slice(0, 3), inOrder(sim, request).slice(3)]
      for (const node of lost) await sim.crash(node, 'machine')
      const startMs = sim.clock.now()
      const asked = Promise.all(left.map((n) => sim.process(n.index).ask(request.id, request.digest)))
      for (const result of await sim.clock.settled('signed', MINUTE_MS, asked)) expect(result.ok).toBe(true)
      expect(sim.clock.now() - startMs).toBeLessThan(LIMITS.coordinatorDelayMs / 2)
    })
  })
})
