import type { PublicKey } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import { type Gate, hasStanding } from '../gating/index.ts'
import { registryScope, type Snapshot } from '../registry/index.ts'
import type { Foundation } from './foundation.ts'
import { Liveness, type OwnFacts } from './liveness/index.ts'
import type { NetworkParts } from './network-parts.ts'
import { stateOf } from './status.ts'

/** What the host hears beside messages, for whoever listens once it is made. */
export interface HostHearings {
  memberClock: (member: PublicKey, offsetMs: number) => void
  doubleVoice: (member: PublicKey, wire: Uint8Array) => void
}

export interface BeatFacts {
  readonly gate: Gate
  readonly snapshot: Snapshot | undefined
  readonly keyHeld: boolean
  /** Another node speaks with our key (R17). */
  readonly stopped: boolean
}

/** What this node says of itself in its heartbeats; undefined while it is no signer, and so has nothing to say. */
export function ownFacts({ gate, snapshot, keyHeld, stopped }: BeatFacts): OwnFacts | undefined {
  const { set, trust } = gate.state
  if (stateOf(gate) !== 'signer' || !hasStanding(gate.state) || set === undefined || snapshot === undefined)
    return undefined
  const { stacksHeight, burnHeight, indexBlockHash } = snapshot.tip
  return {
    setHash: set.hash,
    members: set.keys,
    ...{ stacksHeight, burnHeight, indexBlockHash, keyHeld },
    signing: keyHeld && !stopped,
    registryFresh: trust === 'fresh',
  }
}

export function createLiveness(
  { config, key, watcher, clock, logger, metrics }: Foundation,
  { gate, host, elsewhere, hearings }: NetworkParts,
  keyHeld: () => boolean,
): Liveness {
  const liveness = new Liveness({
    self: key.keyPair.publicKey,
    network: config.registry.id.network,
    scope: registryScope(config.registry.id),
    messenger: host.messenger,
    facts: () => ownFacts({ gate, snapshot: watcher.latest(), keyHeld: keyHeld(), stopped: elsewhere.stopped }),
    onDoubleVoice: (topic, wire) => host.overheard(topic, wire),
    tellEach: (member, topic, wire) => host.tellEach(peerIdOfKey(member), topic, wire),
    ...{ clock, logger, metrics },
  })
  hearings.memberClock = (member, offsetMs) => liveness.clockSeen(member, offsetMs)
  hearings.doubleVoice = (member, wire) => liveness.doubleVoice(member, wire)
  return liveness
}
