import { expect, test } from 'vitest'
import type { KeyPair } from '../../src/curve/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { topicName } from '../../src/p2p/topic.ts'
import { makeHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC } from '../unit/p2p/kit.ts'
import { rawNode } from '../unit/p2p/raw-node.ts'

const COUNT = 200
/** With a signature that does not verify. */
const spoilt = (wire: Uint8Array): Uint8Array => wire.with(-1, (wire.at(-1) ?? 0) ^ 1)

test('incident 7: valid messages of one member that come all at once are checked a few in each turn of the loop', async () => {
  const [a, b] = [keyPair('turns a'), keyPair('turns b')]
  const { host } = makeHost(a, [b.peerId], ['tcp'])
  let heard = 0
  let inThisTurn = 0
  let mostInOneTurn = 0
  const countTurn = () => {
    mostInOneTurn = Math.max(mostInOneTurn, inThisTurn)
    inThisTurn = 0
  }
  host.messenger.join(TOPIC, () => {
    heard++
    if (inThisTurn++ === 0) setImmediate(countTurn)
    return 'accept'
  })
  await host.start()
  const raw = await rawNode(b, host.addresses())
  try {
    const name = topicName(TOPIC)
    await until('the host subscribes', () => raw.gossip.getSubscribers(name).length > 0)
    const fields = { round: ROUND, attempt: 0, step: 'flood', payload: new Uint8Array(8), boot: Date.now() }
    const all = Array.from({ length: COUNT }, (_, counter) =>
      sealEnvelope(b, name, { ...fields, counter, expiresAtMs: Date.now() + 100_000 }),
    )
    await Promise.all(all.map((data) => raw.gossip.publish(name, data)))
    await until('all are heard', () => heard === COUNT)
    // What is left of one turn, and the next one before an immediate has run.
    expect(mostInOneTurn).toBeLessThanOrEqual(8)
  } finally {
    await raw.libp2p.stop()
    await host.stop()
  }
}, 60_000)

test('incident 7: an honest message behind the junk of one frame is taken from whoever brings it next', async () => {
  const [a, b, c, d] = [keyPair('turns a'), keyPair('turns b'), keyPair('turns c'), keyPair('turns d')]
  const { host, metrics } = makeHost(a, [b.peerId, c.peerId, d.peerId], ['tcp'])
  const heard: string[] = []
  host.messenger.join(TOPIC, (e) => {
    heard.push(e.author)
    return 'accept'
  })
  await host.start()
  const [bad, good] = [await rawNode(b, host.addresses()), await rawNode(c, host.addresses())]
  try {
    const name = topicName(TOPIC)
    const fields = { round: ROUND, attempt: 0, step: 'flood', payload: new Uint8Array(8), boot: Date.now() }
    const sealed = (key: KeyPair, counter: number) =>
      sealEnvelope(key, name, { ...fields, counter, expiresAtMs: Date.now() + 100_000 })
    const junk = Array.from({ length: 600 }, (_, counter) => spoilt(sealed(b, counter)))
    const honest = sealed(d, 0)
    const messages = [...junk, honest].map((data) => ({ topic: name, data }))
    for (const { gossip } of [bad, good])
      await until('the host subscribes', () => gossip.getSubscribers(name).length > 0)
    // One frame; its public face makes one of each message.
    Reflect.get(bad.gossip, 'sendRpc').call(bad.gossip, host.peerId, { subscriptions: [], messages })
    const dropped = () => metrics.count('p2p_messages_dropped_total{forwarder_backlog,gossip}')
    await until('the frame is looked at', () => dropped() > 0)
    await good.publish(name, honest)
    await until('it is heard', () => heard.length > 0)
    expect(heard).toEqual([d.publicKey])
    expect(dropped()).toBe(messages.length - 512)
  } finally {
    await bad.libp2p.stop()
    await good.libp2p.stop()
    await host.stop()
  }
}, 60_000)

test('incident 7: frames that hold nothing, or what nobody can read, are read later from who sends too many', async () => {
  const [a, b] = [keyPair('turns a'), keyPair('turns b')]
  for (const frame of [new Uint8Array(), Uint8Array.of(0xff)]) {
    const { host, metrics } = makeHost(a, [b.peerId], ['tcp'])
    let heard = 0
    host.messenger.join(TOPIC, () => {
      heard++
      return 'accept'
    })
    await host.start()
    const raw = await rawNode(b, host.addresses())
    try {
      const name = topicName(TOPIC)
      await until('the host subscribes', () => raw.gossip.getSubscribers(name).length > 0)
      const stream: { push(frame: Uint8Array): void } = Reflect.get(raw.gossip, 'streamsOutbound').get(host.peerId)
      for (let i = 0; i < 3_000; i++) stream.push(frame)
      await until('the reading is paused', () => metrics.count('p2p_gossip_paused_total{entries}') > 0)
      // Later, not never: what was said behind them is heard.
      const fields = { round: ROUND, attempt: 0, step: 'flood', payload: new Uint8Array(8), boot: Date.now() }
      if (frame.length === 0)
        await raw.publish(name, sealEnvelope(b, name, { ...fields, counter: 0, expiresAtMs: Date.now() + 100_000 }))
      await until('it is heard', () => heard > 0 || frame.length > 0)
    } finally {
      await raw.libp2p.stop()
      await host.stop()
    }
  }
}, 120_000)
