import { beforeEach, describe, expect, it } from 'vitest'
import { CodedError, LIMITS, type PublicKey } from '../../../../src/base/index.ts'
import { BEAT_ROUND, BEAT_STEP, type Beat, decodeBeat, encodeBeat } from '../../../../src/node/liveness/beat.ts'
import { Liveness, type OwnFacts } from '../../../../src/node/liveness/index.ts'
import type { Envelope, Topic, Utterance, Verdict } from '../../../../src/p2p/index.ts'
import { SCOPE } from '../../../fixtures/sets.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../../registry/support/ports.ts'
import { ANN, BEN, beatOf, DAN, OTHER_SET, OWN_SET, SELF } from './kit.ts'

const [self, ann, ben] = [SELF.publicKey, ANN.publicKey, BEN.publicKey]
const TOPIC: Topic = { network: 'testnet', scope: SCOPE, purpose: 'liveness' }
/** The longest that a beat may be due after the one before. */
const PERIOD_MS = LIMITS.heartbeatMs * 1.1

let clock: ManualClock
let logger: MemoryLogger
let metrics: CountingMetrics
let facts: OwnFacts | undefined
let said: Utterance[]
let handler: ((e: Envelope) => Verdict) | undefined
let publishing: () => Promise<void>
let overheard: Uint8Array[]
let told: PublicKey[]
let liveness: Liveness
let counter: number

const ownFacts = (over: Partial<OwnFacts> = {}): OwnFacts => {
  const { sentAtMs: _sent, doubleVoices: _voices, ...rest } = beatOf(0)
  return { ...rest, members: [self, ann, ben], ...over }
}
beforeEach(async () => {
  clock = new ManualClock()
  logger = new MemoryLogger()
  metrics = new CountingMetrics()
  facts = ownFacts()
  said = []
  handler = undefined
  overheard = []
  told = []
  counter = 0
  publishing = async () => {}
  liveness = new Liveness({
    ...{ self, network: TOPIC.network, scope: SCOPE, clock, logger, metrics },
    messenger: {
      join: (topic, onEnvelope) => {
        expect(topic).toEqual(TOPIC)
        handler = onEnvelope
        return () => {
          handler = undefined
        }
      },
      publish: async (topic, utterance) => {
        expect(topic).toEqual(TOPIC)
        said.push(utterance)
        await publishing()
        return envelope(self, utterance)
      },
      send: () => Promise.reject(new Error('heartbeats are gossip')),
      sendEach: () => {
        throw new Error('heartbeats are gossip')
      },
    },
    facts: () => facts,
    onDoubleVoice: (topic, wire) => {
      expect(topic).toEqual(TOPIC)
      overheard.push(wire)
    },
    tellEach: async (member) => void told.push(member),
    random: () => 1,
  })
  await liveness.start()
})
const envelope = (author: PublicKey, utterance: Utterance, over: Partial<Envelope> = {}): Envelope => ({
  ...{ ...utterance, topic: TOPIC, author, boot: 1, counter: counter++, expiresAtMs: 0 },
  ...{ wire: Uint8Array.from([counter]), via: 'gossip', ...over },
})
const utteranceOf = (beat: Beat): Utterance => ({
  ...{ round: BEAT_ROUND, attempt: 0, step: BEAT_STEP, payload: encodeBeat(beat) },
})
const hear = (author: PublicKey, over: Partial<Beat> = {}, at: Partial<Envelope> = {}) =>
  handler?.(envelope(author, utteranceOf(beatOf(clock.now(), over)), at))
const beats = () => said.map((u) => decodeBeat(u.payload)) as Beat[]
const warnings = () => logger.lines.filter((l) => l.level === 'warn').map((l) => l.message)

describe('own heartbeats', () => {
  it('should be said at once, then again and again, each in a slot of its own (R16)', () => {
    clock.advance(0)
    expect(said).toHaveLength(1)
    clock.advance(3 * PERIOD_MS)
    expect(said).toHaveLength(4)
    expect(said.map((u) => [u.round, u.step])).toEqual(Array(4).fill([BEAT_ROUND, BEAT_STEP]))
    expect(new Set(said.map((u) => u.attempt)).size).toBe(4)
  })
  it('should say what the node is now', () => {
    clock.advance(0)
    facts = ownFacts({ keyHeld: false, burnHeight: 9 })
    clock.advance(PERIOD_MS)
    expect(beats()[1]).toEqual(beatOf(clock.now(), { keyHeld: false, burnHeight: 9 }))
  })
  it('should be said at once when the set has changed, and only then', () => {
    clock.advance(LIMITS.minHeartbeatGapMs)
    liveness.refresh()
    clock.advance(0)
    expect(said).toHaveLength(1)
    facts = ownFacts({ setHash: OTHER_SET })
    liveness.refresh()
    clock.advance(0)
    expect(beats().map((b) => b.setHash)).toEqual([OWN_SET, OTHER_SET])
  })
  it('should go on though the wall clock is set back and somebody new is greeted then', () => {
    clock.advance(0)
    clock.jump(-900_000)
    liveness.greet()
    clock.advance(PERIOD_MS)
    expect(said.length).toBeGreaterThan(1)
  })
  it('should not be said more often than once a second, whatever happens', () => {
    clock.advance(0)
    for (let i = 0; i < 100; i++) {
      liveness.soon()
      clock.advance(10)
    }
    expect(said.length).toBeLessThanOrEqual(2)
  })
  it('should greet whoever connects, a moment later, and not be put off by who does so again and again', () => {
    clock.advance(LIMITS.minHeartbeatGapMs)
    liveness.greet()
    clock.advance(0)
    expect(said).toHaveLength(1)
    for (let i = 0; i < 10; i++) {
      clock.advance(LIMITS.minHeartbeatGapMs / 2)
      liveness.greet()
    }
    expect(said.length).toBeGreaterThan(3)
  })
  it('should not be said by a node that is no signer, nor be listened to', () => {
    facts = undefined
    liveness.refresh()
    liveness.soon()
    clock.advance(10 * PERIOD_MS)
    expect(said).toEqual([])
    expect(handler).toBeUndefined()
    expect(liveness.view().members.size).toBe(0)
  })
  it('should end at the very beat that finds the node removed', () => {
    clock.advance(0)
    facts = undefined
    clock.advance(10 * PERIOD_MS)
    expect(said).toHaveLength(1)
    expect(handler).toBeUndefined()
  })
  it('should begin again when the node comes back', () => {
    facts = undefined
    liveness.refresh()
    facts = ownFacts()
    liveness.refresh()
    clock.advance(0)
    expect(said).toHaveLength(1)
    expect(handler).toBeDefined()
  })
  it('should go on after one that could not be published, and count it', async () => {
    publishing = () => Promise.reject(new CodedError('NOT_STARTED', 'no network'))
    clock.advance(0)
    await Promise.resolve()
    await Promise.resolve()
    clock.advance(PERIOD_MS)
    expect(said).toHaveLength(2)
    expect(metrics.of('liveness_beats_unsent_total')).toBeGreaterThan(0)
  })
  it('should leave nothing behind when stopped', async () => {
    await liveness.stop()
    expect(clock.pending).toBe(0)
    expect(handler).toBeUndefined()
    liveness.refresh()
    expect(handler).toBeUndefined()
  })
})

describe("members' heartbeats", () => {
  it('should be kept and passed on', () => {
    expect(hear(ann)).toBe('accept')
    expect(liveness.view().members.get(ann)).toMatchObject({ sign: 'alive', beat: { burnHeight: 7 } })
    expect(metrics.of('liveness_members', 'alive')).toBe(1)
    expect(metrics.of('liveness_members', 'never')).toBe(1)
  })
  it('R14: should be rejected only for their shape', () => {
    const bad = envelope(ann, { ...utteranceOf(beatOf(0)), payload: Uint8Array.from([1, 2, 3]) })
    expect(handler?.(bad)).toBe('reject')
    expect(metrics.of('liveness_beats_received_total', 'malformed')).toBe(1)
  })
  it.each<[string, () => Verdict | undefined]>([
    ['of somebody who is no member', () => hear(DAN.publicKey)],
    ['of another round', () => handler?.(envelope(ann, { ...utteranceOf(beatOf(0)), round: 'ee'.repeat(32) }))],
    ['of another step', () => handler?.(envelope(ann, { ...utteranceOf(beatOf(0)), step: 'other' }))],
  ])('R14: should be ignored when %s', (_what, say) => {
    expect(say()).toBe('ignore')
    expect(liveness.view().members.get(ann)?.sign).toBe('never')
  })
  it('should name a member that acts by another set once per change, and its return', () => {
    hear(ann)
    for (let i = 0; i < 5; i++) hear(ann, { setHash: OTHER_SET })
    expect(warnings()).toEqual(['A member acts by another signer set than this node'])
    liveness.view()
    expect(metrics.of('liveness_diverging_members')).toBe(1)
    hear(ann)
    expect(logger.lines.at(-1)).toMatchObject({ level: 'info', fields: { member: ann } })
    hear(ann, { setHash: OTHER_SET })
    expect(warnings()).toHaveLength(2)
  })
  it('should name those that stay behind when this node changes, at their next beat', () => {
    hear(ann)
    facts = ownFacts({ setHash: OTHER_SET })
    liveness.refresh()
    expect(warnings()).toEqual([])
    hear(ann)
    hear(ann)
    expect(warnings()).toHaveLength(1)
  })
})

describe('R17: a key that speaks from two nodes', () => {
  const older = Uint8Array.from([9, 9])
  it('should be proven in the next beats with an envelope of each, for as long as both speak', () => {
    clock.advance(0)
    const newer = Uint8Array.from([8, 8])
    hear(ann, {}, { wire: newer })
    liveness.doubleVoice(ann, older)
    clock.advance(PERIOD_MS)
    expect(beats().at(-1)?.doubleVoices).toEqual([older, newer])
    expect(warnings()).toEqual(['Two nodes speak with the key of one member'])
    clock.advance(5 * PERIOD_MS)
    expect(beats().at(-1)?.doubleVoices).toEqual([])
  })
  it('should be proven by hand too, since gossip reaches only one of its nodes', async () => {
    clock.advance(0)
    hear(ann)
    hear(ben)
    liveness.doubleVoice(ann, older)
    clock.advance(LIMITS.minHeartbeatGapMs)
    await new Promise(setImmediate)
    expect(new Set(told)).toEqual(new Set([ann]))
  })
  it('should be found out by the second node, whom nobody hears by gossip, nor it anybody', async () => {
    hear(ann)
    clock.advance(LIMITS.silentAfterMs)
    await new Promise(setImmediate)
    expect(told).toEqual([])
    hear(ann)
    clock.advance(PERIOD_MS)
    await new Promise(setImmediate)
    expect(told).toEqual([ben])
  })
  it('should not fill a beat, whoever and how many are doubled', () => {
    for (const member of [ann, ben]) hear(member)
    for (const member of [ann, ben, DAN.publicKey]) liveness.doubleVoice(member, older)
    liveness.doubleVoice(ann, new Uint8Array(10_000))
    clock.advance(PERIOD_MS)
    expect(beats().at(-1)?.doubleVoices).toHaveLength(4)
  })
  it('should be looked at when others prove it, by whoever judges envelopes', () => {
    hear(ann, { doubleVoices: [older] })
    expect(overheard).toEqual([older])
    hear(DAN.publicKey, { doubleVoices: [older] })
    expect(overheard).toHaveLength(1)
  })
})
