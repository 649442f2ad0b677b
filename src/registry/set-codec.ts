import { fromHex, isHex } from '../base/index.ts'
import { isCount } from './json.ts'
import type { RegistryId, SignerSet } from './types.ts'
import { validateSignerData } from './validate.ts'

/** The stored form of a signer set: as the contract holds it. Hash and group key are computed anew from it. */
export interface StoredSet {
  readonly keys: readonly string[]
  readonly threshold: number
  readonly aggregateKey: string
  readonly principal: string
}

export const toStoredSet = ({ keys, listOrder, threshold, aggregateKey, principal }: SignerSet): StoredSet => ({
  keys: listOrder ?? keys,
  threshold,
  aggregateKey,
  principal,
})

/** Reads it back with every check that a reading from the chain passes. Never throws. */
export function fromStoredSet(
  registry: RegistryId,
  { keys, threshold, aggregateKey, principal }: Readonly<Record<string, unknown>>,
): SignerSet | 'unreadable' | 'invalid_set' {
  if (!Array.isArray(keys) || !keys.every(isKeyHex) || !isCount(threshold)) return 'unreadable'
  if (!isKeyHex(aggregateKey) || typeof principal !== 'string') return 'unreadable'
  const judged = validateSignerData(registry, {
    keys: keys.map((key) => fromHex(key)),
    threshold: BigInt(threshold),
    aggregateKey: fromHex(aggregateKey),
    principal,
  })
  return judged.kind === 'set' ? judged.set : 'invalid_set'
}

const isKeyHex = (value: unknown): value is string => typeof value === 'string' && isHex(value, 33)
