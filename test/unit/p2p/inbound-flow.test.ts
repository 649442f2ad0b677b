import type { Stream } from '@libp2p/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { chargeForwarders } from '../../../src/p2p/charge-forwarders.ts'
import { InboundFlow } from '../../../src/p2p/inbound-flow.ts'
import { keyPair, TestClock, TestMetrics } from './kit.ts'

const alice = keyPair('alice').peerId
const bob = keyPair('bob').peerId

class FakeStream extends EventTarget {
  readStatus = 'readable'
  pause() {
    this.readStatus = 'paused'
  }
  resume() {
    this.readStatus = 'readable'
  }
  says(bytes: number) {
    this.dispatchEvent(Object.assign(new Event('message'), { data: { byteLength: bytes } }))
  }
}

let clock: TestClock
let metrics: TestMetrics
let flow: InboundFlow
beforeEach(() => {
  clock = new TestClock()
  metrics = new TestMetrics()
  flow = new InboundFlow(clock, metrics)
})
function streamOf(peer: PeerIdStr): FakeStream {
  const stream = new FakeStream()
  flow.watch(stream as unknown as Stream, peer)
  return stream
}

describe('incident 7: gossip that is read from one peer', () => {
  it('should be read on up to the burst, and paused beyond it', () => {
    const stream = streamOf(alice)
    stream.says(LIMITS.gossipBurstBytes)
    expect(stream.readStatus).toBe('readable')
    stream.says(1)
    expect(stream.readStatus).toBe('paused')
    expect(metrics.count('p2p_gossip_paused_total{bytes}')).toBe(1)
  })
  it('should go on when what was too much has been earned, and not before', () => {
    const stream = streamOf(alice)
    stream.says(LIMITS.gossipBurstBytes + 2 * LIMITS.gossipBytesPerSecond)
    clock.advance(1_999)
    expect(stream.readStatus).toBe('paused')
    clock.advance(1)
    expect(stream.readStatus).toBe('readable')
  })
  it('should not pause a peer that stays within its rate, for ever', () => {
    const stream = streamOf(alice)
    for (let i = 0; i < 100; i++) {
      stream.says(LIMITS.gossipBytesPerSecond)
      clock.advance(1_000)
    }
    expect(stream.readStatus).toBe('readable')
  })
  it('should not pause anybody else', () => {
    const [loud, other] = [streamOf(alice), streamOf(bob)]
    loud.says(2 * LIMITS.gossipBurstBytes)
    expect([loud.readStatus, other.readStatus]).toEqual(['paused', 'readable'])
  })
  it('should not be escaped from by another stream', () => {
    streamOf(alice).says(2 * LIMITS.gossipBurstBytes)
    expect(streamOf(alice).readStatus).toBe('paused')
  })
  it('should pause a peer with too many messages, once until it goes on', () => {
    const stream = streamOf(alice)
    flow.tooMany(alice)
    flow.tooMany(alice)
    expect(stream.readStatus).toBe('paused')
    expect(metrics.count('p2p_gossip_paused_total{messages}')).toBe(1)
    clock.advance(1_000)
    expect(stream.readStatus).toBe('readable')
  })
  it('should leave a stream alone that has ended meanwhile', () => {
    const stream = streamOf(alice)
    flow.tooMany(alice)
    stream.readStatus = 'closed'
    clock.advance(1_000)
    expect(stream.readStatus).toBe('closed')
  })
})

describe('R13: charging forwarders in front of the library', () => {
  const frame = (...topics: string[]) => ({ messages: topics.map((topic) => ({ topic })), subscriptions: ['s'] })
  function router() {
    const handled: unknown[] = []
    return { handled, handleReceivedRpc: async (_from: unknown, f: unknown) => void handled.push(f) }
  }

  it('should take out of a frame what is not paid for, and leave the rest of it', async () => {
    const r = router()
    let tokens = 2
    const tooMany: PeerIdStr[] = []
    chargeForwarders(
      r,
      () => tokens-- > 0,
      (peer) => tooMany.push(peer),
    )
    await r.handleReceivedRpc(alice, frame('1', '2', '3'))
    await r.handleReceivedRpc(alice, frame('4'))
    expect(r.handled).toEqual([frame('1', '2'), frame()])
    expect(tooMany).toEqual([alice, alice])
  })
  it('should ask for each message by its topic, and say how many of its frame are taken before it', async () => {
    const r = router()
    const asked: unknown[] = []
    chargeForwarders(
      r,
      (...all) => asked.push(all) !== 2,
      () => {},
    )
    await r.handleReceivedRpc(alice, frame('1', '2', '3'))
    expect(asked).toEqual([
      [alice, '1', 0],
      [alice, '2', 1],
      [alice, '3', 1],
    ])
  })
  it('should say nothing of a peer that pays', async () => {
    const r = router()
    const tooMany: PeerIdStr[] = []
    chargeForwarders(
      r,
      () => true,
      (peer) => tooMany.push(peer),
    )
    await r.handleReceivedRpc(alice, frame('1'))
    expect(tooMany).toEqual([])
  })
  it('should refuse a library that has no such step', () => {
    expect(() =>
      chargeForwarders(
        {},
        () => true,
        () => {},
      ),
    ).toThrow(/pin the known version/)
  })
})
