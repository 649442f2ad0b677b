import { join } from 'node:path'
import { createConnectionGater, Evictor, Gate, type GateLists } from '../gating/index.ts'
import { createP2pHost, type P2pHost, type P2pHostInit } from '../p2p/index.ts'
import { registryScope } from '../registry/index.ts'
import { fileKeeper } from '../store/index.ts'
import type { NodeConfig, Seed } from './config/index.ts'
import { type Foundation, nextOf } from './foundation.ts'
import { Grants } from './grants.ts'
import { KeyElsewhere } from './liveness/index.ts'
import type { HostHearings } from './liveness-parts.ts'
import { Membership, trustIn } from './membership.ts'

/** The gate, the host behind it, and what keeps both in step with the chain. */
export interface NetworkParts {
  readonly gate: Gate
  readonly host: P2pHost
  readonly evictor: Evictor
  readonly membership: Membership
  readonly grants: Grants
  /** R17: whether this node's key speaks elsewhere, too. */
  readonly elsewhere: KeyElsewhere
  readonly hearings: HostHearings
}

/** What the gate takes from a config, at start and at every reload. */
export const gateListsOf = (config: NodeConfig): GateLists => ({
  bridges: config.bridges.map((b) => b.peerId),
  backups: config.backups,
  denied: config.p2p.deny,
})

/** Where to look for members. A relay is a member that this node must reach before any other. */
const seedsOf = ({ p2p }: NodeConfig): readonly Seed[] => [...p2p.seeds, ...(p2p.nat?.relays ?? [])]

/** Puts a reloaded config to work: gate, closing, grants, seeds; all of it before the first wait. */
export async function applyReload({ membership, grants }: NetworkParts, config: NodeConfig): Promise<void> {
  const closed = membership.applyLists(gateListsOf(config))
  grants.replace(config.bridges)
  membership.applySeeds(seedsOf(config))
  await closed
}

/** `makeHost`: what carries it all; simulations give a host without libp2p. */
export function createNetwork(
  base: Pick<Foundation, 'config' | 'boot' | 'clock' | 'logger' | 'metrics'> & {
    readonly key: Pick<Foundation['key'], 'keyPair'>
    readonly watcher: Pick<Foundation['watcher'], 'stale'>
    readonly keys?: Foundation['keys']
  },
  moreSeeds: readonly Seed[] = [],
  makeHost: (init: P2pHostInit) => P2pHost = createP2pHost,
): NetworkParts {
  const { config, key, boot, clock, logger, metrics, watcher } = base
  const { nat, mdns } = config.p2p
  const ports = { clock, logger, metrics }
  const self = key.keyPair.publicKey
  const gate = new Gate({
    self,
    ...gateListsOf(config),
    registryScope: registryScope(config.registry.id),
    ...ports,
  })
  const elsewhere = new KeyElsewhere(ports)
  const hearings: HostHearings = { memberClock() {}, doubleVoice() {} }
  const host = makeHost({
    keyPair: key.keyPair,
    listen: config.p2p.listen,
    announce: config.p2p.announce,
    transports: config.p2p.transports,
    network: config.registry.id.network,
    boot,
    roles: gate,
    connectionGater: createConnectionGater(gate, clock, {
      isSeed: (address) => membership.isSeed(address),
      named: () => membership.named(),
    }),
    addressKeeper: fileKeeper(join(config.dataDir, 'addresses.bin')),
    ...(nat === undefined ? {} : { nat }),
    ...(mdns ? { mdns: {} } : {}),
    onOwnKeyElsewhere: (otherBoot) => elsewhere.heard(otherBoot),
    onMemberClock: (member, offsetMs) => hearings.memberClock(member, offsetMs),
    onDoubleVoice: (member, wire) => hearings.doubleVoice(member, wire),
    ...ports,
  })
  const evictor = new Evictor({ gate, close: host, ...ports })
  const trust = () => trustIn(watcher.stale(), config.registry.onStale)
  const seeds = [...seedsOf(config), ...moreSeeds]
  const nextKey = nextOf(base)?.keyPair.publicKey
  const membership: Membership = new Membership({ self, nextKey, gate, evictor, host, trust, seeds, clock, logger })
  return { gate, host, evictor, membership, elsewhere, hearings, grants: new Grants(config.bridges) }
}
