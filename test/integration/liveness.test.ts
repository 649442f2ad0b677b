import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, LIMITS, noMetrics, silentLogger, systemClock } from '../../src/base/index.ts'
import { type KeyPair, peerIdOfKey } from '../../src/curve/index.ts'
import { BEAT_ROUND, BEAT_STEP, encodeBeat } from '../../src/node/liveness/beat.ts'
import { KeyElsewhere, Liveness } from '../../src/node/liveness/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type Topic, topicName } from '../../src/p2p/index.ts'
import { SCOPE } from '../fixtures/sets.ts'
import { beatOf, OTHER_SET } from '../unit/node/liveness/kit.ts'
import { connectAll, makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, NETWORK } from '../unit/p2p/kit.ts'
import { rawNode } from '../unit/p2p/raw-node.ts'

const TOPIC: Topic = { network: NETWORK, scope: SCOPE, purpose: 'liveness' }
const NAME = topicName(TOPIC)
const keys = ['k', 'a', 'b', 'c'].map(keyPair) as [KeyPair, KeyPair, KeyPair, KeyPair]
const ids = keys.map((k) => k.peerId)

/** Real timers, and a time of day that runs ahead as the test says: what takes minutes is played in seconds. */
let aheadMs: number
const clock: Clock = {
  ...systemClock,
  now: () => Date.now() + aheadMs,
  monotonicMs: () => performance.now() + aheadMs,
}
const stops: (() => Promise<void>)[] = []
let beating: ReturnType<typeof setInterval>
let nodes: Node[]

interface Node extends TestHost {
  readonly liveness: Liveness
  readonly elsewhere: KeyElsewhere
  claims: ReturnType<typeof beatOf>['setHash']
}

beforeEach(() => {
  aheadMs = 0
  nodes = []
  // Each beats five times a second, and each time two seconds have passed.
  beating = setInterval(() => {
    aheadMs += 2_000
    for (const { liveness } of nodes) liveness.soon()
  }, 200)
})
afterEach(async () => {
  clearInterval(beating)
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(key: KeyPair, boot = clock.now()): Promise<Node> {
  const elsewhere = new KeyElsewhere({ clock, logger: silentLogger, metrics: noMetrics })
  const made = makeHost(key, ids, ['tcp'], undefined, {
    ...{ clock, boot },
    onOwnKeyElsewhere: (b) => elsewhere.heard(b),
    onMemberClock: (member, ms) => node.liveness.clockSeen(member, ms),
    onDoubleVoice: (member, wire) => node.liveness.doubleVoice(member, wire),
  })
  const liveness = new Liveness({
    ...{ self: key.publicKey, network: NETWORK, scope: SCOPE, messenger: made.host.messenger },
    facts: () => {
      const { sentAtMs: _sent, doubleVoices: _voices, ...facts } = beatOf(0, { setHash: node.claims })
      return { ...facts, members: keys.map((k) => k.publicKey) }
    },
    onDoubleVoice: (topic, wire) => made.host.overheard(topic, wire),
    tellEach: (member, topic, wire) => made.host.tellEach(peerIdOfKey(member), topic, wire),
    ...{ clock, logger: silentLogger, metrics: noMetrics },
  })
  const node: Node = { ...made, liveness, elsewhere, claims: beatOf(0).setHash }
  await made.host.start()
  await liveness.start()
  nodes.push(node)
  stops.push(async () => {
    await liveness.stop()
    await made.host.stop()
  })
  return node
}
const viewOf = (node: Node, of: KeyPair) => node.liveness.view().members.get(of.publicKey)
const areAllAlive = () =>
  nodes.every((n) => keys.filter((k) => k !== n.key).every((k) => viewOf(n, k)?.sign === 'alive'))

describe('heartbeats between real hosts', () => {
  it('should tell who is alive, who is only connected, and who acts by another set', async () => {
    const [k, a, b] = [await start(keys[0]), await start(keys[1]), await start(keys[2]), await start(keys[3])] as [
      Node,
      Node,
      Node,
      Node,
    ]
    await connectAll(nodes)
    await until('all hear all', areAllAlive)

    b.claims = OTHER_SET
    await until('the divergence is seen', () => viewOf(a, b.key)?.divergesSinceMs !== undefined)
    expect(viewOf(a, k.key)?.divergesSinceMs).toBeUndefined()

    nodes.splice(nodes.indexOf(k), 1)
    await k.liveness.stop()
    await until('the silent one is seen', () => viewOf(a, k.key)?.overdue === true)
    expect(viewOf(a, k.key)?.sign).toBe('silent')
    expect(a.host.connections().some((c) => c.peerId === k.host.peerId)).toBe(true)
    expect(viewOf(a, b.key)?.sign).toBe('alive')
  })
})

describe('R17: two nodes of one key', () => {
  it('should both stop, and nobody else', async () => {
    const first = await start(keys[0])
    const others = [await start(keys[1]), await start(keys[2]), await start(keys[3])]
    await connectAll(nodes)
    await until('all hear all', areAllAlive)

    const second = await start(keys[0])
    second.host.keepConnected(others.map((o) => ({ peerId: o.host.peerId, addresses: o.host.addresses() })))
    await until('both have stopped', () => first.elsewhere.stopped && second.elsewhere.stopped)
    expect(others.map((o) => o.elsewhere.stopped)).toEqual([false, false, false])
    const guarded = second.elsewhere.guard(second.host.messenger)
    const said = { round: '11'.repeat(32), attempt: 0, step: 'open', payload: new Uint8Array() }
    await expect(guarded.publish({ ...TOPIC, purpose: 'sign' }, said)).rejects.toMatchObject({
      code: 'KEY_IN_USE_ELSEWHERE',
    })
  })

  it('should not be made believe by its own old words, however they come back', async () => {
    const boot = clock.now()
    const sealed = (counter: number) =>
      sealEnvelope(keys[0], NAME, {
        ...{ round: BEAT_ROUND, attempt: counter, step: BEAT_STEP, payload: encodeBeat(beatOf(clock.now())) },
        ...{ boot, counter, expiresAtMs: clock.now() + LIMITS.envelopeTtlMs },
      })
    // Said by the process before, up to the moment of its end.
    const old = [sealed(1), sealed(2)]
    aheadMs += 1_000
    const restarted = await start(keys[0])
    const raw = await rawNode(keys[1], restarted.host.addresses())
    stops.push(async () => void (await raw.libp2p.stop()))
    let counter = 1
    const attackerSays = () =>
      raw.publish(
        NAME,
        sealEnvelope(keys[1], NAME, {
          ...{ round: BEAT_ROUND, attempt: counter, step: BEAT_STEP },
          payload: encodeBeat(beatOf(clock.now(), { doubleVoices: old })),
          ...{ boot: 1, counter: counter++, expiresAtMs: clock.now() + LIMITS.envelopeTtlMs },
        }),
      )
    const end = clock.now() + LIMITS.envelopeTtlMs + 2 * LIMITS.clockSkewMs
    while (clock.now() < end) {
      // Nobody is to be found silent here: time may run faster still.
      aheadMs += 2_000
      for (const wire of old) await raw.publish(NAME, wire)
      await attackerSays()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(restarted.metrics.count('p2p_messages_dropped_total{own_key,gossip}')).toBeGreaterThan(20)
    expect(restarted.elsewhere.view).toBeUndefined()
  })
})
