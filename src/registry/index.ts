export { decodeAddress, encodeAddress } from './c32.ts'
export { ReadError, readFailureOf } from './errors.ts'
export { isCount, isRecord, parseJsonObject } from './json.ts'
export { createEventObserver, type EventObserver, type EventObserverInit } from './observer.ts'
export {
  MAINNET_CHAIN_ID,
  parseContractId,
  principalOf,
  redeemScript,
  requireMultisigSize,
  TESTNET_CHAIN_ID,
} from './principal.ts'
export { type EndpointProbe, probeRegistry } from './probe.ts'
export { defaultConfirmations, requireSoundQuorum } from './quorum.ts'
export { createRotateKeysTx, type RotateKeysInit } from './rotate-keys.ts'
export { MAX_FEE_USTX, requirePlanOf, requireRotatable, requireSoundPlan } from './rotate-plan.ts'
export type { SetChange } from './set-audit.ts'
export { fromStoredSet, type StoredSet, toStoredSet } from './set-codec.ts'
export { type PendingSet, pendingId, registryScope, setHash, sortKeys, uninitialisedParentHash } from './set-hash.ts'
export { decodeSnapshot, parseTip } from './snapshot-codec.ts'
export { type Account, createStacksClient, indexBlockHash, type NodeInfo, type StacksClient } from './stacks-client.ts'
export { DEFAULT_MAX_AGE_MS, isStale } from './staleness.ts'
export type * from './types.ts'
export { READ_FAILURES, READ_PATHS } from './types.ts'
export {
  type PrincipalMatch,
  type RawSignerData,
  SET_FAULTS,
  type SetFault,
  type Validated,
  validateSignerData,
} from './validate.ts'
export { createRegistryWatcher, type RegistryWatcherInit } from './watcher.ts'
