import {
  BoundedMap,
  type Clock,
  type Counter,
  describeError,
  LIMITS,
  type Logger,
  type Metrics,
  type PeerIdStr,
  type PublicKey,
  TokenBucket,
} from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import { Carriers } from './carriers.ts'
import { DROPS, type DropReason } from './drop-reasons.ts'
import { type DecodedEnvelope, decodeEnvelope, type EnvelopeFields, hasValidSignature } from './envelope.ts'
import { FloodLog } from './flood-log.ts'
import { ForwarderAccounts } from './forwarders.ts'
import { SequenceWindow } from './sequence-window.ts'
import { parseTopicName, topicName } from './topic.ts'
import type { Envelope, RoleCheck, Topic, Verdict } from './types.ts'

/** Authors and forwarders are members; twice the largest set covers a current and a pending one. */
const MAX_KEPT = 4 * LIMITS.maxSigners

/** Signatures checked for words of a member's older boot: at once, and a second. They only feed an alarm (R17). */
const SECOND_LOOKS = { burst: 5, perSecond: 0.5 }

/** A message as a transport brought it. */
export interface Arrival {
  readonly topic: string
  readonly data: Uint8Array
  /** The authenticated peer at the other end of the link; for a direct message its author, too, or who carries that (R7). */
  readonly forwarder: PeerIdStr
  readonly via: 'gossip' | 'direct'
  /** Its forwarder was charged and asked for its right already, in front of gossipsub. */
  readonly taken?: true
}

/** Who wants to know of what the intake sees beside the messages that it delivers. */
export interface IntakeListeners {
  /** R17: someone speaks, now, with this node's key and another boot number. */
  readonly onOwnKeyElsewhere?: ((boot: number) => void) | undefined
  /** A member's own words were refused for their time: its clock minus ours, as it says itself. */
  readonly onMemberClock?: ((author: PublicKey, offsetMs: number) => void) | undefined
  /** R17: a member's older boot still speaks, long after its newer one began. Signed; `wire` proves it. */
  readonly onDoubleVoice?: ((author: PublicKey, wire: Uint8Array) => void) | undefined
}

export interface IntakeInit extends IntakeListeners {
  readonly network: string
  readonly self: PublicKey
  readonly boot: number
  readonly roles: Pick<RoleCheck, 'mayGossip' | 'denied'>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

type Handler = (envelope: Envelope) => Verdict
export type Admission = { readonly verdict: Verdict; readonly dropped?: DropReason }

/**
 * What every message passes, gossiped or direct, in the order of R12–R17: size → shape → forwarder's bucket → roles →
 * sequence and expiry (asked) → signature → author's bucket → network, set → sequence (taken) → state machine. Never throws;
 * every drop is counted. `takes` does what concerns the forwarder of gossip beforehand.
 */
export class EnvelopeIntake {
  readonly #init: IntakeInit
  readonly carriers = new Carriers()
  /** Told of by whoever stands in front of this, too. */
  readonly floods: FloodLog
  /** Keys that this process speaks with: the node's, and its next one while that is pending (R7). */
  readonly #own: Set<PublicKey>
  readonly #handlers = new Map<string, Set<Handler>>()
  readonly #forwarders: ForwarderAccounts
  readonly #authorBuckets = new BoundedMap<PublicKey, TokenBucket>(MAX_KEPT)
  readonly #windows = new BoundedMap<PublicKey, SequenceWindow>(MAX_KEPT)
  readonly #secondLooks = new BoundedMap<PublicKey, TokenBucket>(MAX_KEPT)
  readonly #peerIds = new BoundedMap<PublicKey, PeerIdStr>(MAX_KEPT)
  readonly #dropped: Counter<'reason' | 'via'>
  readonly #received: Counter<'via'>
  readonly #startedAtMs: number

  constructor(init: IntakeInit) {
    this.#init = init
    this.#own = new Set([init.self])
    this.#startedAtMs = init.clock.now()
    this.#forwarders = new ForwarderAccounts(MAX_KEPT)
    this.floods = new FloodLog(init.clock, init.logger)
    this.#dropped = init.metrics.counter('p2p_messages_dropped_total', 'Messages dropped, by reason', ['reason', 'via'])
    this.#received = init.metrics.counter('p2p_messages_received_total', 'Messages accepted', ['via'])
  }

  /** Several rounds may listen to one topic; a message is forwarded if one accepts it and none rejects it. */
  join(topic: Topic, handler: Handler): () => void {
    const name = topicName(topic)
    const handlers = this.#handlers.get(name) ?? new Set()
    this.#handlers.set(name, handlers)
    // Wrapped, so that one handler joined twice leaves once per join.
    const own: Handler = (envelope) => handler(envelope)
    handlers.add(own)
    return () => {
      handlers.delete(own)
      if (handlers.size === 0 && this.#handlers.get(name) === handlers) this.#handlers.delete(name)
    }
  }

  /** What comes in under this key is not another's word any more. */
  speakAs(key: PublicKey): void {
    this.#own.add(key)
  }

  isJoined(name: string): boolean {
    return this.#handlers.has(name)
  }
  joinedTopics(): readonly string[] {
    return [...this.#handlers.keys()]
  }

  admit(arrival: Arrival): Admission {
    const outcome = this.#judge(arrival)
    if (typeof outcome !== 'string') {
      this.#received.inc({ via: arrival.via })
      return { verdict: 'accept' }
    }
    this.count(outcome, arrival.via)
    // The state machine's reject may rest on its own view; the rest no honest node would have forwarded.
    const isFault = DROPS[outcome] === 'reject' && outcome !== 'rejected'
    if (isFault && this.#forwarders.fault(arrival.forwarder, this.#init.clock.monotonicMs()))
      this.floods.note(arrival.forwarder, 'muted')
    return { verdict: DROPS[outcome], dropped: outcome }
  }

  /**
   * R13 and R15, for a message that gossipsub has not looked at yet. False, and counted: it must be dropped. Asked here and not
   * when it is its turn, because gossipsub takes no other copy of what it has seen: an honest message must not die with its
   * first forwarder, whom the registry may have removed meanwhile.
   */
  takes(forwarder: PeerIdStr, topicName: string): boolean {
    const charge = this.#forwarders.charge(forwarder, this.#init.clock.monotonicMs())
    const dropped = charge !== 'paid' ? charge : this.#isForwarder(forwarder, topicName) ? undefined : 'forwarder_role'
    if (dropped !== undefined) this.count(dropped, 'gossip')
    return dropped === undefined
  }

  /** For drops that a transport makes before there is anything to judge. */
  count(reason: DropReason, via: 'gossip' | 'direct'): void {
    this.#dropped.inc({ reason, via })
  }

  #judge(arrival: Arrival): DropReason | Envelope {
    const { clock } = this.#init
    const { forwarder, via } = arrival
    if (arrival.data.length > (via === 'gossip' ? LIMITS.maxGossipBytes : LIMITS.maxDirectBytes)) return 'too_large'
    const topic = parseTopicName(arrival.topic)
    if (topic === undefined) return 'malformed'
    const charge = arrival.taken ? 'paid' : this.#forwarders.charge(forwarder, clock.monotonicMs())
    if (charge !== 'paid') return charge
    const decoded = decodeEnvelope(arrival.data)
    if (!decoded.ok) return decoded.reason

    const { author } = decoded.value.fields
    const authorPeer = this.#peerIds.getOrMake(author, () => peerIdOfKey(author))
    if (via === 'direct' && authorPeer !== forwarder && this.carriers.linkOf(arrival.topic, author) !== forwarder)
      return 'author_mismatch'
    if (!this.#mayGossip(authorPeer, topic, via)) return 'author_role'
    if (!arrival.taken && forwarder !== authorPeer && !this.#mayGossip(forwarder, topic, via)) return 'forwarder_role'
    // Before its author pays: whoever recorded a member's words could else use up that member's allowance with them (R13).
    const stale = this.#nothingNew(decoded.value)
    if (stale !== undefined) {
      this.#listenBeside(stale, decoded.value, arrival, forwarder === authorPeer)
      return stale
    }
    // An author without allowance costs no signature check; only a valid one takes of the allowance (R13).
    if (!this.#hasAllowance(author)) return 'author_rate'
    if (!hasValidSignature(decoded.value, arrival.topic)) return 'bad_signature'
    if (!this.#chargeAuthor(author)) return 'author_rate'

    if (topic.network !== this.#init.network) return 'other_network'
    const { fields, wire } = decoded.value
    if (this.#own.has(author)) return this.#ownKeyElsewhere(fields)
    const handlers = this.#handlers.get(arrival.topic)
    if (handlers === undefined) return 'not_joined'
    this.#windowOf(author).take(fields.boot, fields.counter)
    return this.#deliver({ ...fields, topic, wire, via }, handlers)
  }

  /** What another member passed on of our own key (R17). Its bucket paid for the message that this came in. */
  overhear(topic: string, wire: Uint8Array): void {
    const decoded = decodeEnvelope(wire)
    const isOurs = decoded.ok && decoded.value.fields.author === this.#init.self
    const isNew = isOurs && this.#nothingNew(decoded.value) === undefined
    if (isNew && hasValidSignature(decoded.value, topic)) this.#ownKeyElsewhere(decoded.value.fields)
    this.count(isOurs ? 'own_key' : 'author_mismatch', 'gossip')
  }

  /** R17: what is dropped for its time or its boot may still tell of a wrong clock, or of a key that speaks twice. */
  #listenBeside(dropped: DropReason, envelope: DecodedEnvelope, { topic }: Arrival, isAuthors: boolean): void {
    const { author, expiresAtMs } = envelope.fields
    const saidAtMs = expiresAtMs - LIMITS.envelopeTtlMs
    // Nobody but its author says so here, so its word for its own clock needs no signature.
    if (isAuthors && (dropped === 'expired' || dropped === 'expires_too_late'))
      this.#init.onMemberClock?.(author, saidAtMs - this.#init.clock.now())
    // A boot number is the time of a start: a word of an older boot said well after that is not merely late.
    if (dropped !== 'older_boot' || saidAtMs <= this.#windowOf(author).boot + LIMITS.clockSkewMs) return
    if (parseTopicName(topic)?.purpose !== 'liveness' || this.#mistimed(expiresAtMs) !== undefined) return
    const now = this.#init.clock.monotonicMs()
    const looks = this.#secondLooks.getOrMake(
      author,
      () => new TokenBucket(SECOND_LOOKS.burst, SECOND_LOOKS.perSecond, now),
    )
    if (looks.take(now) && hasValidSignature(envelope, topic)) this.#init.onDoubleVoice?.(author, envelope.wire)
  }

  #mayGossip(peer: PeerIdStr, topic: Topic, via: 'gossip' | 'direct'): boolean {
    const answer = this.#init.roles.mayGossip(peer, topic)
    if (!answer.ok) this.#init.roles.denied(peer, answer.reason, via)
    return answer.ok
  }

  /** What is not joined is dropped before gossipsub keeps its id, whoever brings it. */
  #isForwarder(peer: PeerIdStr, name: string): boolean {
    const topic = this.isJoined(name) ? parseTopicName(name) : undefined
    return topic === undefined || this.#mayGossip(peer, topic, 'gossip')
  }

  #hasAllowance(author: PublicKey): boolean {
    return this.#authorBucket(author).holds(this.#init.clock.monotonicMs())
  }
  #chargeAuthor(author: PublicKey): boolean {
    return this.#authorBucket(author).take(this.#init.clock.monotonicMs())
  }
  #authorBucket(author: PublicKey): TokenBucket {
    const now = this.#init.clock.monotonicMs()
    const full = () => new TokenBucket(LIMITS.authorBurst, LIMITS.authorPerSecond, now)
    return this.#authorBuckets.getOrMake(author, full)
  }

  /** Why the message, true or forged, can tell this node nothing. Takes nothing: its signature is not checked yet. */
  #nothingNew({ fields }: DecodedEnvelope): DropReason | undefined {
    const stale = this.#untimely(fields)
    if (!this.#own.has(fields.author)) return stale
    return stale !== undefined || !this.#isElsewhere(fields) ? 'own_key' : undefined
  }

  /** R16, R17. */
  #untimely(fields: EnvelopeFields): DropReason | undefined {
    const sequence = this.#windowOf(fields.author).ask(fields.boot, fields.counter)
    if (sequence !== 'fresh') return sequence
    return this.#mistimed(fields.expiresAtMs)
  }
  #mistimed(expiresAtMs: number): DropReason | undefined {
    const now = this.#init.clock.now()
    if (expiresAtMs + LIMITS.clockSkewMs < now) return 'expired'
    if (expiresAtMs - LIMITS.clockSkewMs > now + LIMITS.envelopeTtlMs) return 'expires_too_late'
    return undefined
  }

  /** What this node said before it restarted may still be on its way; what was said after that start is another's. */
  #isElsewhere({ boot, expiresAtMs }: EnvelopeFields): boolean {
    if (boot === this.#init.boot) return false
    const saidAtMs = expiresAtMs - LIMITS.envelopeTtlMs
    return boot > this.#init.boot || saidAtMs > this.#startedAtMs + LIMITS.clockSkewMs
  }

  #ownKeyElsewhere({ author, boot, counter }: EnvelopeFields): DropReason {
    // The window makes repetitions stale.
    this.#windowOf(author).take(boot, counter)
    this.#init.onOwnKeyElsewhere?.(boot)
    return 'own_key'
  }

  #windowOf(author: PublicKey): SequenceWindow {
    return this.#windows.getOrMake(author, () => new SequenceWindow())
  }

  #deliver(envelope: Envelope, handlers: ReadonlySet<Handler>): DropReason | Envelope {
    const verdicts: Verdict[] = []
    for (const handler of [...handlers]) {
      try {
        verdicts.push(handler(envelope))
      } catch (error) {
        this.#init.logger.error('handler of a message failed', { step: envelope.step, error: describeError(error) })
        return 'handler_failed'
      }
    }
    if (verdicts.includes('reject')) return 'rejected'
    return verdicts.includes('accept') ? envelope : 'ignored'
  }
}
