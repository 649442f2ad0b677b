import type { SignItem } from '../../../signer/index.ts'
import { badRequest, type ParamsInit, type Result } from '../../wire/index.ts'
import { type Ask, type CallOptions, given } from '../ask.ts'
import type { PublicKeyBytes, Signature } from './schnorr.ts'

interface UnderKey extends CallOptions {
  /** x-only group key, 32 bytes, of a replaced set that the operators recalled. Default: of the current set. */
  readonly key?: Uint8Array
}
interface Requested extends UnderKey {
  /** 1 to 64 printable ASCII characters, chosen by you. The same id again gets the same signature; never reuse it for another digest. */
  readonly requestId: string
}

export interface SignRequest extends Requested {
  /** 32 bytes. */
  readonly digest: Uint8Array
  /** Default: none, the group key as it stands on chain. */
  readonly tweak?: SignItem['tweak']
}

export interface SignBatchRequest extends Requested {
  /** All are signed or none; the tweak as in `SignRequest`. */
  readonly items: readonly { readonly digest: Uint8Array; readonly tweak?: SignItem['tweak'] }[]
  /** Unix ms from which no signer consents any more. */
  readonly expiresAtMs?: number
}

export interface PublicKeyRequest extends UnderKey {}

export interface ThresholdStatus {
  readonly ready: boolean
  readonly waitingFor: readonly string[]
  /** x-only group key and the name of its set, 32 bytes each; undefined: there is none to sign under. */
  readonly publicKey: Uint8Array | undefined
  readonly setHash: Uint8Array | undefined
  /** What decides over requests at this node. */
  readonly policy: string
}

export interface ThresholdFace {
  /** The group key, x-only, 32 bytes. With `key`, whether it may be signed under. */
  publicKey(request?: PublicKeyRequest): Promise<PublicKeyBytes>
  /** A BIP340 signature, 64 bytes. `TIMEOUT` names the signers that did not answer in `details.missing`. */
  sign(request: SignRequest): Promise<Signature>
  /** Signatures in the order of the items. */
  signBatch(request: SignBatchRequest): Promise<{ readonly signatures: readonly Uint8Array[] }>
  status(options?: CallOptions): Promise<ThresholdStatus>
}

function unixMs(value: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0) throw badRequest('expires_at_ms', 'a whole number of milliseconds')
  return BigInt(value)
}

type WireTweak = NonNullable<ParamsInit<'threshold.sign'>['tweak']>

const tweakOf = (tweak: SignItem['tweak'] = { kind: 'none' }): WireTweak => ({
  kind:
    tweak.kind === 'none' ? { case: 'none', value: {} } : { case: 'key', value: given('merkleRoot', tweak.merkleRoot) },
})

const statusOf = ({ ready, waitingFor, publicKey, setHash, policy }: Result<'threshold.status'>): ThresholdStatus => ({
  ready,
  waitingFor,
  publicKey,
  setHash,
  policy,
})

export const thresholdFace = (ask: Ask): ThresholdFace => ({
  publicKey: async (r = {}) => {
    const { publicKey } = await ask('threshold.public_key', given('key', r.key), r)
    return { publicKey }
  },
  sign: async (r) => {
    const { requestId, digest, tweak, key } = r
    const { signature } = await ask(
      'threshold.sign',
      { requestId, digest, tweak: tweakOf(tweak), ...given('key', key) },
      r,
    )
    return { signature }
  },
  signBatch: async (r) => {
    const { requestId, items, key, expiresAtMs } = r
    const params = {
      requestId,
      items: items.map(({ digest, tweak }) => ({ digest, tweak: tweakOf(tweak) })),
      ...given('key', key),
      ...given('expiresAtMs', expiresAtMs === undefined ? undefined : unixMs(expiresAtMs)),
    }
    const { signatures } = await ask('threshold.sign_batch', params, r)
    return { signatures }
  },
  status: async (options = {}) => statusOf(await ask('threshold.status', {}, options)),
})
