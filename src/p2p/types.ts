import type { Listenable, Outcome, PeerIdStr, PendingId, PublicKey, SetHash, Startable } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'

/** Purposes of gossip topics; one topic per set and purpose (docs/GATING.md). */
export const PURPOSES = ['keygen', 'sign', 'liveness'] as const
export type Purpose = (typeof PURPOSES)[number]

/** A topic: the network's name, the set (or pending set) it belongs to, and its purpose. */
export interface Topic {
  readonly network: string
  /** Set hash for `sign`, pending id for `keygen`, the registry's own for `liveness`: 64 hex digits. */
  readonly scope: SetHash | PendingId
  readonly purpose: Purpose
}

/** What an author says: the slot (R16) and the payload. `round` is 32 bytes as hex. */
export interface Utterance {
  readonly round: string
  readonly attempt: number
  readonly step: string
  readonly payload: Uint8Array
}

/** A verified message. `wire` is the signed bytes: evidence by itself (docs/ROUNDS.md). */
export interface Envelope extends Utterance {
  readonly topic: Topic
  readonly author: PublicKey
  readonly boot: number
  readonly counter: number
  readonly expiresAtMs: number
  readonly wire: Uint8Array
  readonly via: 'gossip' | 'direct' | 'self'
}

/**
 * What the state machine says of a message: `accept` forwards it, `ignore` drops it without blame (R14: wrong role, set,
 * round, sequence or expiry), `reject` also counts against the forwarder (only bad shape, size or signature).
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

/**
 * How rounds speak (R12–R16): every message is an envelope signed with the node key, over gossip or a direct stream.
 * What one publishes or sends is never delivered to oneself.
 */
export interface Messenger {
  /** Subscribes; `onEnvelope` sees only envelopes that passed every check before the state machine. Returns `leave`. */
  join(topic: Topic, onEnvelope: (envelope: Envelope) => Verdict): () => void
  /** Gossips to the topic's members and resolves with the envelope as sent. Throws CodedError `MESSAGE_TOO_LARGE` before anything is sent. */
  publish(topic: Topic, utterance: Utterance): Promise<Envelope>
  /** Sends to one member over a direct stream, acknowledged by its node. Throws `MESSAGE_TOO_LARGE`, `UNREACHABLE`, `DEADLINE`. */
  send(to: PublicKey, topic: Topic, utterance: Utterance, signal?: AbortSignal): Promise<Envelope>
  /**
   * Sends one envelope, signed once, to each of these members (to none of them, if there are none), and answers it at once.
   * `failures` resolves when all have acknowledged it or can't, with why; it never rejects. Throws `MESSAGE_TOO_LARGE`.
   */
  sendEach(to: readonly PublicKey[], topic: Topic, utterance: Utterance): Sending
}

export interface Sending {
  readonly envelope: Envelope
  readonly failures: Promise<ReadonlyMap<PublicKey, unknown>>
}

/** Why somebody or something is refused; the closed list of labels of the denial counters. */
export const DENIAL_REASONS = [
  'not_in_registry',
  'wrong_direction',
  'not_a_secp256k1_key',
  'no_right_to_protocol',
  'no_right_to_topic',
  'topic_of_another_set',
  'unknown_peer_dial',
  'self_removed',
  'registry_stale',
  'not_ready',
  'denied_by_operator',
  'host_pending',
  'host_rate',
  'inbound_full',
] as const
export type DenialReason = (typeof DENIAL_REASONS)[number]

/**
 * Port (implemented by `gating`): who may do what. Asked at every gater hook, stream and message; synchronous and cheap.
 */
export interface RoleCheck {
  mayConnect(peer: PeerIdStr, direction: 'inbound' | 'outbound'): Outcome<void, DenialReason>
  /** For authors and forwarders alike: `author` is the key of the envelope, `forwarder` the peer it came from. */
  mayGossip(peer: PeerIdStr, topic: Topic): Outcome<void, DenialReason>
  mayOpenStream(peer: PeerIdStr, protocol: string, direction: 'inbound' | 'outbound'): Outcome<void, DenialReason>
  /** Told of every refusal, for counting and the once-a-minute log line. */
  denied(peer: PeerIdStr | undefined, reason: DenialReason, where: DenialPlace, remoteAddress?: string): void
}
export const DENIAL_PLACES = ['dial', 'connection', 'stream', 'gossip', 'direct', 'relay'] as const
export type DenialPlace = (typeof DENIAL_PLACES)[number]

export type Transport = 'tcp' | 'quic'
/** What a link runs on; `relay`: through another member, which sees nothing but ciphertext. */
export type LinkTransport = Transport | 'relay' | 'other'

/** A member that this node waits at, so that others can reach it (circuit relay v2). */
export interface RelayAddress {
  readonly peerId: PeerIdStr
  /** Multiaddr with its `/p2p/<PeerID>`. */
  readonly address: string
}

/** How a node without a public address is reached. Without it no relay protocol is spoken at all. */
export interface NatInit {
  /** This node relays between members. */
  readonly relayServer: boolean
  /** Where this node waits to be reached; each must be a member itself, or the gate refuses it. */
  readonly relays: readonly RelayAddress[]
  /** DCUtR: relayed links are replaced by direct ones where one side's announced address can be dialled. */
  readonly holePunching: boolean
}

export interface ConnectionInfo {
  readonly peerId: PeerIdStr
  readonly direction: 'inbound' | 'outbound'
  readonly transport: LinkTransport
  readonly remoteAddress: string
  readonly openedAtMs: number
  /** Round trip of the latest ping, which the library makes each 10 s; absent until the first. */
  readonly rttMs?: number
}

/** A libp2p stream under our own face: length-prefixed frames, bounded. */
export interface FrameStream {
  readonly peerId: PeerIdStr
  readonly protocol: string
  /** Next frame; undefined when the other side has finished. Throws `FRAME_TOO_LARGE` beyond the protocol's cap. */
  read(signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** A frame that is there already, else undefined, which says nothing of the end: a promise for each frame of many costs more than the frame. */
  readNow?(): Uint8Array | undefined
  /** Queues one frame; frames written in one tick leave together, under one promise. Resolves when handed to the transport. */
  write(frame: Uint8Array): Promise<void>
  /** Graceful close. */
  close(): Promise<void>
  abort(reason: Error): void
  /**
   * Aborts when the stream's connection is to be closed in favour of another one: whoever keeps a stream open ends it when
   * nothing is under way on it, and opens another.
   */
  readonly retired?: AbortSignal
}

/** Largest frame: in both directions, or in each. What is received is held before it is looked at. */
export type FrameCap = number | { readonly receivedBytes: number; readonly sentBytes: number }

export interface StreamPort {
  /** Serves a protocol; `onStream`'s failures close that stream only. Returns `unhandle`. */
  handle(
    protocol: string,
    cap: FrameCap,
    onStream: (stream: FrameStream) => Promise<void>,
  ): Promise<() => Promise<void>>
  /** Opens a stream to a connected (or dialable) peer. Throws `UNREACHABLE`, `NOT_ADMITTED`, `DEADLINE`. */
  open(peer: PeerIdStr, protocol: string, cap: FrameCap, signal?: AbortSignal): Promise<FrameStream>
}

/** How dialling one peer goes. */
export interface DialReport {
  readonly peerId: PeerIdStr
  /** Unix ms; of the oldest dial under way. */
  readonly pendingSinceMs: number | undefined
  /** Dials in a row that ended without any answer. */
  readonly unanswered: number
}

/** A peer the mesh keeper holds a connection to, for ever (incident 15). */
export interface MeshPeer {
  readonly peerId: PeerIdStr
  /** Known multiaddrs, most preferred first; may be empty. */
  readonly addresses: readonly string[]
}

export interface P2pHost extends Startable {
  readonly peerId: PeerIdStr
  /** Multiaddrs with `/p2p/<id>`, once started. */
  addresses(): readonly string[]
  readonly messenger: Messenger
  /** Speaks with another key of this operator over this host's links (R7): the next one, while it has no PeerID here. */
  speaker(keyPair: KeyPair): Messenger
  /**
   * Under this topic `carried` speaks over `carrier`'s link and is reached there, until the answer is called (R7). The
   * caller has both keys' word for it.
   */
  carry(topic: Topic, carried: PublicKey, carrier: PublicKey): () => void
  readonly streams: StreamPort
  /**
   * Replaces the list of peers to stay connected to; redials with backoff and jitter. Peers not listed are merely not
   * redialled. `seeds` are multiaddrs of unknown owners, dialled while a listed peer is missing: who answers there must
   * prove to be admitted.
   */
  keepConnected(peers: readonly MeshPeer[], seeds?: readonly string[]): void
  /** Closes every connection, pending dial, gossip state and peer record of a peer (the port `ClosePeer` of gating). Resolves when all are closed; at most a second. */
  closePeer(peer: PeerIdStr): Promise<{ readonly closedConnections: number }>
  connections(): readonly ConnectionInfo[]
  /** Dials under way, and peers that did not answer the last one. */
  dials(): readonly DialReport[]
  /**
   * Somebody passes on what was said with this node's own key. Judged as if its author's node had sent it: only a live word of
   * another process is told to `onOwnKeyElsewhere` (R17). Anything else is dropped and counted.
   */
  overheard(topic: Topic, wire: Uint8Array): void
  /** Hands an own envelope to a peer over each of its connections: with one key in two places, they end in two places (R17). */
  tellEach(peer: PeerIdStr, topic: Topic, wire: Uint8Array): Promise<void>
  readonly connectionOpened: Listenable<ConnectionInfo>
  readonly connectionClosed: Listenable<ConnectionInfo>
}
