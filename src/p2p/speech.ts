import type { Libp2p } from '@libp2p/interface'
import { type Clock, CodedError, type Logger, type Metrics, type PeerIdStr, type PublicKey } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import { Direct, MAX_FRAME_BYTES } from './direct.ts'
import type { Gossip } from './gossip.ts'
import { EnvelopeIntake, type IntakeListeners } from './intake.ts'
import { EnvelopeMessenger } from './messenger.ts'
import { DIRECT_PROTOCOL } from './protocols.ts'
import type { Streams } from './streams.ts'
import { topicName } from './topic.ts'
import type { Messenger, RoleCheck, Topic } from './types.ts'

export interface SpeechInit extends IntakeListeners {
  readonly keyPair: KeyPair
  readonly network: string
  readonly boot: number
  readonly roles: RoleCheck
  readonly streams: Streams
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/**
 * What this node says and hears in envelopes (R12–R17): out through a messenger for each key that it speaks with, in through
 * the one intake, over gossip and direct streams.
 */
export class Speech {
  readonly intake: EnvelopeIntake
  readonly messenger: Messenger
  readonly #c: SpeechInit
  readonly #direct: Direct
  readonly #speakers = new Map<PublicKey, Messenger>()
  #gossip: Gossip | undefined

  constructor(init: SpeechInit) {
    this.#c = init
    const { keyPair, ...rest } = init
    this.intake = new EnvelopeIntake({ ...rest, self: keyPair.publicKey })
    this.#direct = new Direct(init.streams, this.intake, init.clock)
    this.messenger = this.#messengerOf(keyPair)
  }

  /** Only while the network runs. */
  get gossip(): Gossip | undefined {
    return this.#gossip
  }

  // Two steps up, in this order; `stop` undoes both, from wherever they got to.

  /** Takes direct messages: before the first packet. */
  async serve(): Promise<void> {
    await this.#direct.start()
  }
  /** Gossips: once the network runs. What was joined before is subscribed to now. */
  start(gossip: Gossip, libp2p: Libp2p): void {
    this.#gossip = gossip
    gossip.start(libp2p)
  }
  async stop(): Promise<void> {
    this.#gossip?.stop()
    this.#gossip = undefined
    await this.#direct.stop()
  }

  speaker(keyPair: KeyPair): Messenger {
    const known = this.#speakers.get(keyPair.publicKey)
    if (known !== undefined) return known
    const speaker = this.#messengerOf(keyPair)
    // One counter per key and boot (R16), so one speaker per key.
    this.#speakers.set(keyPair.publicKey, speaker)
    this.intake.speakAs(keyPair.publicKey)
    return speaker
  }
  carry(topic: Topic, carried: PublicKey, carrier: PublicKey): () => void {
    return this.intake.carriers.carry(topicName(topic), carried, carrier)
  }

  overheard(topic: Topic, wire: Uint8Array): void {
    this.intake.overhear(topicName(topic), wire)
  }
  async tellEach(peer: PeerIdStr, topic: Topic, wire: Uint8Array): Promise<void> {
    const streams = await this.#c.streams.openEach(peer, DIRECT_PROTOCOL, MAX_FRAME_BYTES)
    await Promise.all(streams.map((stream) => this.#direct.tell(stream, topicName(topic), wire)))
  }

  #messengerOf(keyPair: KeyPair): Messenger {
    const { boot, clock, metrics } = this.#c
    return new EnvelopeMessenger({
      ...{ keyPair, boot, clock, metrics, intake: this.intake },
      subscribe: (name) => this.#gossip?.subscribe(name),
      unsubscribe: (name) => this.#gossip?.unsubscribe(name),
      publish: (name, wire) => this.#runningGossip().publish(name, wire),
      send: (to, name, wire, signal) => this.#direct.send(to, name, wire, signal),
    })
  }

  #runningGossip(): Gossip {
    if (this.#gossip === undefined) throw new CodedError('NOT_STARTED', 'the p2p host is not started')
    return this.#gossip
  }
}
