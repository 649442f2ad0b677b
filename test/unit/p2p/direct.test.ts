import { streamPair } from '@libp2p/utils'
import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS, type PeerIdStr, utf8 } from '../../../src/base/index.ts'
import { Direct } from '../../../src/p2p/direct.ts'
import { sealEnvelope } from '../../../src/p2p/envelope.ts'
import { Libp2pFrameStream } from '../../../src/p2p/frame-stream.ts'
import { type Envelope, type FrameStream, type StreamPort, topicName, type Verdict } from '../../../src/p2p/index.ts'
import { EnvelopeIntake } from '../../../src/p2p/intake.ts'
import { VirtualClock } from '../../simulator/virtual-clock.ts'
import { keyPair, logger, NETWORK, ROUND, TestClock, TestMetrics, TestRoles, TOPIC } from './kit.ts'

const alice = keyPair('alice')
const bob = keyPair('bob')
const clock = new TestClock()

/** Two StreamPorts joined by libp2p's stream pairs. */
class Wire {
  readonly #handlers = new Map<PeerIdStr, (stream: FrameStream) => Promise<void>>()
  readonly opened: Libp2pFrameStream[] = []
  down = false
  port(self: PeerIdStr): StreamPort {
    return {
      handle: async (_protocol, _max, onStream) => {
        this.#handlers.set(self, onStream)
        return async () => void this.#handlers.delete(self)
      },
      open: async (peer, protocol, max) => {
        const handler = this.#handlers.get(peer)
        if (handler === undefined || this.down) throw new CodedError('UNREACHABLE', 'away')
        const [near, far] = await streamPair({ protocol })
        const stream = new Libp2pFrameStream(near, peer, max)
        this.opened.push(stream)
        handler(new Libp2pFrameStream(far, self, max)).catch((e: Error) => far.abort(e))
        return stream
      },
    }
  }
}

async function bench() {
  const wire = new Wire()
  const heard: Envelope[] = []
  const answer = { verdict: 'accept' as Verdict }
  const make = async (self: typeof alice) => {
    const roles = new TestRoles(alice.peerId, bob.peerId)
    const common = { clock, logger, metrics: new TestMetrics(), roles }
    const intake = new EnvelopeIntake({ network: NETWORK, self: self.publicKey, boot: 1, ...common })
    intake.join(TOPIC, (e) => {
      heard.push(e)
      return answer.verdict
    })
    const direct = new Direct(wire.port(self.peerId), intake)
    await direct.start()
    return direct
  }
  return { wire, heard, answer, a: await make(alice), b: await make(bob) }
}
let counter = 0
const envelope = (author = alice) =>
  sealEnvelope(author, topicName(TOPIC), {
    round: ROUND,
    attempt: 0,
    step: 'share',
    boot: 1,
    counter: counter++,
    expiresAtMs: clock.now(),
    payload: utf8('secret'),
  })

describe('direct messages', () => {
  it('should reach the peer, acknowledged, on one kept stream', async () => {
    const { a, heard, wire } = await bench()
    await Promise.all([1, 2, 3].map(() => a.send(bob.peerId, topicName(TOPIC), envelope())))
    expect(heard.map((e) => e.via)).toEqual(['direct', 'direct', 'direct'])
    expect(wire.opened).toHaveLength(1)
  })
  it.each<Verdict>(['ignore', 'reject'])("should tell the sender of the receiver's %s", async (verdict) => {
    const { a, answer } = await bench()
    answer.verdict = verdict
    const sending = a.send(bob.peerId, topicName(TOPIC), envelope())
    await expect(sending).rejects.toMatchObject({ code: 'REFUSED', data: { verdict } })
  })
  it('R18: should refuse what another than the sender has said', async () => {
    const { a, heard } = await bench()
    const sending = a.send(bob.peerId, topicName(TOPIC), envelope(bob))
    await expect(sending).rejects.toMatchObject({ code: 'REFUSED', data: { verdict: 'reject' } })
    expect(heard).toHaveLength(0)
  })
  it('should refuse a replay', async () => {
    const { a, heard } = await bench()
    const wire = envelope()
    await a.send(bob.peerId, topicName(TOPIC), wire)
    const again = a.send(bob.peerId, topicName(TOPIC), wire)
    await expect(again).rejects.toMatchObject({ code: 'REFUSED', data: { verdict: 'ignore' } })
    expect(heard).toHaveLength(1)
  })
  it("should give up by the node's clock on a peer that takes the message and never acknowledges it", async () => {
    const { wire } = await bench()
    await wire.port(bob.peerId).handle('', 0, () => new Promise(() => {}))
    const virtual = new VirtualClock()
    const intake = { admit: () => ({ verdict: 'accept' as const }) }
    const sending = new Direct(wire.port(alice.peerId), intake, virtual).send(bob.peerId, topicName(TOPIC), envelope())
    const failed = expect(sending).rejects.toMatchObject({ code: 'DEADLINE' })
    await virtual.runFor(LIMITS.dialTimeoutMs)
    await failed
  })
  it('should answer garbage and go on', async () => {
    const { a, wire, heard } = await bench()
    await a.send(bob.peerId, topicName(TOPIC), envelope())
    await wire.opened[0]?.write(utf8('garbage'))
    await expect(a.send(bob.peerId, 'no topic', envelope())).rejects.toMatchObject({ code: 'REFUSED' })
    expect(heard).toHaveLength(1)
  })
  it('should reject every unacknowledged message when the stream breaks, and open another for the next', async () => {
    const { a, wire, heard } = await bench()
    await a.send(bob.peerId, topicName(TOPIC), envelope())
    const sending = a.send(bob.peerId, topicName(TOPIC), envelope())
    wire.opened[0]?.abort(new Error('cut'))
    await expect(sending).rejects.toMatchObject({ code: 'UNREACHABLE' })
    await a.send(bob.peerId, topicName(TOPIC), envelope())
    expect(wire.opened).toHaveLength(2)
    expect(heard.length).toBeGreaterThanOrEqual(2)
  })
  it('should lose no message when the stream is retired for another connection, and end it after the last answer', async () => {
    const { a, wire, heard } = await bench()
    await a.send(bob.peerId, topicName(TOPIC), envelope())
    const [first] = wire.opened
    const ended = Promise.withResolvers<void>()
    if (first !== undefined) {
      const close = first.close.bind(first)
      first.close = async () => {
        ended.resolve()
        await close()
      }
    }
    const underWay = [1, 2, 3].map(() => a.send(bob.peerId, topicName(TOPIC), envelope()))
    first?.retire()
    const after = a.send(bob.peerId, topicName(TOPIC), envelope())
    await Promise.all([...underWay, after, ended.promise])
    expect(heard).toHaveLength(5)
    expect(wire.opened).toHaveLength(2)
  })
  it('should end a retired stream on which nothing is under way', async () => {
    const { a, wire } = await bench()
    await a.send(bob.peerId, topicName(TOPIC), envelope())
    wire.opened[0]?.retire()
    await expect
      .poll(() =>
        wire.opened[0]?.write(utf8('x')).then(
          () => 'open',
          (e: CodedError) => e.code,
        ),
      )
      .toMatch(/STREAM_CLOSED|STREAM_RESET|UNREACHABLE/)
  })
  it('should say that a peer is unreachable, and try afresh the next time', async () => {
    const { a, wire } = await bench()
    wire.down = true
    const sending = a.send(bob.peerId, topicName(TOPIC), envelope())
    await expect(sending).rejects.toMatchObject({ code: 'UNREACHABLE' })
    wire.down = false
    await a.send(bob.peerId, topicName(TOPIC), envelope())
  })
  it('should stop waiting when told to', async () => {
    const { a, answer } = await bench()
    answer.verdict = 'accept'
    const sending = a.send(bob.peerId, topicName(TOPIC), envelope(), AbortSignal.abort(new Error('enough')))
    await expect(sending).rejects.toThrow('enough')
  })
})
