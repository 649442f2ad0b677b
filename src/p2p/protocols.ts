/** Protocol names as `RoleCheck.mayOpenStream` is asked about them. */
export const DIRECT_PROTOCOL = '/countersign/direct/1'
/** Signed peer records, exchanged among members. */
export const ADDRESSES_PROTOCOL = '/countersign/addresses/1'
/** Run by libp2p on every new connection; gossip learns from it who speaks gossip, so every gossiping role needs it. */
export const IDENTIFY_PROTOCOL = '/ipfs/id/1.0.0'
/** Every gossiping host pings its links each 10 s and drops those that don't answer, so whoever may connect should be answered. */
export const PING_PROTOCOL = '/ipfs/ping/1.0.0'
/** Newest first; the family that "gossip stream" means (R15). */
export const GOSSIP_PROTOCOLS = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0'] as const
export const GOSSIP_PROTOCOL = GOSSIP_PROTOCOLS[0]
export const isGossipProtocol = (protocol: string): boolean => protocol.startsWith('/meshsub/')
