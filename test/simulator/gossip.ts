import { type Clock, concatBytes, LIMITS, type Metrics, type PeerIdStr, toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'
import { GOSSIP_PROTOCOLS, type RoleCheck } from '../../src/p2p/index.ts'
import type { Admission, EnvelopeIntake } from '../../src/p2p/intake.ts'
import { type GossipTables, TopicRights } from '../../src/p2p/topic-rights.ts'
import type { LinkEnd, Packet } from './link.ts'
import type { Random } from './random.ts'

/** As in src/p2p/gossip.ts. */
const SEEN_TTL_MS = 15_000
const TEND_MS = 2_000
/** The library's heartbeat, at which rights are swept. */
const HEARTBEAT_MS = 1_000
const GOSSIP_PROTOCOL = GOSSIP_PROTOCOLS[0]

type GossipPacket = Extract<Packet, { kind: 'gossip-open' | 'gossip-reset' | 'subscribe' | 'unsubscribe' | 'gossip' }>

export interface VirtualGossipInit {
  readonly intake: EnvelopeIntake
  readonly roles: RoleCheck
  readonly metrics: Metrics
  readonly clock: Clock
  /** Open connections, oldest first. */
  readonly links: () => readonly LinkEnd[]
  /** To how many peers a message of somebody else is passed on; to all, unless said. One's own always goes to all. */
  readonly degree?: number | undefined
  readonly random: Random
  readonly onAdmitted: (packet: Extract<Packet, { kind: 'gossip' }>, admission: Admission) => void
}

/** R12. */
export const messageName = (topic: string, data: Uint8Array): string =>
  toHex(sha256(concatBytes(utf8(topic), Uint8Array.of(0), data)))

/**
 * GossipSub's meaning without its mesh: everybody passes a message on to every peer of its topic, once, after the intake
 * has accepted it. Subscriptions, streams and rights are told and judged as in src/p2p/gossip.ts, by the same TopicRights.
 */
export class VirtualGossip {
  readonly #c: VirtualGossipInit
  readonly #rights: TopicRights
  readonly #tables = {
    peers: new Map<string, string>(),
    topics: new Map<string, Set<string>>(),
    mesh: new Map<string, Set<string>>(),
    fanout: new Map<string, Set<string>>(),
    streamsOutbound: new Map<string, LinkEnd>(),
    handleReceivedSubscription: (from: { toString(): string }, topic: string, isOn: boolean): boolean => {
      const members = this.#tables.topics.get(topic) ?? new Set()
      if (isOn) this.#tables.topics.set(topic, members.add(from.toString()))
      else members.delete(from.toString())
      return true
    },
  } satisfies GossipTables
  /** Whose gossip stream to us stands. */
  readonly #inbound = new Map<PeerIdStr, LinkEnd>()
  readonly #subscribed = new Set<string>()
  readonly #seen = new Map<string, number>()
  #stops: (() => void)[] = []

  constructor(init: VirtualGossipInit) {
    this.#c = init
    this.#rights = new TopicRights(this.#tables, init.roles, init.metrics)
  }

  start(): void {
    for (const name of this.#c.intake.joinedTopics()) this.subscribe(name)
    this.#every(TEND_MS, () => this.tend())
    this.#every(HEARTBEAT_MS, () => {
      this.#rights.sweep()
      this.#forgetSeen()
    })
  }
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
  }

  subscribe(topic: string): void {
    this.#subscribed.add(topic)
    for (const end of this.#tables.streamsOutbound.values()) end.send({ kind: 'subscribe', topic })
  }
  unsubscribe(topic: string): void {
    this.#subscribed.delete(topic)
    for (const end of this.#tables.streamsOutbound.values()) end.send({ kind: 'unsubscribe', topic })
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    this.#rights.sweep(topic)
    const id = messageName(topic, data)
    this.#seen.set(id, this.#c.clock.now())
    this.#spread({ kind: 'gossip', topic, data, id }, undefined)
  }

  /** Asks for the gossip stream of every connected member that lacks one. */
  tend(): void {
    for (const end of this.#c.links()) {
      const { peer } = end
      if (this.#tables.streamsOutbound.get(peer)?.isOpen) continue
      if (!this.#c.roles.mayOpenStream(peer, GOSSIP_PROTOCOL, 'outbound').ok) continue
      this.#tables.peers.set(peer, peer)
      this.#tables.streamsOutbound.set(peer, end)
      end.send({ kind: 'gossip-open', topics: [...this.#subscribed] })
    }
  }
  /** The new one first: on the old one nothing more is said. */
  moveTo(end: LinkEnd): void {
    if (this.#tables.streamsOutbound.get(end.peer) === end) return
    this.#tables.streamsOutbound.set(end.peer, end)
    end.send({ kind: 'gossip-open', topics: [...this.#subscribed] })
  }
  /** Does this node's own gossip stream run on it? */
  runsOn(end: LinkEnd): boolean {
    return this.#tables.streamsOutbound.get(end.peer) === end
  }
  /** Does either side's? */
  uses(end: LinkEnd): boolean {
    return this.runsOn(end) || this.#inbound.get(end.peer) === end
  }
  alignRights(): void {
    this.#rights.sweep()
    this.tend()
  }

  connectionClosed(peer: PeerIdStr, isLast: boolean): void {
    if (isLast) this.forget(peer)
    else if (!this.#inbound.get(peer)?.isOpen) this.#inbound.delete(peer)
    this.tend()
  }
  forget(peer: PeerIdStr): void {
    const { topics, mesh, fanout, peers, streamsOutbound } = this.#tables
    for (const table of [topics, mesh, fanout]) for (const members of table.values()) members.delete(peer)
    peers.delete(peer)
    streamsOutbound.delete(peer)
    this.#inbound.delete(peer)
    this.#rights.forget(peer)
  }

  onPacket(end: LinkEnd, packet: GossipPacket): void {
    const { peer } = end
    if (packet.kind === 'gossip-open') this.#opened(end, packet.topics)
    else if (packet.kind === 'gossip-reset') {
      if (this.#tables.streamsOutbound.get(peer) === end) this.#tables.streamsOutbound.delete(peer)
    } else if (!this.#inbound.has(peer)) return
    else if (packet.kind === 'gossip') this.#hear(peer, packet)
    else this.#note(peer, packet.topic, packet.kind === 'subscribe')
  }

  #opened(end: LinkEnd, topics: readonly string[]): void {
    const { roles } = this.#c
    const answer = roles.mayOpenStream(end.peer, GOSSIP_PROTOCOL, 'inbound')
    if (!answer.ok) {
      roles.denied(end.peer, answer.reason, 'stream', end.remoteAddress)
      end.send({ kind: 'gossip-reset' })
      return
    }
    this.#inbound.set(end.peer, end)
    this.#tables.peers.set(end.peer, end.peer)
    for (const topic of topics) this.#note(end.peer, topic, true)
    this.tend()
  }

  #note(peer: PeerIdStr, topic: string, subscribed: boolean): void {
    const members = this.#tables.topics.get(topic) ?? new Set()
    this.#tables.topics.set(topic, members)
    if (subscribed) members.add(peer)
    else members.delete(peer)
    this.#rights.noted(peer, topic, subscribed)
  }

  #hear(from: PeerIdStr, packet: Extract<Packet, { kind: 'gossip' }>): void {
    const { intake, clock } = this.#c
    const { topic, data, id } = packet
    const reason = data.length > LIMITS.maxGossipBytes ? 'too_large' : intake.isJoined(topic) ? undefined : 'not_joined'
    if (reason !== undefined) intake.count(reason, 'gossip')
    if (reason !== undefined || this.#seen.has(id)) return
    this.#seen.set(id, clock.now())
    const admission = intake.admit({ topic, data, forwarder: from, via: 'gossip' })
    this.#c.onAdmitted(packet, admission)
    if (admission.verdict === 'accept') this.#spread(packet, from)
  }

  #spread(packet: Extract<Packet, { kind: 'gossip' }>, except: PeerIdStr | undefined): void {
    const { degree, random } = this.#c
    const peers = [...(this.#tables.topics.get(packet.topic) ?? [])].filter((peer) => peer !== except)
    const isForwarded = except !== undefined && degree !== undefined && peers.length > degree
    const chosen = isForwarded ? random.shuffled(peers).slice(0, degree) : peers
    for (const peer of chosen) this.#tables.streamsOutbound.get(peer)?.toss(packet)
  }

  #forgetSeen(): void {
    const before = this.#c.clock.now() - SEEN_TTL_MS
    for (const [id, atMs] of this.#seen) {
      if (atMs > before) break
      this.#seen.delete(id)
    }
  }

  #every(delayMs: number, fn: () => void): void {
    const at = this.#stops.length
    const again = () => {
      this.#stops[at] = this.#c.clock.after(delayMs, () => {
        fn()
        again()
      })
    }
    again()
  }
}
