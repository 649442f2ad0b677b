export type { Dealer } from './dealer.ts'
export { decodeKeyPackage, encodeKeyPackage } from './encoding.ts'
export {
  type CheckedDealings,
  type CombinedKey,
  checkDealings,
  combineShares,
  dealerFor,
  shareFor,
  shareMatchesDealing,
} from './keygen.ts'
export { aggregatePublicKey } from './package.ts'
export type { Dealing, DealingFault, KeygenGroup, Rng } from './types.ts'
