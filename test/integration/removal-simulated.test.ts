import { describe, expect, it } from 'vitest'
import { type PublicKey, toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'
import { type DropReason, decodeEnvelope, type Topic, topicName } from '../../src/p2p/index.ts'
import { registryScope } from '../../src/registry/index.ts'
import { registryId, setOf } from '../simulator/registry.ts'
import { seeds } from '../simulator/seeds.ts'
import { type Simulation, simulate } from '../simulator/simulation.ts'
import { ROUGH } from '../simulator/weather.ts'

const REMOVED = 6
/** A topic that outlives every set, so that nothing but the author's role stands between the removed member and the others. */
const topic: Topic = { network: registryId.network, scope: registryScope(registryId), purpose: 'liveness' }
const round = toHex(sha256(utf8('round')))
const authorOf = (data: Uint8Array): PublicKey | undefined => {
  const decoded = decodeEnvelope(data)
  return decoded.ok ? decoded.value.fields.author : undefined
}

/** What came from the removed member to nodes that had, and had not yet, read of its removal. */
interface Heard {
  readonly recorded: Uint8Array[]
  acceptedBefore: number
  acceptedAfter: number
  linkedAfter: number
  readonly droppedAfter: Map<DropReason, number>
}

function listen(sim: Simulation): Heard {
  const heard: Heard = { recorded: [], acceptedBefore: 0, acceptedAfter: 0, linkedAfter: 0, droppedAfter: new Map() }
  const removed = sim.node(REMOVED)
  for (const node of sim.nodes) {
    const { host, gate } = sim.process(node.index)
    host.messenger.join(topic, () => 'accept')
    if (node === removed) continue
    const knows = () => !gate.state.set?.keys.includes(removed.publicKey)
    host.judged.on(({ data, dropped }) => {
      if (authorOf(data) !== removed.publicKey) return
      heard.recorded.push(data)
      if (!knows()) heard.acceptedBefore += dropped === undefined ? 1 : 0
      else if (dropped === undefined) heard.acceptedAfter++
      else heard.droppedAfter.set(dropped, (heard.droppedAfter.get(dropped) ?? 0) + 1)
    })
    // A handshake that passed the old gate may still open its connection, which must be gone at once.
    host.connectionOpened.on(({ peerId }) => {
      if (peerId !== removed.peerId) return
      sim.clock.after(1, () => {
        if (knows() && sim.linksOf(node).has(removed.peerId)) heard.linkedAfter++
      })
    })
  }
  return heard
}

/** Speaks on all ways for as long as it lives: its own software doesn't care for the chain. */
function keepSpeaking(sim: Simulation): void {
  const { host, clock } = sim.process(REMOVED)
  let counter = 0
  const speak = () => {
    const utterance = { round, attempt: counter++, step: 'beat', payload: utf8('words') }
    host.messenger.publish(topic, utterance).catch(() => {})
    const to = sim.node(counter % REMOVED)
    host.messenger.send(to.publicKey, topic, utterance).catch(() => {})
    clock.after(100, speak)
  }
  speak()
}

/** Members that the removed one has bought say its words again, old ones and such as no one has heard yet. */
function keepReplaying(sim: Simulation, heard: Heard): void {
  const accomplice = sim.process(2)
  const replay = () => {
    const data = heard.recorded.at(Math.floor(sim.random.between(0, heard.recorded.length)))
    if (data !== undefined) accomplice.host.shout(topicName(topic), data)
    accomplice.clock.after(50, replay)
  }
  replay()
}

/** The next set on chain is the present one without this key. */
function removeFrom(sim: Simulation, removed: PublicKey): void {
  const { current } = sim.registry
  if (current.kind !== 'set') throw new Error('no set stands on chain')
  const { keys, threshold, aggregateKey } = current.set
  const left = keys.filter((k) => k !== removed)
  sim.registry.rotateTo(setOf(left, Math.min(threshold, left.length), aggregateKey))
}

describe('R14: a removed member, in virtual time', () => {
  it.each(seeds(2))('is heard by nobody who has read of its removal (seed %s)', async (seed) => {
    const faults = { ...ROUGH, lateMs: 20_000 }
    const { cost } = await simulate({ seed, size: 7, threshold: 4, faults, registryLateMs: 8_000 }, async (sim) => {
      await sim.clock.until('the mesh is full', 60_000, () => sim.isMeshed())
      const heard = listen(sim)
      keepSpeaking(sim)
      await sim.clock.runFor(10_000)
      const removed = sim.node(REMOVED)
      removed.disk.registry.outageSinceMs = sim.clock.now()
      keepReplaying(sim, heard)
      const acceptedUntilThen = heard.acceptedBefore
      removeFrom(sim, removed.publicKey)
      const others = sim.nodes.filter((n) => n !== removed)
      const areRid = () => others.every((n) => n.process?.gate.roleOf(removed.peerId) === 'none')
      await sim.clock.until('all have read it', 10_000, areRid)
      expect(others.filter((n) => sim.linksOf(n).has(removed.peerId))).toEqual([])
      await sim.clock.runFor(40_000)

      expect(heard.acceptedAfter).toBe(0)
      expect(heard.linkedAfter).toBe(0)
      // It was still heard by those who had not read yet, and its words did come to those who had.
      expect(heard.acceptedBefore).toBeGreaterThan(acceptedUntilThen)
      expect(heard.droppedAfter.get('author_role')).toBeGreaterThan(100)
      expect(sim.isMeshed(others)).toBe(true)
    })
    process.stderr.write(`${cost}\n`)
  })

  it('is cut off at once where its handshake passed the old gate and lands behind the new one', async () => {
    await simulate({ seed: 'race', size: 3, threshold: 2 }, async (sim) => {
      await sim.clock.until('the mesh is full', 30_000, () => sim.isMeshed())
      const [keeper, removed] = [sim.node(0), sim.node(2)]
      const areLinked = () => sim.linksOf(keeper).has(removed.peerId)
      sim.weather.cut(keeper.place, removed.place)
      await sim.clock.until('they have lost each other', 60_000, () => !areLinked())
      keeper.disk.registry.lateMs = 1
      const { host, gate } = sim.process(0)
      const knows = () => !gate.state.set?.keys.includes(removed.publicKey)
      // The chain moves right after the gate's last word on the next handshake of the removed member. Its own dials, which
      // the eviction would call off, this node keeps to itself.
      const { denyInboundUpgradedConnection } = host.gater
      host.gater.denyInboundUpgradedConnection = async (...c) => {
        const isDenied = await denyInboundUpgradedConnection?.(...c)
        if (!knows()) removeFrom(sim, removed.publicKey)
        return isDenied === true
      }
      host.gater.denyOutboundEncryptedConnection = async () => true
      let landed = 0
      host.connectionOpened.on(({ peerId }) => {
        if (peerId === removed.peerId && knows()) landed++
      })
      sim.weather.heal()
      await sim.clock.until('the handshake has landed', 30_000, () => landed > 0)
      expect(areLinked()).toBe(false)
    })
  })
})
