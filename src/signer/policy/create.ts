import type { Clock, Logger, Metrics } from '../../base/index.ts'
import type { RequestBindings } from '../bindings.ts'
import { SignerError } from '../errors.ts'
import type { PolicyKind } from '../types.ts'
import { autoJudge } from './auto.ts'
import { bridgeJudge, VotedJudge } from './bridge.ts'
import { Decisions } from './decisions.ts'
import { PolicyGate } from './gate.ts'
import { HttpJudge } from './http.ts'
import type { Judge, SigningPolicy } from './types.ts'
import type { ValidatorInit } from './validator.ts'
import { Votes, type VotesInit } from './votes.ts'

export interface PolicyInit {
  readonly kind: PolicyKind
  readonly bindings: RequestBindings
  /** The chain's own network id, as the chain tells it. */
  readonly chainId: number
  /** The network's name in the config. */
  readonly network: string
  /** A consent stands for this long after it was asked for, where the request has no end of its own. */
  readonly requestTtlMs: number
  /** Kind `bridge`: whose asking counts, and how many it takes. undefined: any one granted bridge. */
  readonly votes?: VotesInit | undefined
  /** Needed for kind `http`. */
  readonly validator?: Omit<ValidatorInit, 'network'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Chain id of Stacks test networks, devnets included; the public testnet has the same. */
const TESTNET_CHAIN_ID = 0x80000000

/** R11: the chain's own id decides; a config that says "mainnet" beside it is a mistake and counts as mainnet. */
export const autoPolicyAllowed = (chainId: number, network: string): boolean =>
  chainId === TESTNET_CHAIN_ID && network.trim().toLowerCase() !== 'mainnet'

/** Throws `POLICY_FORBIDDEN` if `auto` is asked for on a chain that isn't a devnet's, or `http` without a validator. */
export function createPolicy(init: PolicyInit): SigningPolicy {
  const { kind, bindings, clock } = init
  return new PolicyGate({ kind, judge: judgeOf(init), bindings, decisions: new Decisions(init), clock })
}

function judgeOf(init: PolicyInit): Judge {
  const { kind, network, chainId } = init
  switch (kind) {
    case 'bridge':
      return init.votes === undefined ? bridgeJudge(init) : new VotedJudge(init, new Votes(init.votes, init.clock))
    case 'http':
      if (init.validator === undefined)
        throw new SignerError('POLICY_FORBIDDEN', 'policy "http" needs the url of its validator', {})
      return new HttpJudge({ ...init, validator: { ...init.validator, network } })
    case 'auto':
      if (!autoPolicyAllowed(chainId, network))
        throw new SignerError(
          'POLICY_FORBIDDEN',
          `policy "auto" signs whatever any member asks and is refused on network ${network} with chain id ${chainId}; use policy = "bridge"`,
          { chainId, network },
        )
      init.logger.warn('policy "auto": this node signs whatever a member asks for; for devnets only')
      return autoJudge(init.bindings)
  }
}
