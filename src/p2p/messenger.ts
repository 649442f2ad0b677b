import {
  BoundedMap,
  type Clock,
  CodedError,
  type Counter,
  LIMITS,
  type Metrics,
  type PeerIdStr,
  type PublicKey,
} from '../base/index.ts'
import { type KeyPair, peerIdOfKey } from '../curve/index.ts'
import { sealEnvelope } from './envelope.ts'
import type { EnvelopeIntake } from './intake.ts'
import { topicName } from './topic.ts'
import type { Envelope, Messenger, Sending, Topic, Utterance, Verdict } from './types.ts'

export interface MessengerInit {
  readonly keyPair: KeyPair
  readonly boot: number
  readonly intake: EnvelopeIntake
  readonly clock: Clock
  readonly metrics: Metrics
  readonly subscribe: (name: string) => void
  readonly unsubscribe: (name: string) => void
  readonly publish: (name: string, wire: Uint8Array) => Promise<void>
  readonly send: (to: PeerIdStr, name: string, wire: Uint8Array, signal?: AbortSignal) => Promise<void>
}

/** Signs what this node says, with one counter over all topics of a boot (R16), and hands it to gossip or a stream. */
export class EnvelopeMessenger implements Messenger {
  readonly #init: MessengerInit
  readonly #sent: Counter<'via'>
  readonly #peerIds = new BoundedMap<PublicKey, PeerIdStr>(4 * LIMITS.maxSigners)
  #counter = 0

  constructor(init: MessengerInit) {
    this.#init = init
    this.#sent = init.metrics.counter('p2p_messages_sent_total', 'Own messages handed to the network', ['via'])
  }

  join(topic: Topic, onEnvelope: (envelope: Envelope) => Verdict): () => void {
    const name = topicName(topic)
    const isFirst = !this.#init.intake.isJoined(name)
    const leave = this.#init.intake.join(topic, onEnvelope)
    if (isFirst) this.#init.subscribe(name)
    return () => {
      if (!this.#init.intake.isJoined(name)) return
      leave()
      if (!this.#init.intake.isJoined(name)) this.#init.unsubscribe(name)
    }
  }

  async publish(topic: Topic, utterance: Utterance): Promise<Envelope> {
    const envelope = this.#seal(topic, utterance, LIMITS.maxGossipBytes)
    await this.#init.publish(topicName(topic), envelope.wire)
    this.#sent.inc({ via: 'gossip' })
    return envelope
  }

  async send(to: PublicKey, topic: Topic, utterance: Utterance, signal?: AbortSignal): Promise<Envelope> {
    const envelope = this.#seal(topic, utterance, LIMITS.maxDirectBytes)
    await this.#deliver(to, envelope, signal)
    return envelope
  }

  sendEach(to: readonly PublicKey[], topic: Topic, utterance: Utterance): Sending {
    const envelope = this.#seal(topic, utterance, LIMITS.maxDirectBytes)
    const failures = new Map<PublicKey, unknown>()
    const one = (member: PublicKey) =>
      this.#deliver(member, envelope).catch((error: unknown) => void failures.set(member, error))
    return { envelope, failures: Promise.all(to.map(one)).then(() => failures) }
  }

  async #deliver(to: PublicKey, { topic, wire }: Envelope, signal?: AbortSignal): Promise<void> {
    const name = topicName(topic)
    await this.#init.send(this.#init.intake.carriers.linkOf(name, to) ?? this.#peerIdOf(to), name, wire, signal)
    this.#sent.inc({ via: 'direct' })
  }

  #peerIdOf(key: PublicKey): PeerIdStr {
    return this.#peerIds.getOrMake(key, () => peerIdOfKey(key))
  }

  /** Incident 8: what no receiver would take is an error of the sender, before anything leaves. */
  #seal(topic: Topic, utterance: Utterance, maxBytes: number): Envelope {
    const { keyPair, boot, clock } = this.#init
    const checkSize = (bytes: number) => {
      if (bytes > maxBytes)
        throw new CodedError('MESSAGE_TOO_LARGE', `a message may have at most ${maxBytes} bytes; split the payload`, {
          bytes,
          maxBytes,
        })
    }
    checkSize(utterance.payload.length)
    const { round, attempt, step, payload } = utterance
    const counter = this.#counter++
    const fields = { round, attempt, step, payload, boot, counter, expiresAtMs: clock.now() + LIMITS.envelopeTtlMs }
    const wire = sealEnvelope(keyPair, topicName(topic), fields)
    checkSize(wire.length)
    return { ...fields, topic, author: keyPair.publicKey, wire, via: 'self' }
  }
}
