export type { Dealer } from './dealer.ts'
export { decodeKeyPackage, encodeKeyPackage } from './encoding.ts'
export {
  type CheckedDealings,
  type CombinedKey,
  checkDealings,
  combineShares,
  dealerFor,
  dealingFaultOf,
  shareFor,
  shareMatchesDealing,
} from './keygen.ts'
export { type KeyMaterial, type MadeKey, makeKey } from './make-key.ts'
export { packageToJudge, verifyingShareOf } from './one-share.ts'
export { aggregatePublicKey } from './package.ts'
export type { Dealing, DealingFault, KeygenGroup, Rng } from './types.ts'
