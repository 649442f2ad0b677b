export type { ConnectionGater } from '@libp2p/interface'
export type { AddressKeeper } from './addresses/keeper.ts'
export { canonicalAddress } from './dialer.ts'
export { createDialerHost, type DialerHost, type DialerHostInit } from './dialer-host.ts'
export { DROPS, type DropReason } from './drop-reasons.ts'
export {
  type DecodedEnvelope,
  decodeEnvelope,
  type EnvelopeFields,
  hasValidSignature,
  openEnvelope,
} from './envelope.ts'
export { createP2pHost, type P2pHostInit } from './host.ts'
export { addressesNotListenedAt } from './listen-failure.ts'
export {
  ADDRESSES_PROTOCOL,
  DIRECT_PROTOCOL,
  GOSSIP_PROTOCOLS,
  IDENTIFY_PROTOCOL,
  isGossipProtocol,
  PING_PROTOCOL,
} from './protocols.ts'
export { checkNetworkName, parseTopicName, topicName } from './topic.ts'
export type * from './types.ts'
export { DENIAL_PLACES, DENIAL_REASONS, PURPOSES } from './types.ts'
