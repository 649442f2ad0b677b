import type { Logger } from '../base/index.ts'
import { isBoundTo, type RequestBindings } from './bindings.ts'
import { SignerError } from './errors.ts'
import { findShapeFault } from './request-shape.ts'
import type { Consent, PolicyKind, ThresholdRequest } from './types.ts'

/** This operator's say in what its share signs (DESIGN §10). */
export interface SigningPolicy {
  readonly kind: PolicyKind
  /** Asked once per request of this operator's own bridge, before it is bound. */
  approve(request: ThresholdRequest): Promise<'yes' | 'refused'>
  /** Asked before this node makes a nonce or a share in anybody's round. Throws `BINDINGS_FAILED`. */
  consent(request: ThresholdRequest): Promise<Consent>
}

export interface PolicyInit {
  readonly kind: PolicyKind
  readonly bindings: RequestBindings
  /** The chain's own network id, as the chain tells it. */
  readonly chainId: number
  /** The network's name in the config. */
  readonly network: string
  readonly logger: Logger
}

/** Chain id of Stacks test networks, devnets included; the public testnet has the same. */
const TESTNET_CHAIN_ID = 0x80000000

/** R11: the chain's own id decides; a config that says "mainnet" beside it is a mistake and counts as mainnet. */
export const autoPolicyAllowed = (chainId: number, network: string): boolean =>
  chainId === TESTNET_CHAIN_ID && network.trim().toLowerCase() !== 'mainnet'

/** Throws `POLICY_FORBIDDEN` if `auto` is asked for on a chain that isn't a devnet's. */
export function createPolicy(init: PolicyInit): SigningPolicy {
  if (init.kind === 'bridge') return bridgePolicy(init.bindings)
  if (!autoPolicyAllowed(init.chainId, init.network))
    throw new SignerError(
      'POLICY_FORBIDDEN',
      `policy "auto" signs whatever any member asks and is refused on network ${init.network} with chain id ${init.chainId}; use policy = "bridge"`,
      { chainId: init.chainId, network: init.network },
    )
  init.logger.warn('policy "auto": this node signs whatever a member asks for; for devnets only')
  return autoPolicy(init.bindings)
}

/** Yes to exactly what this operator's own bridge asked for: a binding is the trace of that. */
function bridgePolicy(bindings: RequestBindings): SigningPolicy {
  return {
    kind: 'bridge',
    approve: async () => 'yes',
    async consent({ requestId, groupKey, items }) {
      if (findShapeFault(requestId, items) !== undefined) return 'refused'
      const binding = await bindings.lookup(groupKey, requestId)
      if (binding === undefined) return 'not_asked_yet'
      return isBoundTo(binding, items) ? 'yes' : 'refused'
    },
  }
}

/** Yes to everything, but to one list of items per request id: even here nobody gets two answers under one id. */
function autoPolicy(bindings: RequestBindings): SigningPolicy {
  return {
    kind: 'auto',
    approve: async () => 'yes',
    async consent(request) {
      if (findShapeFault(request.requestId, request.items) !== undefined) return 'refused'
      return (await bindings.bind(request)) === 'equivocation' ? 'refused' : 'yes'
    },
  }
}
