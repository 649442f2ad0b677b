import { asGroupKey, fromHex, type GroupKey, toHex, utf8 } from '../../../base/index.ts'
import type { SignItem, SignResult, ThresholdService } from '../../../signer/index.ts'
import { type Params, RpcError } from '../../wire/index.ts'
import type { Handlers } from '../types.ts'

/** `threshold.*` over the signer's service: shape in, outcome out, nothing decided here. */
export function createThresholdHandlers(
  service: ThresholdService,
): Pick<Handlers, 'threshold.public_key' | 'threshold.sign' | 'threshold.sign_batch'> {
  return {
    'threshold.public_key': async (params) => {
      const key = service.publicKey(keyOf(params))
      if (!key.ok) throw new RpcError(key.reason)
      return { publicKey: fromHex(key.value) }
    },
    'threshold.sign': async (params, { peer, deadlineMs, signal }) => {
      const { requestId } = params
      const result = await service.sign(peer, idOf(requestId), [itemOf(params)], deadlineMs, signal, keyOf(params))
      const [signature] = signaturesOf(result, 1)
      if (signature === undefined) throw new RpcError('INTERNAL')
      return { signature }
    },
    'threshold.sign_batch': async (params, { peer, deadlineMs, signal }) => {
      const { requestId, expiresAtMs } = params
      const items = params.items.map(itemOf)
      const end = expiresAtMs === undefined ? undefined : Number(expiresAtMs)
      const result = await service.sign(peer, idOf(requestId), items, deadlineMs, signal, keyOf(params), end)
      return { signatures: [...signaturesOf(result, items.length)] }
    },
  }
}

const idOf = (requestId: string): string => toHex(utf8(requestId))

function signaturesOf(result: SignResult, count: number): readonly Uint8Array[] {
  if (!result.ok) throw new RpcError(result.code, { missing: result.missing, cheaters: result.cheaters })
  if (result.signatures.length !== count) throw new RpcError('INTERNAL')
  return result.signatures
}

const keyOf = ({ key }: { readonly key?: Uint8Array | undefined }): GroupKey | undefined =>
  key === undefined ? undefined : asGroupKey(toHex(key))

function itemOf({ digest, tweak }: Pick<Params<'threshold.sign'>, 'digest' | 'tweak'>): SignItem {
  const kind = tweak?.kind
  switch (kind?.case) {
    case 'none':
      return { digest, tweak: { kind: 'none' } }
    case 'key':
      return { digest, tweak: { kind: 'key', merkleRoot: kind.value.merkleRoot ?? null } }
    default:
      // The shape requires a tweak; this would be a bug of ours, and must never become "no tweak".
      throw new RpcError('INTERNAL')
  }
}
