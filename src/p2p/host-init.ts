import type { ConnectionGater } from '@libp2p/interface'
import type { Clock, Logger, Metrics } from '../base/index.ts'
import type { KeyPair } from '../curve/index.ts'
import type { AddressKeeper } from './addresses/keeper.ts'
import type { IntakeListeners } from './intake.ts'
import type { LanDiscoveryInit } from './lan-discovery.ts'
import type { ResolveHost } from './resolve.ts'
import type { NatInit, RoleCheck, Transport } from './types.ts'

export interface P2pHostInit {
  readonly keyPair: KeyPair
  /** Multiaddrs to listen on, TCP or QUIC; none for a host that only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell peers instead of those listened on (NAT, load balancer). */
  readonly announce?: readonly string[]
  readonly transports: readonly Transport[]
  readonly network: string
  /** R16: this start's boot number. */
  readonly boot: number
  readonly roles: RoleCheck
  readonly connectionGater: ConnectionGater
  /** False: no gossip and no envelopes; `messenger` throws. */
  readonly gossip?: boolean
  /** Left out: no relay protocol is spoken. */
  readonly nat?: NatInit
  /** Looks for members on the local network; left out: it doesn't, and isn't found there. */
  readonly mdns?: LanDiscoveryInit
  /** Where the address book survives a restart; in memory only without it. */
  readonly addressKeeper?: AddressKeeper
  /** How names in addresses are resolved; as the machine does unless said. */
  readonly resolve?: ResolveHost
  /** How long a frame may take that has begun; as `LIMITS` says unless said. */
  readonly frameTimeoutMs?: number
  readonly clock?: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** R17: another process speaks with this node's key. */
  readonly onOwnKeyElsewhere?: (boot: number) => void
  readonly onMemberClock?: IntakeListeners['onMemberClock']
  readonly onDoubleVoice?: IntakeListeners['onDoubleVoice']
}
