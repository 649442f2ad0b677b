import { PreimageRequestSchema, PreimageResponseSchema } from '../pb/rpc_pb.ts'
import { fixedKey, row } from '../row.ts'
import { bytesOf, uint } from '../rules.ts'
import { shape } from '../shape.ts'

export const PREIMAGES = {
  'preimages.get_preimage': row({
    summary: 'The preimage of a stake.',
    request: shape(PreimageRequestSchema, { prestakeTxid: bytesOf(32), prestakeVout: uint, stakeIndex: uint }),
    response: shape(PreimageResponseSchema, { preimage: bytesOf(32) }),
    right: 'granted',
    key: fixedKey('s2/preimages'),
    quota: 's2',
    audited: true,
    idempotent: true,
  }),
} as const
