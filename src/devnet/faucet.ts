import { describeError, type Logger } from '../base/index.ts'
import type { EmbeddedChain } from './chain/index.ts'

/** Thousands of rotations at the fees of this chain, and several at the most that a node pays for one. */
const ACCOUNT_USTX = 100_000_000n

/**
 * Whoever the registry obeys pays for the next rotation. Where operators send STX to the account of each new set, a devnet
 * does it by itself, or its second rotation would end for want of funds. Returns what ends it.
 */
export function fundPrincipals(chain: EmbeddedChain, logger: Logger): () => void {
  // Credits come with the next block: until then an account is not poorer than it seems.
  let credited = ''
  return chain.blocks.on(() => {
    try {
      const { principal } = chain
      const { balanceUstx, nonce } = chain.account(principal)
      const at = `${principal} ${nonce}`
      if (balanceUstx >= ACCOUNT_USTX / 2n || at === credited) return
      credited = at
      chain.fund(principal, ACCOUNT_USTX - balanceUstx)
    } catch (error) {
      logger.error('The account of the set could not be funded', { error: describeError(error) })
    }
  })
}
