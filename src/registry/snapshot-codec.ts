import { isHex, utf8 } from '../base/index.ts'
import { isCount, isRecord, parseJsonObject } from './json.ts'
import { fromStoredSet, toStoredSet } from './set-codec.ts'
import { type ChainTip, READ_PATHS, type ReadEvidence, type RegistryId, type Snapshot } from './types.ts'

/** Raised when the stored form changes; another version is not read. */
const FORMAT = 1

type SetSnapshot = Extract<Snapshot, { kind: 'set' }>

/** Why a stored snapshot was not taken. */
export type StoredRefusal = 'unreadable' | 'other_registry' | 'invalid_set'

/** The stored form of a set snapshot. What the registry answers when uninitialised is never stored: R6 wants it answered now. */
export function encodeSnapshot(registry: RegistryId, { set, tip, readAtMs, evidence }: SetSnapshot): Uint8Array {
  return utf8(
    JSON.stringify({
      format: FORMAT,
      network: registry.network,
      chainId: registry.chainId,
      contract: registry.contract,
      ...toStoredSet(set),
      tip,
      readAtMs,
      evidence,
    }),
  )
}

/** Reads it back with every check that a reading from the chain passes; `nowMs` bounds a time from the future. */
export function decodeSnapshot(registry: RegistryId, bytes: Uint8Array, nowMs: number): SetSnapshot | StoredRefusal {
  const json = parseJsonObject(bytes)
  const tip = json === undefined ? undefined : parseTip(json.tip)
  if (json?.format !== FORMAT || tip === undefined || !isCount(json.readAtMs)) return 'unreadable'
  if (json.network !== registry.network || json.chainId !== registry.chainId || json.contract !== registry.contract)
    return 'other_registry'
  const set = fromStoredSet(registry, json)
  if (typeof set === 'string') return set
  const evidence = parseEvidence(json.evidence)
  const readAtMs = Math.min(json.readAtMs, nowMs)
  return Object.freeze({ kind: 'set', set, tip, readAtMs, ...(evidence === undefined ? {} : { evidence }) })
}

/** Only told to the operator: missing in older files, and a malformed one must not cost the set. */
function parseEvidence(value: unknown): ReadEvidence | undefined {
  if (!isRecord(value) || !isCount(value.confirmations)) return undefined
  const { endpoints, confirmations } = value
  const via = READ_PATHS.find((path) => path === value.via)
  if (via === undefined || !Array.isArray(endpoints) || !endpoints.every((e) => typeof e === 'string')) return undefined
  return Object.freeze({ endpoints: Object.freeze(endpoints), via, confirmations })
}

/** Undefined if it is malformed. */
export function parseTip(value: unknown): ChainTip | undefined {
  if (!isRecord(value)) return undefined
  const { indexBlockHash, stacksHeight, burnHeight } = value
  if (typeof indexBlockHash !== 'string' || !isHex(indexBlockHash, 32)) return undefined
  if (!isCount(stacksHeight) || !isCount(burnHeight)) return undefined
  return { indexBlockHash, stacksHeight, burnHeight, ...(value.isMinedBy === true ? { isMinedBy: true } : {}) }
}
