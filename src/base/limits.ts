/** Every limit of the node, with its unit and its reason. Crossing one is a typed error for who caused it and a counter. */
export const LIMITS = {
  /** The contract's list type holds 128 keys (contracts/sbtc-registry.clar). */
  maxSigners: 128,
  /** OP_16: a multisig redeem script of 17 keys means something else (R3). */
  maxMultisigKeys: 16,
  /** Keys that one MuSig2 key is made of: as many as a set may have; aggregating them takes 10 ms, once for a list. */
  maxMusigKeys: 128,

  /** One gossip message: a keygen deal of 128 members (128 commitments and 128 hashes) is 9 KiB. */
  maxGossipBytes: 64 * 1024,
  /** One direct message: a package of 64 digests for 11 signers is 52 KiB; an encrypted share with its ephemeral is under 1 KiB. */
  maxDirectBytes: 64 * 1024,
  /**
   * A frame of a stream, from its first byte to its last, up to twice as long: the largest ones at 9 KB a second. Nothing bounds
   * the time between frames.
   */
  frameTimeoutMs: 30_000,
  /** Requests that one rpc stream may have open. */
  maxRpcInFlight: 128,
  /** Streams of one protocol that one peer may hold open. */
  maxStreamsPerPeer: 8,
  /**
   * Connections that one peer may hold: two members that dial each other at once have two, and as many again while a broken
   * pair is not yet known to be dead. The table is shared, and one stolen key must not fill it.
   */
  maxConnectionsPerPeer: 4,

  /**
   * A forwarder relays everybody's messages, so its bucket is the author's times the members of a small set (R13). It pays for
   * copies, too: gossipsub keeps an id of each message for 15 s, so this also bounds what one member's flood leaves in memory.
   */
  forwarderBurst: 6_400,
  forwarderPerSecond: 1_600,
  /** Gossip that is read from one peer: a keygen of 128 members is 1.2 MiB, and each message may come from each neighbour. */
  gossipBurstBytes: 16 * 1024 * 1024,
  gossipBytesPerSecond: 4 * 1024 * 1024,
  /**
   * What gossip frames of one peer hold, frames themselves included: four times what a forwarder's messages come to. An empty
   * frame costs 20 µs, so this is a tenth of a core. Who goes beyond is read later; nothing of it is lost.
   */
  gossipBurstEntries: 2_048,
  gossipEntriesPerSecond: 6_400,
  /** Topics that one frame subscribes to: three purposes each of the current, a pending and the recalled sets, many times over. */
  maxFrameSubscriptions: 256,
  /** Control entries of one kind in one gossip frame: one per topic. */
  maxFrameControlEntries: 256,
  authorBurst: 400,
  authorPerSecond: 100,
  /** Early messages kept per author until their round starts (R14). */
  maxEarlyPerAuthor: 8,
  /** Envelopes expire after this; it only bounds buffers, safety never rests on it (R17). */
  envelopeTtlMs: 120_000,
  /** Tolerated difference of clocks (R17). */
  clockSkewMs: 60_000,

  /** TCP or QUIC and Noise together, before a stranger is cut off. */
  handshakeTimeoutMs: 10_000,
  dialTimeoutMs: 10_000,
  /** Handshakes not yet authenticated that all hosts without a member may hold together, however many addresses a flood has. */
  maxPendingOfStrangers: 32,
  /** Of those, one host without a member: an honest handshake takes milliseconds, and 4 such hosts don't make a flood. */
  maxPendingPerStrangerHost: 8,
  /** One host from which a member has come: a NAT or devnet of 17 may start at once. */
  maxPendingPerMemberHost: 16,
  /**
   * All hosts of members together, a few MiB. Beyond it each of them may still hold one, so that no members, though they be
   * the most, can keep another out.
   */
  maxPendingOfMembers: 128,
  /** Accepted per second and host before identity, and at once; devnets put every member on one host. */
  inboundPerSecondPerHost: 50,
  /** Hosts whose rate is remembered: under 1 MiB; a flood from more hosts than this is for the caps of pending handshakes. */
  maxRatedHosts: 4_096,
  /** Admitted peers whose host is remembered: the largest set, a pending one, their bridges, and room for changes. */
  maxVouchingPeers: 512,
  /** Places at a relay: the largest set and a pending one; nobody else may have one. */
  maxRelayReservations: 256,
  /**
   * Relayed links that one member may have through one relay, in each direction: twice the largest set that can be rotated to
   * (R3), so that a broken one may linger beside its successor.
   */
  maxRelayedLinksPerPeer: 32,
  /** A request to a relay, from its first byte to its answer; a member opens the next one in milliseconds. */
  relayRequestTimeoutMs: 10_000,
  /**
   * A link whose ping is unanswered for so long is closed; pings go out each 10 s. A machine that is merely late or was paused
   * for seconds would lose all its links at once to a shorter time, and have every handshake to do on top; a dead link is still
   * given up before its member counts as silent.
   */
  pingTimeoutMs: 20_000,
  redialMinMs: 250,
  redialMaxMs: 15_000,
  /** Between two addresses of one peer: a whole handshake at a round trip of 100 ms, so TCP wins wherever it works. */
  dialStaggerMs: 500,
  /** One address while others wait for its place: handshakes take a second even over bad links, and a dial has 10. */
  dialAttemptMs: 3_000,
  /** Attempts at one peer's addresses under way at once. */
  maxParallelDialsPerPeer: 8,

  /** Addresses of one signed peer record: two transports, two families, and a few names and interfaces. */
  maxRecordAddresses: 16,
  /** One multiaddr as text: a DNS name has at most 253 characters. */
  maxAddressChars: 320,
  /** One signed peer record: 16 addresses of 50 bytes with key and signature; a record of long names holds fewer. */
  maxRecordBytes: 1_024,
  /** Records in one frame of the address exchange: the largest set. */
  maxRecordsPerFrame: 128,

  /** Between two heartbeats of a member, give or take a tenth: 15 members say 1.5 messages of under 400 bytes a second. */
  heartbeatMs: 10_000,
  /** At once after a change, but not more often than this: a devnet's members all connect within a second. */
  minHeartbeatGapMs: 1_000,
  /** A member that was not heard for this long is silent: three beats missed, and half a beat for the way. */
  silentAfterMs: 35_000,

  /** One call to a Stacks node. */
  chainCallTimeoutMs: 10_000,
  /** Largest body accepted from a Stacks node. */
  maxChainAnswerBytes: 1024 * 1024,
  /** Event hints coalesce to one read in this time (R10). */
  minReadIntervalMs: 1_000,

  /** One step of a keygen attempt: everyone's message must be in. */
  keygenStepTimeoutMs: 30_000,
  /** Making the key of 128 members takes about a second on a thread of its own; within one step of the attempt. */
  keygenComputeTimeoutMs: 20_000,
  /**
   * A thread that no longer has to make a key looks after each call of the curve: under a millisecond of work, also on a machine
   * that does much else. Whoever stops the node waits so long at most.
   */
  keygenThreadLeaveMs: 5_000,
  /** Larger sets have their key made on a thread of its own: below it takes the loop 20 ms, and no more than 0.3 s without fast curves. */
  maxKeygenOnLoop: 16,
  /**
   * Until the next members coordinate a sign round of which no result was heard: some round trips round the world. Too short a
   * time costs work and no harm (R28).
   */
  coordinatorDelayMs: 1_000,
  /** Members that start to coordinate at once, if the first one came to nothing: faulty ones among them cost no further delay. */
  maxCoordinatorsPerTurn: 16,
  /** Unused nonce pairs that a member keeps for one coordinator (R25): two batches of 64 digests, and as many lost on the way. */
  maxNoncesPerCoordinator: 256,
  /** Between two times that a coordinator that has lost its pairs is given new ones beyond that number. */
  nonceReliefMs: 5_000,
  /** Between two restarts of a member that sign rounds act upon: no honest machine starts more often, and each costs its pairs. */
  restartRestMs: 5_000,
  /** Until a member is asked again for nonce commitments that did not come; doubled each time. */
  nonceRetryMinMs: 1_000,
  nonceRetryMaxMs: 30_000,
  /** The same while a round waits for them: a few times within its deadline. */
  nonceUrgentRetryMaxMs: 4_000,
  /** A client's threshold.sign, all sessions together, unless it gives its own deadline. */
  signTimeoutMs: 20_000,
  /** Sign sessions a node keeps at once, its own and others'. */
  maxSignSessions: 1_024,
  /**
   * Recalled sets at once (R8). With the current and a pending one they are four of the largest, for which the tables of authors
   * and forwarders have room.
   */
  maxRecalledSets: 2,
  /** Sets of the past that a node can name, under 12 KiB each: one rotation a week for ten years. */
  maxKnownSets: 520,
  /** Bytes of a request id. */
  maxRequestIdBytes: 64,
  /** Digests of one signing request: a Bitcoin transaction with more inputs is asked for in parts. */
  maxSignItems: 64,
  /** Nonces, partial signatures or digests of one batch: those of a deposit of 15 operators are 1,005. */
  maxS2BatchItems: 1_024,
  /** One-time public keys of one batch: a deposit has 363 of 128 bits and 16 of 256; either answer is a frame of 280 KB. */
  maxWots128Batch: 384,
  maxWots256Batch: 192,
  /** A message of p2p.sign; whoever has more signs its hash. */
  maxP2pMessageBytes: 64 * 1024,
  /** Keys in one answer of keys.list: under 4 KiB each. */
  maxKeysPerPage: 64,
  /** Digests that one operator lists for the handoff of a key (R29): with their signatures one message of 9 KiB. */
  maxHandoffDigests: 64,
  /** Rounds of one handoff at once. */
  maxHandoffRounds: 8,
  /** Handoffs whose signatures a node keeps, under 20 KiB each; the oldest goes first. */
  maxKeptHandoffs: 16,

  /** Keys of the key service: a validator has a handful. Their entries are in memory, under 1 KiB each with a few versions. */
  maxKeys: 256,
  /** Versions of one key: a rotation a month for five years. */
  maxKeyVersions: 64,
  /** A message that a key signs; whoever has more signs its hash. */
  maxKeyMessageBytes: 32 * 1024,
  /** A sealed backup: 64 versions of under 150 bytes, and what age adds. */
  maxKeyBackupBytes: 16 * 1024,
  /** Secrets that are open in memory; the others are opened again from their files, a millisecond each. */
  maxOpenKeySecrets: 64,
  /** One call to where keys are kept: a file takes milliseconds, a device on the network may take seconds. */
  keyBackendTimeoutMs: 20_000,
  /** Between the two steps of dropping a key: time to ask somebody, and not so long that it is forgotten. */
  keyDropTokenMs: 600_000,

  /** One sync to disk; health is red long before. What hangs for longer counts as failed, and the process stops (R30). */
  storeSyncTimeoutMs: 60_000,
  /**
   * One hash-chained journal. Evidence of a small set takes about 3 KiB a record, so this is thousands of provable faults; whoever
   * has that many rotates the file away.
   */
  maxJournalBytes: 16 * 1024 * 1024,
  /** One record: the confirms of 128 members beside a wrong trial share are 40 KiB, a third more as text. */
  maxJournalRecordBytes: 128 * 1024,
  /** One file of the audit log: 50,000 decisions, read and checked in a second at start. The next file follows. */
  maxAuditFileBytes: 16 * 1024 * 1024,
  /** One decision: ten times what one with every code of a batch takes. */
  maxAuditLineBytes: 4 * 1024,
  /** Below it, what clients make the node write is refused: a day of one greedy client, and the node's own journals, still fit. */
  minFreeDiskBytes: 512 * 1024 * 1024,
  /** Of one member: whoever shows so many has shown what it is, and can't fill the file. */
  maxEvidencePerMember: 64,
  /** The same in bytes of the file: all of it, over those that may be guilty at worst, less than half of the largest set. */
  maxMemberEvidenceBytes: 256 * 1024,
  /** Records remembered that say again what is kept, by 64-byte names. */
  maxEvidenceKnown: 4_096,
  /** Latest records that are told again, for members that were down. */
  maxEvidenceRetold: 8,
  /** A regular look at the node's state that is overdue by this makes all of health red: who looks no more knows nothing. */
  healthMaxAgeMs: 15_000,
} as const
