import { create } from '@bufbuild/protobuf'
import { METHODS, type Method, type MethodRow, type Params, type ParamsInit } from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { filled } from './golden-services.ts'

const A = filled(32, 0x11)
const B = filled(32, 0x22)
const NONCE = filled(66, 0x44)
const NONE = { kind: { case: 'none' as const, value: {} } }
const MUSIG = { orderedPubkeys: [A, B], tweak: { kind: { case: 'key' as const, value: { merkleRoot: B } } } }
const PLACE = { txid: A, vout: 1, index: 2 }

/** Params of the right shape for every method, with everything set that the method takes. */
export const EXAMPLES: { readonly [M in Method]: ParamsInit<M> } = {
  hello: {},
  health: {},
  'threshold.public_key': { key: A },
  'threshold.sign': { requestId: 'r', digest: A, tweak: MUSIG.tweak, key: B },
  'threshold.sign_batch': {
    requestId: 'r',
    items: [
      { digest: A, tweak: NONE },
      { digest: B, tweak: MUSIG.tweak },
    ],
    key: B,
    expiresAtMs: 1n,
  },
  'threshold.status': {},
  'schnorr.sign': { target: pb.SchnorrTarget.GENERAL, digest: A, tapTweak: B },
  'schnorr.sign_no_tweak': { target: pb.SchnorrTarget.STAKECHAIN, digest: A },
  'schnorr.sign_with_key_tweak': { target: pb.SchnorrTarget.MUSIG2, digest: A, tapTweak: B, keyTweak: A },
  'schnorr.public_key': { target: pb.SchnorrTarget.GENERAL },
  'schnorr.sign_batch': {
    target: pb.SchnorrTarget.GENERAL,
    items: [
      { digest: A, tweak: { kind: { case: 'taproot', value: { tapTweak: A, keyTweak: B } } } },
      { digest: B, tweak: NONE },
    ],
  },
  'p2p.sign': { scheme: pb.P2pScheme.BIP340, message: filled(5, 1) },
  'p2p.public_key': { scheme: pb.P2pScheme.ED25519 },
  'musig2.get_pub_nonce': { ...MUSIG, sighash: A },
  'musig2.get_our_partial_sig': { ...MUSIG, sighash: A, aggnonce: NONCE },
  'musig2.get_pub_nonce_for_outpoint': { ...MUSIG, txid: A, vout: 1 },
  'musig2.get_our_partial_sig_for_outpoint': { ...MUSIG, txid: A, vout: 1, aggnonce: NONCE, message: B },
  'musig2.get_pub_nonce_batch': { ...MUSIG, sighashes: [A, B] },
  'musig2.get_our_partial_sig_batch': { ...MUSIG, items: [{ sighash: A, aggnonce: NONCE }] },
  'preimages.get_preimage': { prestakeTxid: A, prestakeVout: 1, stakeIndex: 2 },
  'wots.get_128_public_key': PLACE,
  'wots.get_256_public_key': PLACE,
  'wots.get_128_secret_key': PLACE,
  'wots.get_256_secret_key': PLACE,
  'wots.get_128_signature': { ...PLACE, message: filled(16, 3) },
  'wots.get_256_signature': { ...PLACE, message: filled(32, 3) },
  'wots.get_128_public_key_batch': { txid: A, vout: 1, firstIndex: 5, count: 3 },
  'wots.get_256_public_key_batch': { txid: A, vout: 1, firstIndex: 5, count: 2 },
  'keys.generate': {
    name: 'consensus-1',
    type: pb.KeyType.SECP256K1,
    role: 'consensus',
    capabilities: [pb.KeyCapability.SIGN],
  },
  'keys.public_key': { name: 'consensus-1', version: 2 },
  'keys.sign': {
    name: 'consensus-1',
    version: 1,
    scheme: pb.KeyScheme.SCHNORR,
    message: { kind: { case: 'message', value: { domain: 'd', message: A } } },
  },
  'keys.agree': { name: 'handshake', version: 1, peerPublicKey: A, context: 'noise' },
  'keys.list': { after: 'a' },
  'keys.rotate': { name: 'consensus-1' },
  'keys.backup': { name: 'consensus-1', recipient: 'age1example' },
  'keys.recipient': {},
  'keys.provision': { sealed: A },
  'keys.drop': { name: 'consensus-1', token: filled(16, 4) },
}

/** The row of a method, without its types. */
export const rowOf = (method: Method): MethodRow => METHODS[method]

export function exampleOf<M extends Method>(method: M): Params<M> {
  const { desc } = METHODS[method].request
  return create(desc, structuredClone(EXAMPLES[method]))
}
export const encodedExample = (method: Method): Uint8Array => rowOf(method).request.encode(exampleOf(method))
