/**
 * A whole round as the libraries have it: `@noble/curves` FROST, every message gossiped by `@libp2p/gossipsub` with its own
 * signatures (StrictSign, the default). Nonces are committed to before, as in ours; members trust one coordinator.
 */

import { generateKeyPair } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { FrostPublic, FrostSecret, NonceCommitments, Nonces } from '@noble/curves/abstract/frost.js'
import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { createLibp2p } from 'libp2p'

const TOPIC = 'round'

export interface NobleKey {
  readonly public: FrostPublic
  readonly secrets: readonly FrostSecret[]
}
export interface GossipRounds {
  /** Nonces are made before the clock runs. */
  prepare(): () => Promise<Uint8Array>
  stop(): Promise<void>
}
interface Member {
  readonly libp2p: Libp2p
  readonly gossip: GossipSub
  readonly secret: FrostSecret
  nonces: Nonces | undefined
}
/** A member's commitments, as hex. */
interface Sent {
  readonly identifier: string
  readonly hiding: string
  readonly binding: string
}
type Said =
  | { readonly kind: 'package'; readonly digest: string; readonly list: readonly Sent[] }
  | { readonly kind: 'share'; readonly from: string; readonly share: string }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const wire = (said: Said): Uint8Array => Buffer.from(JSON.stringify(said))
const read = (data: Uint8Array): Said => JSON.parse(Buffer.from(data).toString())
const listOf = (list: readonly Sent[]): NonceCommitments[] =>
  list.map(({ identifier, hiding, binding }) => ({
    identifier,
    hiding: bytesOf(hiding),
    binding: bytesOf(binding),
  })) as NonceCommitments[]

/** A member of the full mesh for each secret; the first one coordinates. */
export async function gossipRounds(key: NobleKey, digest: Uint8Array): Promise<GossipRounds> {
  const members: Member[] = []
  for (const secret of key.secrets) {
    const libp2p = await createLibp2p({
      privateKey: await generateKeyPair('secp256k1'),
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionManager: { inboundConnectionThreshold: 1_000 },
      services: {
        identify: identify(),
        ping: ping(),
        gossip: gossipsub({ scoreParams: { IPColocationFactorWeight: 0 } }),
      },
    })
    for (const { libp2p: other } of members) await libp2p.dial(other.getMultiaddrs())
    members.push({ libp2p, gossip: libp2p.services.gossip, secret, nonces: undefined })
  }
  for (const m of members) m.gossip.subscribe(TOPIC)
  const [coordinator] = members
  if (coordinator === undefined) throw new Error('baseline: no members')
  const shares = new Map<string, Uint8Array>()
  let ended = Promise.withResolvers<Uint8Array>()
  let list: NonceCommitments[] = []

  const share = ({ secret, nonces }: Member, p: Said & { kind: 'package' }): Uint8Array => {
    if (nonces === undefined) throw new Error('baseline: no nonces')
    return schnorr_FROST.signShare(secret, key.public, nonces, listOf(p.list), bytesOf(p.digest))
  }
  const take = (from: string, given: Uint8Array): void => {
    if (!schnorr_FROST.verifyShare(key.public, list, digest, from, given)) throw new Error('baseline: wrong share')
    shares.set(from, given)
    if (shares.size === list.length)
      ended.resolve(schnorr_FROST.aggregate(key.public, list, digest, Object.fromEntries(shares)))
  }
  for (const m of members)
    m.gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const said = read(detail.msg.data)
      const isAsked = said.kind === 'package' && said.list.some((c) => c.identifier === m.secret.identifier)
      if (said.kind === 'package' && isAsked) {
        const answer = wire({ kind: 'share', from: m.secret.identifier, share: hex(share(m, said)) })
        void m.gossip.publish(TOPIC, answer)
      }
      if (said.kind === 'share' && m === coordinator) take(said.from, bytesOf(said.share))
    })

  return {
    prepare: () => {
      const chosen = members.slice(0, key.public.signers.min)
      list = chosen.map((m) => {
        const { nonces, commitments } = schnorr_FROST.commit(m.secret)
        m.nonces = nonces
        return commitments
      })
      shares.clear()
      ended = Promise.withResolvers()
      return async () => {
        const said: Said = {
          kind: 'package',
          digest: hex(digest),
          list: list.map(({ identifier, hiding, binding }) => ({
            identifier,
            hiding: hex(hiding),
            binding: hex(binding),
          })),
        }
        await coordinator.gossip.publish(TOPIC, wire(said))
        take(coordinator.secret.identifier, share(coordinator, said))
        return await ended.promise
      }
    },
    stop: async () => {
      await Promise.all(members.map((m) => m.libp2p.stop()))
    },
  }
}
