import { asGroupKey, LIMITS, type PublicKey, toHex } from '../base/index.ts'
import { parsePublicKey, xOnly } from '../curve/index.ts'
import { parseContractId, principalOf } from './principal.ts'
import { setHash, sortKeys } from './set-hash.ts'
import type { RegistryId, SignerSet } from './types.ts'

/** `get-current-signer-data` as the contract holds it, nothing checked but types. */
export interface RawSignerData {
  readonly keys: readonly Uint8Array[]
  readonly threshold: bigint
  readonly aggregateKey: Uint8Array
  /** c32 address, with `.<contract name>` if it is a contract's. */
  readonly principal: string
}

/** What can be wrong with a set (docs/RULES.md, "snapshot"). The contract checks none of it, so we do. */
export const SET_FAULTS = [
  'mixed_initialisation',
  'too_few_keys',
  'too_many_keys',
  'key_not_a_point',
  'duplicate_key',
  'threshold_too_low',
  'threshold_too_high',
  'aggregate_not_a_point',
] as const
export type SetFault = (typeof SET_FAULTS)[number]

/**
 * How the set's principal on chain relates to its keys. `differs` is reported and not fatal: the registry's governance may
 * use another kind of account, and refusing the set would then keep the gate on members that were removed.
 * Co-signing a rotation is what needs the match, and checks it for itself. `beyond_multisig`: more keys than R3 allows.
 */
export type PrincipalMatch = 'matches' | 'differs' | 'beyond_multisig'

export type Validated =
  | { readonly kind: 'set'; readonly set: SignerSet; readonly principalMatch: PrincipalMatch }
  | { readonly kind: 'uninitialised'; readonly deployer: string }
  | { readonly kind: 'invalid'; readonly fault: SetFault; readonly detail: string }

const invalid = (fault: SetFault, detail: string): Validated => ({ kind: 'invalid', fault, detail })

/** Judges one reading. Pure; never throws on what a chain can hold. */
export function validateSignerData(registry: RegistryId, raw: RawSignerData): Validated {
  const deployer = parseContractId(registry.contract).address
  const blank = [
    raw.keys.length === 0,
    raw.threshold === 0n,
    raw.aggregateKey.length === 1 && raw.aggregateKey[0] === 0,
  ]
  if (blank.every(Boolean)) {
    // R6 gives the deployer the first rotation: a principal that is somebody else's is no fresh registry.
    return raw.principal === deployer
      ? { kind: 'uninitialised', deployer }
      : invalid('mixed_initialisation', 'no signer set, but the principal is not the deployer')
  }
  if (blank.some(Boolean)) return invalid('mixed_initialisation', 'some of keys, threshold and aggregate key are unset')

  const n = raw.keys.length
  if (n < 2) return invalid('too_few_keys', 'fewer than 2 keys')
  if (n > LIMITS.maxSigners) return invalid('too_many_keys', `more than ${LIMITS.maxSigners} keys`)
  const listed: PublicKey[] = []
  for (const [index, bytes] of raw.keys.entries()) {
    const key = pointOrUndefined(bytes)
    if (key === undefined) return invalid('key_not_a_point', `key ${index} is not a point of the curve`)
    listed.push(key)
  }
  if (new Set(listed).size !== n) return invalid('duplicate_key', 'a key stands twice in the list')
  if (2n * raw.threshold <= BigInt(n)) return invalid('threshold_too_low', 'threshold is not more than half')
  if (raw.threshold > BigInt(n)) return invalid('threshold_too_high', 'threshold is above the number of keys')
  const aggregateKey = pointOrUndefined(raw.aggregateKey)
  if (aggregateKey === undefined) return invalid('aggregate_not_a_point', 'aggregate key is not a point of the curve')

  const threshold = Number(raw.threshold)
  const keys = sortKeys(listed)
  const unsorted = keys.some((key, i) => key !== listed[i])
  const set: SignerSet = Object.freeze({
    hash: setHash(registry, keys, threshold, aggregateKey),
    keys: Object.freeze(keys),
    threshold,
    aggregateKey,
    groupKey: asGroupKey(toHex(xOnly(raw.aggregateKey))),
    principal: raw.principal,
    ...(unsorted ? { listOrder: Object.freeze(listed) } : {}),
  })
  return { kind: 'set', set, principalMatch: matchPrincipal(registry, listed, threshold, raw.principal) }
}

function matchPrincipal(
  registry: RegistryId,
  listed: readonly PublicKey[],
  threshold: number,
  principal: string,
): PrincipalMatch {
  if (listed.length > LIMITS.maxMultisigKeys) return 'beyond_multisig'
  return principalOf(registry.chainId, listed, threshold) === principal ? 'matches' : 'differs'
}

function pointOrUndefined(bytes: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(bytes)
  } catch {
    return undefined
  }
}
