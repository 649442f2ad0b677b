import { type GossipSub, gossipsub, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import {
  type Clock,
  CodedError,
  type Counter,
  concatBytes,
  LIMITS,
  type Metrics,
  type PeerIdStr,
  utf8,
} from '../base/index.ts'
import { sha256 } from '../curve/index.ts'
import { chargeForwarders } from './charge-forwarders.ts'
import { peerOf } from './connection-info.ts'
import type { GuardedRegistrar } from './guarded-registrar.ts'
import { InboundFlow } from './inbound-flow.ts'
import type { EnvelopeIntake } from './intake.ts'
import { GOSSIP_PROTOCOL, isGossipProtocol } from './protocols.ts'
import { type GossipTables, gossipTables, TopicRights } from './topic-rights.ts'
import { Turns } from './turns.ts'
import type { RoleCheck, Verdict } from './types.ts'

/** One RPC of the library: many messages may come together after a lull (IWANT), so well above one message. */
const MAX_RPC_BYTES = 2 * 1024 * 1024
/** What may wait for one slow peer before its gossip stream is reset. */
const MAX_OUTBOUND_BYTES = 8 * 1024 * 1024
/** A gossip stream that is missing is asked for again this often. */
const TEND_MS = 2_000
/**
 * How long the library remembers a message id, accepted or not. Its two minutes would let a member's junk fill memory at line
 * rate; ours need only outlast the library's own second offers of a message (5 heartbeats of 1 s), because a copy that comes
 * later is a replay to the sequence windows (R16).
 */
const SEEN_TTL_MS = 15_000
/** Less than the library's 6: publishers send to all they reach, the mesh only bridges broken links; more adds copies. */
const MESH_DEGREE = { D: 4, Dlo: 3, Dhi: 8, Dscore: 1, Dout: 1, Dlazy: 4 }

/** Until the library has got to the stream of a peer, behind those of others. */
const MOVE_TIMEOUT_MS = 5_000

const isAlive = (s: Stream): boolean => s.writeStatus === 'writable' && s.remoteWriteStatus !== 'closed'

/** Graceful: what was written still goes out. */
function closeGossip(connections: readonly Connection[]): void {
  const streams = connections.flatMap((c) => c.streams)
  for (const stream of streams.filter((s) => s.direction === 'outbound' && isGossipProtocol(s.protocol)))
    stream.close().catch((error: Error) => stream.abort(error))
}

const VERDICTS: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

type Components = Parameters<ReturnType<typeof gossipsub>>[0]

/** R12: the same bytes published in another topic must not suppress a message. */
export const messageId = (topic: string, data: Uint8Array): Uint8Array =>
  sha256(concatBytes(utf8(topic), Uint8Array.of(0), data))

export interface GossipInit {
  readonly intake: EnvelopeIntake
  readonly roles: RoleCheck
  readonly metrics: Metrics
  readonly clock: Clock
}

/** GossipSub behind our own face: it carries bytes between topics and peers that have the right to them, nothing else. */
export class Gossip {
  readonly #init: GossipInit
  readonly #router: GossipSub
  readonly #registrar: GuardedRegistrar
  readonly #tables: GossipTables
  readonly #rights: TopicRights
  readonly #turns: Turns
  readonly #undelivered: Counter<'reason'>
  #node: Libp2p | undefined
  #stopTending: () => void = () => {}
  /** Peers whose gossip stream is being moved to another connection. */
  readonly #moving = new Set<PeerIdStr>()

  constructor(init: GossipInit, components: Components, registrar: GuardedRegistrar) {
    this.#init = init
    this.#registrar = registrar
    this.#undelivered = init.metrics.counter(
      'p2p_publish_undelivered_total',
      'Members of a topic, or whole topics, that a published message was not handed to',
      ['reason'],
    )
    this.#router = gossipsub(this.#options())({ ...components, registrar })
    const flow = new InboundFlow(init.clock, init.metrics, (peer, reason) => init.intake.floods.note(peer, reason))
    this.#turns = new Turns(init.clock, (peer) => flow.tooMany(peer))
    registrar.onGossipStream((stream, connection) => flow.watch(stream, peerOf(connection)))
    chargeForwarders(this.#router, {
      takes: (peer, topic, takenOfFrame) => {
        const hasRoom = this.#turns.hasRoom(peer, takenOfFrame)
        if (!hasRoom) init.intake.count('forwarder_backlog', 'gossip')
        return hasRoom && init.intake.takes(peer, topic)
      },
      tooMany: (peer) => flow.tooMany(peer),
      nextFrame: (peer) => flow.nextFrame(peer),
      spend: (peer, entries) => flow.spend(peer, entries),
    })
    this.#tables = gossipTables(this.#router)
    this.#rights = new TopicRights(this.#tables, init.roles, init.metrics)
    this.#router.addEventListener('subscription-change', ({ detail }) => {
      for (const { topic, subscribe } of detail.subscriptions)
        this.#rights.noted(detail.peerId.toString(), topic, subscribe)
    })
    this.#router.addEventListener('gossipsub:graft', ({ detail }) => this.#rights.grafted(detail.peerId, detail.topic))
    this.#router.addEventListener('gossipsub:heartbeat', () => this.#rights.sweep())
  }

  /** The service for libp2p, which starts and stops it. */
  get service(): GossipSub {
    return this.#router
  }

  start(node: Libp2p): void {
    this.#node = node
    for (const name of this.#init.intake.joinedTopics()) this.subscribe(name)
    const tendLater = () => {
      this.#stopTending = this.#init.clock.after(TEND_MS, () => {
        this.tend()
        tendLater()
      })
    }
    tendLater()
  }
  stop(): void {
    this.#stopTending()
    this.#turns.stop()
    this.#node = undefined
  }

  subscribe(name: string): void {
    this.#router.topicValidators.set(name, async (source, message) => {
      const forwarder = source.toString() as PeerIdStr
      const isOn = await this.#turns.next(forwarder)
      return VERDICTS[isOn ? this.#admit(name, message.data, forwarder) : 'ignore']
    })
    this.#router.subscribe(name)
  }
  #admit(topic: string, data: Uint8Array, forwarder: PeerIdStr): Verdict {
    return this.#init.intake.admit({ topic, data, forwarder, via: 'gossip', taken: true }).verdict
  }
  unsubscribe(name: string): void {
    this.#router.topicValidators.delete(name)
    this.#router.unsubscribe(name)
  }

  async publish(name: string, data: Uint8Array): Promise<void> {
    this.#rights.sweep(name)
    const { recipients } = await this.#router.publish(name, data)
    const missed = this.#router.getSubscribers(name).length - recipients.length
    if (recipients.length === 0) this.#undelivered.inc({ reason: 'no_peers' })
    else if (missed > 0) this.#undelivered.inc({ reason: 'no_stream' }, missed)
  }

  /**
   * Asks for the gossip stream of every connected member that lacks one. The library opens it once per identify: it stays
   * closed if it broke, if the connection it ran on was the lesser of two, or if the right to it came later.
   */
  tend(): void {
    const byPeer = Map.groupBy(this.#node?.getConnections() ?? [], peerOf)
    for (const [peer, connections] of byPeer) this.#tendPeer(peer, connections)
  }

  /** After rights have changed: subscriptions set aside come back, others go, missing streams are opened. */
  alignRights(): void {
    this.#rights.sweep()
    this.tend()
  }

  /** When a connection has gone: of several, another must take over the gossip stream; of one, nothing may stay. */
  connectionClosed(peer: PeerIdStr, remaining: readonly Connection[]): void {
    if (remaining.length === 0) this.forget(peer)
    else this.#tendPeer(peer, remaining)
  }

  /** Does this node's gossip with the connection's peer run on it? */
  static runsOn(connection: Connection): boolean {
    return connection.streams.some((s) => s.direction === 'outbound' && isGossipProtocol(s.protocol) && isAlive(s))
  }

  /**
   * Moves this node's gossip stream with a peer to that connection, the new one first: the library opens no second stream,
   * so the old one leaves its table for as long as it takes to ask, and is closed only once the new one stands.
   */
  moveTo(connection: Connection, from: readonly Connection[]): void {
    const peer = peerOf(connection)
    if (Gossip.runsOn(connection) || this.#moving.has(peer)) return
    const { streamsOutbound } = this.#tables
    const old = streamsOutbound.get(peer)
    const restore = () => {
      if (old !== undefined && !streamsOutbound.has(peer)) streamsOutbound.set(peer, old)
    }
    const newStream: Connection['newStream'] = async (protocols, options) => {
      restore()
      this.#moving.delete(peer)
      const stream = await connection.newStream(protocols, options)
      // After the library has put it into its table.
      setImmediate(() => closeGossip(from))
      return stream
    }
    this.#moving.add(peer)
    this.#init.clock.after(MOVE_TIMEOUT_MS, () => {
      if (this.#moving.delete(peer)) restore()
    })
    streamsOutbound.delete(peer)
    this.#registrar.announce(connection.remotePeer, Object.create(connection, { newStream: { value: newStream } }))
  }

  /** Removes a peer from every table of the router. */
  forget(peer: PeerIdStr): void {
    this.#registrar.forget(peerIdFromString(peer))
    this.#rights.forget(peer)
  }

  #tendPeer(peer: PeerIdStr, connections: readonly Connection[]): void {
    const open = connections.filter((c) => c.status === 'open')
    const spoken = open
      .flatMap((c) => c.streams)
      .filter((s) => s.direction === 'outbound' && isGossipProtocol(s.protocol))
    const [first] = open
    if (first === undefined || spoken.some(isAlive)) return
    if (!this.#init.roles.mayOpenStream(peer, GOSSIP_PROTOCOL, 'outbound').ok) return
    // Over QUIC a stream that the other side reset looks finished on one side only, until something is written.
    for (const stream of spoken) stream.abort(new CodedError('STREAM_RESET', 'the peer has ended this gossip stream'))
    // A stream that was reset before the library listened to it stays in its table, and keeps every other out.
    this.#tables.streamsOutbound.delete(peer)
    this.#registrar.announce(first.remotePeer, first)
  }

  #options(): Parameters<typeof gossipsub>[0] {
    const { intake } = this.#init
    return {
      ...MESH_DEGREE,
      globalSignaturePolicy: StrictNoSign,
      emitSelf: false,
      fallbackToFloodsub: false,
      floodPublish: true,
      doPX: false,
      tagMeshPeers: false,
      // A relay may name limits for the links through it; a short link is better than none.
      runOnLimitedConnection: true,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      seenTTL: SEEN_TTL_MS,
      msgIdFn: (message) => messageId(message.topic, message.data),
      maxInboundDataLength: MAX_RPC_BYTES,
      // The rest as the library has it.
      decodeRpcLimits: {
        maxSubscriptions: LIMITS.maxFrameSubscriptions,
        maxControlMessages: LIMITS.maxFrameControlEntries,
        maxMessages: 5_000,
        maxIhaveMessageIDs: 5_000,
        maxIwantMessageIDs: 5_000,
        maxIdontwantMessageIDs: 512,
        maxPeerInfos: 16,
      },
      maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
      dataTransform: {
        // Runs before the message id is made and kept, so what is dropped here costs neither hash nor memory.
        inboundTransform: (topic, data) => {
          const reason =
            data.length > LIMITS.maxGossipBytes ? 'too_large' : intake.isJoined(topic) ? undefined : 'not_joined'
          if (reason === undefined) return data
          intake.count(reason, 'gossip')
          throw new RangeError(`message dropped: ${reason}`)
        },
        outboundTransform: (_topic, data) => data,
      },
      // R14: no weight anywhere, so a member's score is always 0 and never prunes it. The library's `directPeers` are fixed
      // when it is made, dial by themselves, and would cost n² copies of each message.
      scoreParams: { topics: {}, IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
    }
  }
}
