export { isNonceCommitment, sameCommitment } from './frost.ts'
export { SecretNonces } from './nonces.ts'
export {
  type Aggregate,
  aggregate,
  type Commitments,
  commitNonces,
  signShare,
  tweakedPublicKey,
  tweakKeyPackage,
  verifyShare,
} from './session.ts'
export { isTweak } from './tweak.ts'
