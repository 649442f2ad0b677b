import { encodeFields, isHex, LIMITS } from '../base/index.ts'
import { isTweak } from '../crypto/index.ts'
import { taggedHash } from '../curve/index.ts'
import type { SignItem } from './types.ts'

/** What is wrong with a request, in one sentence; undefined if its shape is right. */
export function findShapeFault(requestId: string, item: SignItem): string | undefined {
  if (!isHex(requestId) || requestId === '') return 'the request id must be lower-case hex'
  if (requestId.length > 2 * LIMITS.maxRequestIdBytes) return `the request id exceeds ${LIMITS.maxRequestIdBytes} bytes`
  if (item.digest.length !== 32) return 'the digest must have 32 bytes'
  if (!isTweak(item.tweak)) return 'the merkle root must have 32 bytes'
  return undefined
}

/** What a request id is bound to (R27): digest and tweak, 32 bytes. "No tweak", "empty root" and every root differ. */
export function hashOfItem({ digest, tweak }: SignItem): Uint8Array {
  const root = tweak.kind === 'key' ? tweak.merkleRoot : null
  return taggedHash('countersign/request-binding', encodeFields(digest, tweak.kind, root ?? new Uint8Array(0)))
}
