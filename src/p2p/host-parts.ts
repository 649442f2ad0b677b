import type { Connection } from '@libp2p/interface'
import { keepAliveClock, systemClock } from '../base/index.ts'
import { AddressBook } from './address-book.ts'
import { libp2pRecordCodec } from './addresses/libp2p-record.ts'
import { peerOf } from './connection-info.ts'
import { Dialer } from './dialer.ts'
import type { P2pHostInit } from './host-init.ts'
import { LinkEvents } from './link-events.ts'
import { Links } from './links.ts'
import { Mesh } from './mesh.ts'
import type { Node, NodeInit } from './node.ts'
import { Speech } from './speech.ts'
import { StreamGuard } from './stream-guard.ts'
import { Streams } from './streams.ts'

/** What a host is made of, beside the libp2p of each run. */
export interface HostParts {
  readonly dialer: Dialer
  readonly streams: Streams
  readonly speech: Speech
  readonly mesh: Mesh
  readonly events: LinkEvents
  /** Of what the libp2p of the next run is made. */
  readonly nodeInit: NodeInit
}

/** Puts the parts together; each stands on those before it, and does nothing yet. `node`: this run's libp2p, while there is one. */
export function hostParts(init: P2pHostInit, node: () => Node | undefined): HostParts {
  const { keyPair, network, boot, roles, metrics, connectionGater: gater } = init
  const isMember = init.gossip !== false
  const clock = init.clock ?? systemClock
  const logger = init.logger.child('p2p')
  const common = { self: keyPair.peerId, roles, clock, logger, metrics }

  const book = new AddressBook()
  const dialer = new Dialer({
    ...{ ...common, book, gater, node },
    // Somebody may wait for a dial with nothing else open.
    clock: init.clock ?? keepAliveClock,
    ...(init.resolve === undefined ? {} : { resolve: init.resolve }),
  })
  const guard = new StreamGuard(roles, metrics)
  const streams = new Streams({ guard, roles, dialer, logger, frameTimeoutMs: init.frameTimeoutMs })
  const { onOwnKeyElsewhere, onMemberClock, onDoubleVoice } = init
  const speech = new Speech({
    ...{ keyPair, network, boot, roles, streams, clock, logger, metrics },
    ...{ onOwnKeyElsewhere, onMemberClock, onDoubleVoice },
  })
  const membership = {
    ...{ streams, codec: libp2pRecordCodec(keyPair), keeper: init.addressKeeper },
    ownAddresses: () => ownAddresses(node()),
    linked: () => [...new Set(openConnections(node()).map(peerOf))],
    links: new Links({ dialer, streams, gossip: () => speech.gossip }),
  }
  const mesh = new Mesh({
    ...{ ...common, book, dialer, relays: init.nat?.relays ?? [] },
    membership: isMember ? membership : undefined,
  })
  const events = new LinkEvents({ dialer, mesh, speech, logger, metrics })
  const nodeInit: NodeInit = {
    ...{ keyPair, listen: init.listen, announce: init.announce ?? [], transports: init.transports, gater, guard },
    gossip: isMember ? { intake: speech.intake, roles, metrics, clock } : undefined,
    nat: init.nat,
    relayedAddresses: () => mesh.relayedAddresses(),
    lan: init.mdns && { ...init.mdns, found: (peer, addresses) => mesh.found(peer, addresses) },
  }
  return { dialer, streams, speech, mesh, events, nodeInit }
}

export const openConnections = (node: Node | undefined): readonly Connection[] =>
  node?.libp2p.getConnections().filter((c) => c.status === 'open') ?? []

export const ownAddresses = (node: Node | undefined): readonly string[] =>
  node?.libp2p.getMultiaddrs().map((a) => a.toString()) ?? []
