import { type Counter, LIMITS, type Metrics, type PeerIdStr } from '../base/index.ts'
import { parseTopicName } from './topic.ts'
import type { DenialReason, RoleCheck } from './types.ts'

/** Subscriptions of one peer that wait for its right: topics of sets that this node will know a moment later. */
const MAX_HELD_PER_PEER = 32
const MAX_HELD_PEERS = 4 * LIMITS.maxSigners

/** The library's PeerId, as far as its name goes. */
interface Named {
  toString(): string
}
/**
 * What of gossipsub's state this room must reach: who is thought to be in which topic, and reachable. The library has no
 * filter per peer and topic, and gives no public access.
 */
export interface GossipTables {
  readonly peers: ReadonlyMap<string, Named>
  readonly topics: Map<string, Set<string>>
  readonly mesh: Map<string, Set<string>>
  readonly fanout: Map<string, Set<string>>
  /** Streams that the library believes it can send on. */
  readonly streamsOutbound: Map<string, unknown>
  /** The library's step for one subscription or the end of it: keeps `topics`, and account of what a peer fills in it. */
  handleReceivedSubscription(from: Named, topic: string, isOn: boolean): boolean
}

/** Throws if the library has changed, because R15 could not be held then. */
export function gossipTables(gossip: object): GossipTables {
  if (!hasTables(gossip))
    throw new TypeError('gossipsub no longer has the tables that R15 needs; pin the known version')
  return gossip
}
const isMapAt = (o: object, key: string): boolean => key in o && Reflect.get(o, key) instanceof Map
const hasTables = (o: object): o is GossipTables =>
  ['peers', 'topics', 'mesh', 'fanout', 'streamsOutbound'].every((key) => isMapAt(o, key)) &&
  typeof Reflect.get(o, 'handleReceivedSubscription') === 'function'

/**
 * R15: a peer is in a topic only while it has the right to it. A subscription without right is set aside rather than
 * lost, since it is sent once: the peer may have seen the new set a moment before this node.
 */
export class TopicRights {
  readonly #tables: GossipTables
  readonly #roles: Pick<RoleCheck, 'mayGossip' | 'denied'>
  readonly #held = new Map<string, Set<string>>()
  readonly #dropped: Counter<never>

  constructor(tables: GossipTables, roles: Pick<RoleCheck, 'mayGossip' | 'denied'>, metrics: Metrics) {
    this.#tables = tables
    this.#roles = roles
    this.#dropped = metrics.counter('p2p_subscriptions_dropped_total', 'Subscriptions of peers without right (R15)')
  }

  /** After the library has noted a peer's subscription, or the end of it. */
  noted(peer: string, topic: string, subscribed: boolean): void {
    if (!subscribed) {
      this.#held.get(peer)?.delete(topic)
      return
    }
    const refusal = this.#refusal(peer, topic)
    if (refusal !== undefined) this.#setAside(peer, topic, refusal)
  }
  /** After the library has taken a peer into a mesh. */
  grafted(peer: string, topic: string): void {
    if (this.#refusal(peer, topic) !== undefined) this.#remove(peer, topic)
  }
  forget(peer: string): void {
    this.#held.delete(peer)
  }

  /** Brings the tables into line with the rights as they are now; of one topic, or of all. */
  sweep(only?: string): void {
    const isMeant = (topic: string) => only === undefined || topic === only
    for (const [topic, peers] of [...this.#tables.topics].filter(([t]) => isMeant(t)))
      for (const peer of [...peers]) this.noted(peer, topic, true)
    for (const [topic, peers] of [...this.#tables.mesh, ...this.#tables.fanout].filter(([t]) => isMeant(t)))
      for (const peer of [...peers]) this.grafted(peer, topic)
    for (const [peer, topics] of this.#held)
      for (const topic of [...topics].filter(isMeant)) this.#restore(peer, topic, topics)
  }

  #refusal(peer: string, topic: string): DenialReason | undefined {
    const parsed = parseTopicName(topic)
    if (parsed === undefined) return 'no_right_to_topic'
    const answer = this.#roles.mayGossip(peer as PeerIdStr, parsed)
    return answer.ok ? undefined : answer.reason
  }

  #remove(peer: string, topic: string): void {
    const { peers, topics, mesh, fanout } = this.#tables
    const known = peers.get(peer)
    // By the library itself, which else would go on counting it, and one day take no subscription of this peer any more.
    if (known !== undefined) this.#tables.handleReceivedSubscription(known, topic, false)
    for (const table of [topics, mesh, fanout]) table.get(topic)?.delete(peer)
    if (topics.get(topic)?.size === 0) topics.delete(topic)
  }

  #setAside(peer: string, topic: string, reason: DenialReason): void {
    this.#remove(peer, topic)
    this.#dropped.inc({})
    this.#roles.denied(peer as PeerIdStr, reason, 'gossip')
    if (parseTopicName(topic) === undefined) return
    const held = this.#held.get(peer) ?? new Set()
    if (held.size < MAX_HELD_PER_PEER && this.#held.size < MAX_HELD_PEERS) this.#held.set(peer, held.add(topic))
  }

  #restore(peer: string, topic: string, held: Set<string>): void {
    const known = this.#tables.peers.get(peer)
    if (known === undefined) this.forget(peer)
    if (known === undefined || this.#refusal(peer, topic) !== undefined) return
    held.delete(topic)
    this.#tables.handleReceivedSubscription(known, topic, true)
  }
}
