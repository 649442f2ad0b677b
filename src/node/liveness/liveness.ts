import {
  type Cancel,
  type Clock,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PublicKey,
  type SetHash,
  type Startable,
} from '../../base/index.ts'
import type { Envelope, Messenger, Topic, Verdict } from '../../p2p/index.ts'
import { BEAT_ROUND, BEAT_STEP, type Beat, decodeBeat, encodeBeat } from './beat.ts'
import type { ClockView } from './clock-check.ts'
import { DoubleVoices } from './double-voices.ts'
import { type BeatResult, LivenessMeters } from './meters.ts'
import { LivenessTracker, type MemberLiveness } from './tracker.ts'

/** How much a beat may come early or late, so that members that started together don't speak together for ever. */
const JITTER = 0.1

/** What this node is at this moment, as long as it is a signer. */
export interface OwnFacts extends Omit<Beat, 'sentAtMs' | 'doubleVoices'> {
  /** All members of the set, this node among them. */
  readonly members: readonly PublicKey[]
}

export interface LivenessInit {
  readonly self: PublicKey
  readonly network: string
  /** `registryScope`: the topic outlives every set. */
  readonly scope: SetHash
  readonly messenger: Messenger
  /** Undefined while this node is not a signer: then it says nothing, and expects nobody. */
  readonly facts: () => OwnFacts | undefined
  /** Somebody passes on what was said with a member's key; may be our own (R17). Checks it itself. */
  readonly onDoubleVoice: (topic: Topic, wire: Uint8Array) => void
  /** Hands a beat to every node of a member's key, wherever its connections end. */
  readonly tellEach: (member: PublicKey, topic: Topic, wire: Uint8Array) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly random?: () => number
}

export interface LivenessView {
  readonly members: ReadonlyMap<PublicKey, MemberLiveness>
  readonly clock: ClockView
}

/** Signed heartbeats over gossip: connected is not alive, and a member that acts by another set is named (R16, R17). */
export class Liveness implements Startable {
  readonly #c: LivenessInit
  readonly #logger: Logger
  readonly #topic: Topic
  readonly #tracker: LivenessTracker
  readonly #voices: DoubleVoices
  readonly #meters: LivenessMeters
  #running = false
  #leave: (() => void) | undefined
  /** What each diverging member was last named for: own and claimed set. */
  readonly #named = new Map<PublicKey, string>()
  #ownSet: SetHash | undefined
  #beats = 0
  #lastBeatAtMs = Number.NEGATIVE_INFINITY
  #timer: Cancel = () => {}
  #dueAtMs = Number.POSITIVE_INFINITY

  constructor(init: LivenessInit) {
    this.#c = init
    this.#logger = init.logger.child('liveness')
    this.#topic = { network: init.network, scope: init.scope, purpose: 'liveness' }
    this.#tracker = new LivenessTracker(init.clock)
    this.#voices = new DoubleVoices(init.clock)
    this.#meters = new LivenessMeters(init.metrics)
  }

  async start(): Promise<void> {
    this.#running = true
    this.refresh()
  }
  async stop(): Promise<void> {
    this.#running = false
    this.#timer()
    this.#leave?.()
    this.#leave = undefined
  }

  view(): LivenessView {
    const view = { members: this.#tracker.members(), clock: this.#tracker.clock() }
    this.#meters.show(view.members.values(), view.clock)
    return view
  }

  /** After the set or this node's place in it may have changed. A change is said at once. */
  refresh(): void {
    if (!this.#running) return
    const facts = this.#c.facts()
    const others = (facts?.members ?? []).filter((key) => key !== this.#c.self)
    this.#tracker.expect(others, facts?.setHash)
    this.#voices.keep(others)
    for (const key of this.#named.keys()) if (!others.includes(key)) this.#named.delete(key)
    if (facts?.setHash === this.#ownSet && (facts === undefined) === (this.#leave === undefined)) return
    this.#ownSet = facts?.setHash
    if (facts === undefined) {
      this.#timer()
      this.#dueAtMs = Number.POSITIVE_INFINITY
      this.#leave?.()
      this.#leave = undefined
      return
    }
    this.#leave ??= this.#c.messenger.join(this.#topic, (envelope) => this.#receive(envelope))
    this.soon()
  }

  /** A beat at once: something changed that others should see before the next one is due. */
  soon(): void {
    this.#beatBy(this.#c.clock.monotonicMs())
  }
  /** Somebody new is connected, and will listen when gossip has found its way. */
  greet(): void {
    this.#beatBy(this.#c.clock.monotonicMs() + LIMITS.minHeartbeatGapMs)
  }

  /** A member's clock as the intake saw it: with a clock that is very wrong, no beat would pass. */
  clockSeen(author: PublicKey, offsetMs: number): void {
    this.#tracker.clockSeen(author, offsetMs)
  }

  /** R17: an envelope of a member's older boot, said after its newer one began. */
  doubleVoice(author: PublicKey, wire: Uint8Array): void {
    this.#meters.doubleVoice()
    if (!this.#voices.older(author, wire)) return
    this.#logger.warn('Two nodes speak with the key of one member', { member: author })
    this.soon()
  }

  /** Never later than it is due anyway: whoever comes again and again must not put it off. */
  #beatBy(atMs: number): void {
    const now = this.#c.clock.monotonicMs()
    const byMs = Math.max(atMs, this.#lastBeatAtMs + LIMITS.minHeartbeatGapMs, now)
    if (this.#leave !== undefined && byMs < this.#dueAtMs) this.#beatAfter(byMs - now)
  }

  #beatAfter(delayMs: number): void {
    this.#timer()
    this.#dueAtMs = this.#c.clock.monotonicMs() + delayMs
    this.#timer = this.#c.clock.after(delayMs, () => this.#beat())
  }

  #beat(): void {
    const { clock, messenger, random = Math.random } = this.#c
    const facts = this.#c.facts()
    if (facts === undefined) {
      this.refresh()
      return
    }
    this.#lastBeatAtMs = clock.monotonicMs()
    this.#beatAfter(LIMITS.heartbeatMs * (1 + JITTER * (2 * random() - 1)))
    const payload = encodeBeat({ ...facts, sentAtMs: clock.now(), doubleVoices: this.#voices.proofs() })
    const utterance = { round: BEAT_ROUND, attempt: this.#beats++, step: BEAT_STEP, payload }
    messenger.publish(this.#topic, utterance).then(
      ({ wire }) => this.#tellByHand(wire),
      (error: unknown) => {
        this.#meters.unsent()
        this.#logger.warn('A heartbeat could not be published', { error: describeError(error) })
      },
    )
  }

  /**
   * Where gossip may not reach, by hand: to doubled members, because a proof must come to both of their nodes; and to those
   * that are not heard, because it may be this node that is the second of its key: the members' gossip all goes to the first,
   * and nobody subscribes here (R17).
   */
  #tellByHand(wire: Uint8Array): void {
    const unheard = [...this.#tracker.members()].filter(([, m]) => m.overdue).map(([key]) => key)
    for (const member of new Set([...this.#voices.told(), ...unheard]))
      this.#c.tellEach(member, this.#topic, wire).catch((error: unknown) => {
        this.#logger.debug('A member could not be told by hand', { member, error: describeError(error) })
      })
  }

  #receive(envelope: Envelope): Verdict {
    const { result, verdict } = this.#judge(envelope)
    this.#meters.received(result)
    return verdict
  }

  /** R14: only a bad shape is rejected; an older or unexpected beat is merely of no use here. */
  #judge({ author, boot, counter, round, step, payload, wire }: Envelope): { result: BeatResult; verdict: Verdict } {
    if (round !== BEAT_ROUND || step !== BEAT_STEP) return { result: 'out_of_place', verdict: 'ignore' }
    const beat = decodeBeat(payload)
    if (beat === 'malformed') return { result: beat, verdict: 'reject' }
    if (beat === 'version') return { result: beat, verdict: 'ignore' }
    const result = this.#tracker.heard(author, { boot, counter }, beat)
    if (result === 'unexpected') return { result, verdict: 'ignore' }
    for (const voice of beat.doubleVoices) this.#c.onDoubleVoice(this.#topic, voice)
    if (result === 'news') this.#voices.heard(author, wire)
    this.#nameDivergence(author)
    // An overtaken beat is still news to others.
    return { result, verdict: 'accept' }
  }

  /** Once per change of what the two act by, not once per beat. */
  #nameDivergence(member: PublicKey): void {
    const { beat, divergesSinceMs } = this.#tracker.of(member) ?? {}
    if (beat === undefined) return
    if (divergesSinceMs === undefined) {
      if (this.#named.delete(member)) this.#logger.info('The member acts by the same signer set again', { member })
      return
    }
    const { setHash: claimed, stacksHeight, burnHeight } = beat
    const what = `${this.#ownSet} ${claimed}`
    if (this.#named.get(member) === what) return
    this.#named.set(member, what)
    this.#logger.warn('A member acts by another signer set than this node', {
      ...{ member, claimed, own: this.#ownSet },
      ...{ stacksHeight, burnHeight },
    })
  }
}
