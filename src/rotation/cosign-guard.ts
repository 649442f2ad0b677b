import { CodedError, encodeFields, fromUtf8, toHex, utf8 } from '../base/index.ts'
import { taggedHash } from '../curve/index.ts'
import type { RotateKeysCall } from '../registry/index.ts'
import type { Space } from '../store/index.ts'

/** Names what a rotate-keys transaction would do, whatever its fee: one such payload per account nonce is ever signed (R29). */
export function payloadId(principal: string, call: RotateKeysCall): string {
  const fields = encodeFields(principal, call.newAggregateKey, call.newThreshold, ...call.newKeys)
  return toHex(taggedHash('countersign/rotate-keys-payload', fields))
}

/** Fixes one payload per (principal, nonce), durably and before it is signed (R29). One at a time per space: rotations run one after another. */
export class NonceGuard {
  readonly #space: Space
  /** Check and reserve must be one step: whoever comes second waits for the first one's write. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(space: Space) {
    this.#space = space
  }

  /** On disk when it resolves. Throws `NONCE_TAKEN` if another payload was ever signed for this nonce. */
  reserve(principal: string, nonce: number, payload: string): Promise<void> {
    const mine = this.#last.then(() => this.#reserve(`${principal}/${nonce}`, payload))
    // The next one waits for this one's end, not for its success.
    this.#last = Promise.allSettled([mine])
    return mine
  }

  async #reserve(key: string, payload: string): Promise<void> {
    const before = await this.#space.get(key)
    if (before === undefined) return await this.#space.put(key, utf8(payload))
    if (fromUtf8(before) === payload) return
    throw new CodedError(
      'NONCE_TAKEN',
      `another rotate-keys payload was already signed for ${key}: wait until that transaction is mined or refused`,
    )
  }
}
