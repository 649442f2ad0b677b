import { CodedError, encodeFields, fromUtf8, toHex, utf8 } from '../base/index.ts'
import { taggedHash } from '../curve/index.ts'
import type { RotateKeysCall } from '../registry/index.ts'
import type { Space } from '../store/index.ts'

/** Names what a rotate-keys transaction would do, whatever its fee: one such payload per account nonce is ever signed (R29). */
export function payloadId(principal: string, call: RotateKeysCall): string {
  const fields = encodeFields(principal, call.newAggregateKey, call.newThreshold, ...call.newKeys)
  return toHex(taggedHash('countersign/rotate-keys-payload', fields))
}

/** Fixes the payload for (principal, nonce), durably, before it is signed. Throws `NONCE_TAKEN` for another payload. */
export async function reserveNonce(space: Space, principal: string, nonce: number, payload: string): Promise<void> {
  const key = `${principal}/${nonce}`
  const before = await space.get(key)
  if (before === undefined) return await space.put(key, utf8(payload))
  if (fromUtf8(before) === payload) return
  throw new CodedError(
    'NONCE_TAKEN',
    `another rotate-keys payload was already signed for nonce ${nonce} of ${principal}: wait until that transaction is mined or refused`,
  )
}
