import { LIMITS } from '../../../base/index.ts'
import type { P2pScheme as Scheme } from '../../../signer/index.ts'
import {
  P2pPublicKeyRequestSchema,
  P2pPublicKeyResponseSchema,
  P2pScheme,
  P2pSignRequestSchema,
  P2pSignResponseSchema,
} from '../pb/rpc_pb.ts'
import { fixedKey, row } from '../row.ts'
import { bytesOf, bytesUpTo } from '../rules.ts'
import { shape } from '../shape.ts'
import { words } from '../words.ts'

export const SCHEMES = words<Scheme, P2pScheme>({ bip340: P2pScheme.BIP340, ed25519: P2pScheme.ED25519 })

export const P2P = {
  'p2p.sign': row({
    summary: "A signature of a message by the operator's key of the bridge nodes' own network.",
    request: shape(P2pSignRequestSchema, { scheme: SCHEMES, message: bytesUpTo(LIMITS.maxP2pMessageBytes) }),
    response: shape(P2pSignResponseSchema, { signature: bytesOf(64) }),
    right: 'granted',
    key: fixedKey('s2/p2p'),
    quota: 's2',
    audited: true,
    idempotent: true,
  }),
  'p2p.public_key': row({
    summary: 'What these signatures verify under.',
    request: shape(P2pPublicKeyRequestSchema, { scheme: SCHEMES }),
    response: shape(P2pPublicKeyResponseSchema, { publicKey: bytesOf(32) }),
    right: 'granted',
    key: fixedKey('s2/p2p'),
    quota: 'read',
    audited: false,
    idempotent: true,
  }),
} as const
