import {
  asPendingId,
  asSetHash,
  CodedError,
  encodeFields,
  fromUtf8,
  type PendingId,
  type SetHash,
  toHex,
  utf8,
} from '../base/index.ts'
import { parsePublicKey, taggedHash } from '../curve/index.ts'
import type { RotateKeysCall } from '../registry/index.ts'
import type { PendingSpec } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'
import type { SetProposal } from './approval.ts'

/** Names what a rotate-keys transaction would do, whatever its fee: one such payload per account nonce is ever signed (R29). */
export function payloadId(principal: string, call: RotateKeysCall): string {
  const fields = encodeFields(principal, call.newAggregateKey, call.newThreshold, ...call.newKeys)
  return toHex(taggedHash('countersign/rotate-keys-payload', fields))
}

/** What was signed for one account nonce, and the pending set that it belongs to: only that one can go on at this nonce. */
export interface Reservation extends SetProposal {
  readonly nonce: number
  readonly payload: string
  readonly pendingId: PendingId
  readonly parentSetHash: SetHash
}

/** Fixes one payload per (principal, nonce), durably and before it is signed (R29). One at a time per space: rotations run one after another. */
export class NonceGuard {
  readonly #space: Space
  /** Check and reserve must be one step: whoever comes second waits for the first one's write. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(space: Space) {
    this.#space = space
  }

  /** On disk when it resolves. Throws `NONCE_TAKEN` if another payload was ever signed for this nonce, `STORE_UNREADABLE`. */
  reserve(spec: PendingSpec, nonce: number, payload: string): Promise<void> {
    const mine = this.#last.then(() => this.#reserve(spec, nonce, payload))
    // The next one waits for this one's end, not for its success.
    this.#last = Promise.allSettled([mine])
    return mine
  }

  /** Was anything signed for this pending set, before a restart too? Throws `STORE_UNREADABLE`. */
  async hasSigned({ id }: PendingSpec): Promise<boolean> {
    return (await this.#space.entries()).some(([key, bytes]) => decode(key, bytes).pendingId === id)
  }

  /** What keeps `spec` from its parent's nonces: payloads of other pending sets of the same parent, by nonce. Throws `STORE_UNREADABLE`. */
  async othersOf({ principal, parentSetHash, id }: PendingSpec): Promise<ReadonlyMap<number, Reservation>> {
    const entries = (await this.#space.entries()).filter(([key]) => key.startsWith(`${principal}/`))
    const all = entries.map(([key, bytes]) => decode(key, bytes))
    return new Map(
      all.filter((r) => r.parentSetHash === parentSetHash && r.pendingId !== id).map((r) => [r.nonce, r] as const),
    )
  }

  async #reserve(spec: PendingSpec, nonce: number, payload: string): Promise<void> {
    const key = `${spec.principal}/${nonce}`
    const stored = await this.#space.get(key)
    if (stored === undefined) return await this.#space.put(key, encode(spec, payload))
    const before = decode(key, stored)
    if (before.payload !== payload) throw nonceTaken(before)
  }
}

/** What the operator can do: the chain lets nothing pass this nonce but what was signed for it. */
export function nonceTaken({ nonce, pendingId, keys, threshold, attempt }: Reservation): CodedError {
  return new CodedError(
    'NONCE_TAKEN',
    `this node has signed rotate-keys for pending set ${pendingId} at account nonce ${nonce} and can sign nothing else there (R29). ` +
      `If that transaction is not on chain any more, approve that set again on every member (attempt = ${attempt}, threshold = ${threshold}, keys = ${keys.join(', ')}), ` +
      'with --replace where another one is approved: it must be mined first, then approve this one',
    { nonce, pendingId, attempt },
  )
}

const encode = ({ id, parentSetHash, keys, threshold, attempt }: PendingSpec, payload: string): Uint8Array =>
  utf8(JSON.stringify({ payload, pendingId: id, parentSetHash, keys, threshold, attempt }))

function decode(key: string, bytes: Uint8Array): Reservation {
  try {
    const json = JSON.parse(fromUtf8(bytes)) as Readonly<Record<string, unknown>>
    const { payload, pendingId, parentSetHash, keys, threshold, attempt } = json
    const nonce = Number(key.slice(key.lastIndexOf('/') + 1))
    if (!Array.isArray(keys) || ![threshold, attempt, nonce].every(Number.isSafeInteger)) throw new TypeError()
    return {
      nonce,
      payload: String(payload),
      pendingId: asPendingId(String(pendingId)),
      parentSetHash: asSetHash(String(parentSetHash)),
      keys: keys.map((k) => parsePublicKey(String(k))),
      threshold: Number(threshold),
      attempt: Number(attempt),
    }
  } catch (cause) {
    const text = `the stored signature record ${key} is malformed; restore the data folder`
    throw new CodedError('STORE_UNREADABLE', text, {}, { cause })
  }
}
