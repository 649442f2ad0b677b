import { quic } from '@chainsafe/libp2p-quic'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type KeyPair, randomBytes } from '../../../src/curve/index.ts'
import type { Transport } from '../../../src/p2p/index.ts'
import { until } from './hosts.ts'

/** A peer that uses the library as it likes: it says what bytes it will, in whatever topic. */
export interface RawNode {
  readonly libp2p: Libp2p
  readonly gossip: GossipSub
  /** Publishes and waits until somebody was there to take it. */
  publish(topic: string, data: Uint8Array): Promise<void>
}

export async function rawNode(
  key: KeyPair,
  addresses: readonly string[],
  transport: Transport = 'tcp',
): Promise<RawNode> {
  const libp2p = await createLibp2p({
    privateKey: privateKeyFromRaw(key.exposeSecret()),
    transports: [transport === 'tcp' ? tcp() : quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossipsub({
        globalSignaturePolicy: 'StrictNoSign',
        allowPublishToZeroTopicPeers: true,
        // Never twice the same, so that it says everything as often as it is told to.
        msgIdFn: () => randomBytes(16),
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  })
  const { gossip } = libp2p.services
  await libp2p.dial(addresses.map((a) => multiaddr(a)))
  return {
    libp2p,
    gossip,
    publish: async (topic, data) => {
      await until('someone subscribes', () => gossip.getSubscribers(topic).length > 0)
      await gossip.publish(topic, data)
    },
  }
}
