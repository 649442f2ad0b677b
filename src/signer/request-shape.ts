import { encodeFields, isHex, LIMITS } from '../base/index.ts'
import { isTweak } from '../crypto/index.ts'
import { taggedHash } from '../curve/index.ts'
import type { SignItem } from './types.ts'

/** What is wrong with a request, in one sentence; undefined if its shape is right. */
export function findShapeFault(requestId: string, items: readonly SignItem[]): string | undefined {
  if (!isHex(requestId) || requestId === '') return 'the request id must be lower-case hex'
  if (requestId.length > 2 * LIMITS.maxRequestIdBytes) return `the request id exceeds ${LIMITS.maxRequestIdBytes} bytes`
  if (items.length === 0) return 'there is nothing to sign: give at least one digest'
  if (items.length > LIMITS.maxSignItems) return `one request holds at most ${LIMITS.maxSignItems} digests`
  if (items.some(({ digest }) => digest.length !== 32)) return 'the digest must have 32 bytes'
  if (!items.every(({ tweak }) => isTweak(tweak))) return 'the merkle root must have 32 bytes'
  return undefined
}

/**
 * What a request id is bound to (R27): the ordered digests and tweaks, 32 bytes. "No tweak", "empty root" and every root differ.
 * Every item has three fields with their lengths, so no two lists have the same bytes.
 */
export function hashOfItems(items: readonly SignItem[]): Uint8Array {
  const fields = items.flatMap(({ digest, tweak }) => {
    const root = tweak.kind === 'key' ? tweak.merkleRoot : null
    return [digest, tweak.kind, root ?? new Uint8Array(0)]
  })
  return taggedHash('countersign/request-binding', encodeFields(...fields))
}
