import { describeError, type Logger } from '../base/index.ts'
import type { EmbeddedChain } from './chain/index.ts'

/** Thousands of rotations at the fees of this chain, and several at the most that a node pays for one. */
const ACCOUNT_USTX = 100_000_000n

/**
 * Whoever the registry obeys pays for the next rotation. Where operators send STX to the account of each new set, a devnet
 * does it by itself, or its second rotation would end for want of funds. Returns what ends it.
 */
export function fundPrincipals(chain: EmbeddedChain, logger: Logger): () => void {
  return chain.blocks.on(() => {
    try {
      const { principal } = chain
      const { balanceUstx } = chain.account(principal)
      // The credit comes with the next block, before this is asked again.
      if (balanceUstx < ACCOUNT_USTX / 2n) chain.fund(principal, ACCOUNT_USTX - balanceUstx)
    } catch (error) {
      logger.error('The account of the set could not be funded', { error: describeError(error) })
    }
  })
}
