import {
  asPendingId,
  asSetHash,
  encodeFields,
  type PendingId,
  type PublicKey,
  type SetHash,
  toHex,
} from '../base/index.ts'
import { publicKeyBytes, taggedHash } from '../curve/index.ts'
import type { RegistryId } from './types.ts'

const SET_TAG = 'countersign/set/v1'
const UNINITIALISED_TAG = 'countersign/uninitialised-set/v1'
const SCOPE_TAG = 'countersign/registry/v1'
const PENDING_TAG = 'countersign/pending-set/v1'

/** In the order of their bytes: lower-case hex of one length sorts the same way. */
export const sortKeys = (keys: readonly PublicKey[]): PublicKey[] => [...keys].sort()

const keyList = (keys: readonly PublicKey[]): Uint8Array => encodeFields(...sortKeys(keys).map(publicKeyBytes))

/** Name of a signer set (docs/RULES.md). The order of `keys` doesn't matter. */
export function setHash(
  registry: RegistryId,
  keys: readonly PublicKey[],
  threshold: number,
  aggregateKey: PublicKey,
): SetHash {
  const fields = encodeFields(
    registry.network,
    registry.contract,
    keyList(keys),
    threshold,
    publicKeyBytes(aggregateKey),
  )
  return asSetHash(toHex(taggedHash(SET_TAG, fields)))
}

/** Stands for "no set yet" (R6) where a parent is named; its own tag, so no set can have it. */
export const uninitialisedParentHash = (registry: RegistryId): SetHash =>
  asSetHash(toHex(taggedHash(UNINITIALISED_TAG, encodeFields(registry.network, registry.contract))))

/**
 * Names the registry itself, whatever set it holds: the scope of topics that outlive a set, and of what a node keeps of them.
 * A chain that begins anew under the same names has the same scope (its chain id would be the same, too): its nodes need
 * empty data folders, as config/signer.toml says.
 */
export const registryScope = (registry: RegistryId): SetHash =>
  asSetHash(toHex(taggedHash(SCOPE_TAG, encodeFields(registry.network, registry.contract))))

/** What a pending set is named by (R7): it has no aggregate key yet, so a set hash can't name it. */
export interface PendingSet {
  readonly registryId: RegistryId
  readonly parentSetHash: SetHash
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  /** Counts keygen attempts of one set, from 0. */
  readonly attempt: number
}

/** R7. The order of `keys` doesn't matter. */
export function pendingId({ registryId, parentSetHash, keys, threshold, attempt }: PendingSet): PendingId {
  const fields = encodeFields(registryId.network, registryId.contract, parentSetHash, keyList(keys), threshold, attempt)
  return asPendingId(toHex(taggedHash(PENDING_TAG, fields)))
}
