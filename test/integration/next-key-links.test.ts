import { afterEach, describe, expect, it } from 'vitest'
import { asPendingId, utf8 } from '../../src/base/index.ts'
import type { Envelope, Topic, Transport } from '../../src/p2p/index.ts'
import { connectAll, makeHost, type TestHost, until } from '../unit/p2p/hosts.ts'
import { hash, keyPair, NETWORK, ROUND } from '../unit/p2p/kit.ts'

const topic: Topic = { network: NETWORK, scope: asPendingId(hash('pending')), purpose: 'keygen' }
const [oldKey, nextKey, peerKey] = [keyPair('old key'), keyPair('next key'), keyPair('peer')]
const everyone = [oldKey, nextKey, peerKey].map((k) => k.peerId)
const say = (text: string) => ({ round: ROUND, attempt: 0, step: 'share', payload: utf8(text) })

let running: TestHost[] = []
afterEach(async () => {
  for (const { host } of running) await host.stop()
  running = []
})
const start = async (...args: Parameters<typeof makeHost>): Promise<TestHost> => {
  const made = makeHost(...args)
  running.push(made)
  await made.host.start()
  return made
}

/** A member with a next key and another member, connected; each hears the topic. */
async function pair(transport: Transport) {
  const mover = await start(oldKey, everyone, [transport])
  const peer = await start(peerKey, everyone, [transport])
  const [atMover, atPeer]: [Envelope[], Envelope[]] = [[], []]
  const take = (heard: Envelope[]) => (e: Envelope) => {
    heard.push(e)
    return 'accept' as const
  }
  mover.host.messenger.join(topic, take(atMover))
  peer.host.messenger.join(topic, take(atPeer))
  await connectAll([mover, peer])
  return { mover, peer, atMover, atPeer }
}

describe.each<Transport>(['tcp', 'quic'])('a next key over the links of the current one, %s (R7)', (transport) => {
  it('R7: should speak and be reached over them, directly and by gossip, and only while it is carried', async () => {
    const { mover, peer, atMover, atPeer } = await pair(transport)
    const speaker = mover.host.speaker(nextKey)
    await expect(speaker.send(peerKey.publicKey, topic, say('unproven'))).rejects.toMatchObject({ code: 'REFUSED' })
    const stop = peer.host.carry(topic, nextKey.publicKey, oldKey.publicKey)
    await speaker.send(peerKey.publicKey, topic, say('share'))
    await peer.host.messenger.send(nextKey.publicKey, topic, say('answer'))
    expect(atPeer).toMatchObject([{ author: nextKey.publicKey, via: 'direct' }])
    expect(atMover).toMatchObject([{ author: peerKey.publicKey, via: 'direct' }])
    // Subscriptions travel on their own; the first words may come before them.
    await until('gossip of the next key', () => {
      void speaker.publish(topic, say('deal'))
      return atPeer.some((e) => e.author === nextKey.publicKey && e.via === 'gossip')
    })
    expect(atMover.filter((e) => e.author === nextKey.publicKey)).toEqual([])
    stop()
    await expect(speaker.send(peerKey.publicKey, topic, say('late'))).rejects.toMatchObject({ code: 'REFUSED' })
  })

  it('R16: should count on for one key, whoever asks for its speaker', async () => {
    const { mover } = await pair(transport)
    const first = await mover.host.speaker(nextKey).publish(topic, say('a'))
    const second = await mover.host.speaker(nextKey).publish(topic, say('b'))
    expect([second.boot, second.counter]).toEqual([first.boot, first.counter + 1])
  })

  it('R7: should be found by itself where the old key was, when that is closed', async () => {
    const { mover, peer } = await pair(transport)
    peer.host.carry(topic, nextKey.publicKey, oldKey.publicKey)()
    const listen = mover.host.addresses().map((a) => a.replace(/\/p2p\/.*$/, ''))
    await mover.host.stop()
    const closed = await peer.host.closePeer(oldKey.peerId)
    expect(closed).toBeDefined()
    // Told no address of it.
    peer.host.keepConnected([{ peerId: nextKey.peerId, addresses: [] }])
    const moved = await start(nextKey, everyone, [transport], listen)
    await until('the next key is dialled', () =>
      moved.host.connections().some((c) => c.peerId === peerKey.peerId && c.direction === 'inbound'),
    )
  })
})
