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
let pauses: unknown[]
beforeEach(() => {
  clock = new TestClock()
  metrics = new TestMetrics()
  pauses = []
  flow = new InboundFlow(clock, metrics, (...pause) => pauses.push(pause))
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
  it('should say whom it pauses, and why', () => {
    streamOf(bob).says(2 * LIMITS.gossipBurstBytes)
    flow.tooMany(alice)
    flow.tooMany(alice)
    expect(pauses).toEqual([
      [bob, 'bytes'],
      [alice, 'messages'],
    ])
  })
  it('should leave a stream alone that has ended meanwhile', () => {
    const stream = streamOf(alice)
    flow.tooMany(alice)
    stream.readStatus = 'closed'
    clock.advance(1_000)
    expect(stream.readStatus).toBe('closed')
  })
})

describe('incident 7: what the frames of one peer hold', () => {
  const isHeld = async (peer: PeerIdStr) => {
    let isOn = false
    void flow.nextFrame(peer).then(() => {
      isOn = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    return !isOn
  }

  it('should be read on up to the burst, each frame being one, and wait beyond it', async () => {
    const stream = streamOf(alice)
    flow.spend(alice, LIMITS.gossipBurstEntries - 2)
    expect([await isHeld(alice), await isHeld(alice)]).toEqual([false, false])
    expect(await isHeld(alice)).toBe(true)
    expect(stream.readStatus).toBe('paused')
    expect(metrics.count('p2p_gossip_paused_total{entries}')).toBe(1)
  })
  it('should go on when what was too much has been earned, and not before', async () => {
    const stream = streamOf(alice)
    flow.spend(alice, LIMITS.gossipBurstEntries + LIMITS.gossipEntriesPerSecond - 1)
    const next = flow.nextFrame(alice)
    let isOn = false
    void next.then(() => {
      isOn = true
    })
    clock.advance(999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOn).toBe(false)
    clock.advance(1)
    await next
    expect(stream.readStatus).toBe('readable')
  })
  it('should wait for longer where more came while they waited', async () => {
    flow.spend(alice, LIMITS.gossipBurstEntries + LIMITS.gossipEntriesPerSecond - 1)
    const next = flow.nextFrame(alice)
    flow.spend(alice, LIMITS.gossipEntriesPerSecond)
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(metrics.count('p2p_gossip_paused_total{entries}')).toBe(2)
    clock.advance(1_000)
    await next
  })
  it('should hold nobody else, nor anybody who stays within his rate', async () => {
    flow.spend(alice, 10 * LIMITS.gossipBurstEntries)
    expect(await isHeld(bob)).toBe(false)
    for (let i = 0; i < 20; i++) {
      flow.spend(bob, LIMITS.gossipEntriesPerSecond - 1)
      clock.advance(1_000)
      expect(await isHeld(bob)).toBe(false)
    }
  })
  it('should wait no longer when the peer is forgotten for others', async () => {
    flow.spend(alice, 10 * LIMITS.gossipBurstEntries)
    const next = flow.nextFrame(alice)
    for (let i = 0; i < 4 * LIMITS.maxSigners; i++) flow.spend(`peer ${i}` as PeerIdStr, 1)
    clock.advance(60_000)
    await next
  })
})

describe('R13: charging forwarders in front of the library', () => {
  const frame = (...topics: string[]) => ({ messages: topics.map((topic) => ({ topic })), subscriptions: ['s'] })
  type Handled = ReturnType<typeof frame>
  /** As the library does: decodes each frame that it gets, and handles what it could read. */
  class Router {
    readonly handled: unknown[] = []
    readonly read: unknown[] = []
    async handleReceivedRpc(_from: unknown, f: unknown) {
      this.handled.push(f)
    }
    async pipePeerReadStream(from: unknown, frames: AsyncIterable<Handled | 'junk'>) {
      for await (const f of frames) {
        this.read.push(f)
        if (f !== 'junk') void this.handleReceivedRpc(from, f)
      }
    }
  }
  let router: Router
  let asked: unknown[]
  let tooMany: PeerIdStr[]
  let spent: number[]
  let hold: Promise<void> | undefined
  let takes: () => boolean
  beforeEach(() => {
    router = new Router()
    asked = []
    tooMany = []
    spent = []
    hold = undefined
    takes = () => true
    chargeForwarders(router, {
      takes: (...all) => {
        asked.push(all)
        return takes()
      },
      tooMany: (peer) => tooMany.push(peer),
      nextFrame: async () => hold,
      spend: (_peer, entries) => spent.push(entries),
    })
  })
  async function* stream(...frames: (Handled | 'junk')[]) {
    yield* frames
  }

  it('should take out of a frame what is not paid for, and leave the rest of it', async () => {
    let tokens = 2
    takes = () => tokens-- > 0
    await router.handleReceivedRpc(alice, frame('1', '2', '3'))
    await router.handleReceivedRpc(alice, frame('4'))
    expect(router.handled).toEqual([frame('1', '2'), frame()])
    expect(tooMany).toEqual([alice, alice])
  })
  it('should ask for each message by its topic, and say how many of its frame are taken before it', async () => {
    takes = () => asked.length !== 2
    await router.handleReceivedRpc(alice, frame('1', '2', '3'))
    expect(asked).toEqual([
      [alice, '1', 0],
      [alice, '2', 1],
      [alice, '3', 1],
    ])
  })
  it('should say nothing of a peer that pays', async () => {
    await router.handleReceivedRpc(alice, frame('1'))
    expect(tooMany).toEqual([])
  })
  it.each([
    ['messages and subscriptions', { ...frame('1', '2'), subscriptions: ['s', 't', 'u'] }, 5],
    ['each entry of its control part', { ...frame(), control: { graft: [{}, {}], prune: [{}], ihave: [] } }, 4],
    ['ids, which cost less', { ...frame(), control: { ihave: [{ messageIDs: Array(80).fill('') }] } }, 12],
    ['nothing', { messages: [] }, 0],
  ])('incident 7: should charge for what is in a frame: %s', async (_what, f, entries) => {
    await router.handleReceivedRpc(alice, f)
    expect(spent).toEqual([entries])
  })
  it('incident 7: should charge for a frame that can not be read, and for no other', async () => {
    await router.pipePeerReadStream(alice, stream(frame('1'), 'junk', frame()))
    expect(spent).toEqual([2, 512, 1])
  })
  it('incident 7: should let no frame in before its forwarder may go on', async () => {
    const gate = Promise.withResolvers<void>()
    hold = gate.promise
    const end = router.pipePeerReadStream(alice, stream(frame('1')))
    await new Promise((resolve) => setImmediate(resolve))
    expect(router.read).toEqual([])
    gate.resolve()
    await end
    expect(router.read).toHaveLength(1)
  })
  it('incident 7: should let everything else have a turn between two frames', async () => {
    const readThen: number[] = []
    setImmediate(() => readThen.push(router.read.length))
    await router.pipePeerReadStream(alice, stream(frame('1'), frame('2'), frame('3')))
    expect(readThen).toEqual([1])
  })
  it.each(['handleReceivedRpc', 'pipePeerReadStream'])('should refuse a library that has no step %s', (step) => {
    const changed = { handleReceivedRpc: async () => {}, pipePeerReadStream: async () => {}, [step]: undefined }
    const toll = { takes: () => true, tooMany: () => {}, nextFrame: async () => {}, spend: () => {} }
    expect(() => chargeForwarders(changed, toll)).toThrow(/pin the known version/)
  })
})
