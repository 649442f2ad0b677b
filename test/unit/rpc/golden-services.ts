import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'

export const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const A = filled(32, 0x11)
const B = filled(32, 0x22)
const SIGNATURE = filled(64, 0x33)
const NONCE = filled(66, 0x44)
const ERROR = { code: 'EQUIVOCATION', message: 'm' }
const KEY_TWEAK = { kind: { case: 'key' as const, value: { merkleRoot: B } } }
const SCRIPT = { kind: { case: 'script' as const, value: {} } }
const NO_TWEAK = { kind: { case: 'none' as const, value: {} } }
const PARAMS = { orderedPubkeys: [A, B], tweak: KEY_TWEAK }
const OUTPOINT = { txid: A, vout: 1 }
const VERSION = { version: 1, publicKey: A, createdAtMs: 1_700_000_000_000n }
const INFO = {
  id: '0f'.repeat(16),
  name: 'consensus-1',
  type: pb.KeyType.ED25519,
  role: 'consensus',
  capabilities: [pb.KeyCapability.SIGN, pb.KeyCapability.EXPORT],
  versions: [VERSION],
  dropping: true,
}

/** So many equal bytes, as hex. */
const run = (byte: string, count: number): string => byte.repeat(count)

export interface ServiceGolden {
  readonly name: string
  readonly desc: DescMessage
  readonly init: MessageInitShape<DescMessage>
  readonly hex: string
}
const golden = <D extends DescMessage>(desc: D, init: MessageInitShape<D>, hex: string, of = ''): ServiceGolden => ({
  name: desc.name + of,
  desc,
  init,
  hex,
})

/** Messages of the services behind the server. A change here breaks clients that are in use. */
export const SERVICE_GOLDEN: readonly ServiceGolden[] = [
  golden(pb.HealthRequestSchema, {}, ''),
  golden(pb.HealthResponseSchema, { ready: true }, '0801'),
  golden(pb.HealthResponseSchema, { waitingFor: ['keygen'] }, '12066b657967656e', ' waiting'),
  golden(
    pb.ThresholdSignBatchRequestSchema,
    {
      requestId: 'a',
      items: [
        { digest: A, tweak: NO_TWEAK },
        { digest: B, tweak: { kind: { case: 'key', value: {} } } },
      ],
      key: B,
      expiresAtMs: 1_700_000_000_000n,
    },
    `0a016112260a20${run('11', 32)}12020a0012260a20${run('22', 32)}120212001a20${run('22', 32)}2080d095ffbc31`,
  ),
  golden(pb.ThresholdItemSchema, { digest: A, tweak: NO_TWEAK }, `0a20${run('11', 32)}12020a00`),
  golden(
    pb.ThresholdSignBatchResponseSchema,
    { signatures: [SIGNATURE, SIGNATURE] },
    `0a40${run('33', 64)}0a40${run('33', 64)}`,
  ),
  golden(pb.ThresholdStatusRequestSchema, {}, ''),
  golden(
    pb.ThresholdStatusResponseSchema,
    { ready: true, publicKey: A, setHash: B, policy: 'bridge' },
    `08011a20${run('11', 32)}2220${run('22', 32)}2a06627269646765`,
  ),
  golden(pb.ItemErrorSchema, ERROR, '0a0c45515549564f434154494f4e12016d'),
  golden(pb.SchnorrSignRequestSchema, { target: pb.SchnorrTarget.GENERAL, digest: A }, `08011220${run('11', 32)}`),
  golden(
    pb.SchnorrSignRequestSchema,
    { target: pb.SchnorrTarget.MUSIG2, digest: A, tapTweak: B, keyTweak: A },
    `08031220${run('11', 32)}1a20${run('22', 33)}20${run('11', 32)}`,
    ' with both tweaks',
  ),
  golden(pb.SchnorrSignResponseSchema, { signature: SIGNATURE }, `0a40${run('33', 64)}`),
  golden(pb.SchnorrPublicKeyRequestSchema, { target: pb.SchnorrTarget.STAKECHAIN }, '0802'),
  golden(pb.SchnorrPublicKeyResponseSchema, { publicKey: A }, `0a20${run('11', 32)}`),
  golden(
    pb.SchnorrSignBatchRequestSchema,
    { target: pb.SchnorrTarget.GENERAL, items: [{ digest: A, tweak: NO_TWEAK }] },
    `080112260a20${run('11', 32)}12020a00`,
  ),
  golden(
    pb.SchnorrItemSchema,
    { digest: A, tweak: { kind: { case: 'taproot', value: { tapTweak: B } } } },
    `0a20${run('11', 32)}122412220a20${run('22', 32)}`,
  ),
  golden(pb.WalletTweakSchema, NO_TWEAK, '0a00'),
  golden(pb.TaprootTweakSchema, { tapTweak: A, keyTweak: B }, `0a20${run('11', 32)}1220${run('22', 32)}`),
  golden(
    pb.SchnorrSignBatchResponseSchema,
    { items: [{ signature: SIGNATURE }, { error: ERROR }] },
    `0a420a40${run('33', 64)}0a1312110a0c45515549564f434154494f4e12016d`,
  ),
  golden(pb.SchnorrOutcomeSchema, { signature: SIGNATURE }, `0a40${run('33', 64)}`),
  golden(pb.P2pSignRequestSchema, { scheme: pb.P2pScheme.BIP340, message: A }, `08011220${run('11', 32)}`),
  golden(pb.P2pSignRequestSchema, { scheme: pb.P2pScheme.ED25519 }, '0802', ' of nothing'),
  golden(pb.P2pSignResponseSchema, { signature: SIGNATURE }, `0a40${run('33', 64)}`),
  golden(pb.P2pPublicKeyRequestSchema, { scheme: pb.P2pScheme.ED25519 }, '0802'),
  golden(pb.P2pPublicKeyResponseSchema, { publicKey: A }, `0a20${run('11', 32)}`),
  golden(pb.MusigTweakSchema, SCRIPT, '1200'),
  golden(pb.MusigTweakSchema, KEY_TWEAK, `0a220a20${run('22', 32)}`, ' with a root'),
  golden(pb.ScriptTweakSchema, {}, ''),
  golden(
    pb.MusigNonceRequestSchema,
    { ...PARAMS, sighash: A },
    `0a20${run('11', 32)}0a20${run('22', 32)}12240a220a20${run('22', 32)}1a20${run('11', 32)}`,
  ),
  golden(pb.MusigNonceResponseSchema, { pubNonce: NONCE }, `0a42${run('44', 66)}`),
  golden(
    pb.MusigPartialRequestSchema,
    { ...PARAMS, tweak: SCRIPT, sighash: A, aggnonce: NONCE },
    `0a20${run('11', 32)}0a20${run('22', 32)}120212001a20${run('11', 32)}2242${run('44', 66)}`,
  ),
  golden(pb.MusigPartialResponseSchema, { partialSig: A }, `0a20${run('11', 32)}`),
  golden(
    pb.MusigOutpointNonceRequestSchema,
    { ...PARAMS, ...OUTPOINT },
    `0a20${run('11', 32)}0a20${run('22', 32)}12240a220a20${run('22', 32)}1a20${run('11', 32)}2001`,
  ),
  golden(
    pb.MusigOutpointPartialRequestSchema,
    { ...PARAMS, ...OUTPOINT, aggnonce: NONCE, message: B },
    `0a20${run('11', 32)}0a20${run('22', 32)}12240a220a20${run('22', 32)}1a20${run('11', 32)}20012a42${run('44', 66)}3220${run('22', 32)}`,
  ),
  golden(
    pb.MusigNonceBatchRequestSchema,
    { ...PARAMS, sighashes: [A, B] },
    `0a20${run('11', 32)}0a20${run('22', 32)}12240a220a20${run('22', 32)}1a20${run('11', 32)}1a20${run('22', 32)}`,
  ),
  golden(
    pb.MusigNonceBatchResponseSchema,
    { items: [{ pubNonce: NONCE }, { error: ERROR }] },
    `0a440a42${run('44', 66)}0a1312110a0c45515549564f434154494f4e12016d`,
  ),
  golden(pb.NonceOutcomeSchema, { error: ERROR }, '12110a0c45515549564f434154494f4e12016d'),
  golden(
    pb.MusigPartialBatchRequestSchema,
    { ...PARAMS, items: [{ sighash: A, aggnonce: NONCE }] },
    `0a20${run('11', 32)}0a20${run('22', 32)}12240a220a20${run('22', 32)}1a660a20${run('11', 32)}1242${run('44', 66)}`,
  ),
  golden(pb.PartialItemSchema, { sighash: A, aggnonce: NONCE }, `0a20${run('11', 32)}1242${run('44', 66)}`),
  golden(
    pb.MusigPartialBatchResponseSchema,
    { items: [{ partialSig: A }, { error: ERROR }] },
    `0a220a20${run('11', 32)}0a1312110a0c45515549564f434154494f4e12016d`,
  ),
  golden(pb.PartialOutcomeSchema, { partialSig: A }, `0a20${run('11', 32)}`),
  golden(pb.PreimageRequestSchema, { prestakeTxid: A, prestakeVout: 1, stakeIndex: 2 }, `0a20${run('11', 32)}10011802`),
  golden(pb.PreimageResponseSchema, { preimage: A }, `0a20${run('11', 32)}`),
  golden(pb.WotsRequestSchema, { ...OUTPOINT, index: 300 }, `0a20${run('11', 32)}100118ac02`),
  golden(
    pb.WotsRequestSchema,
    { ...OUTPOINT, index: 0, message: filled(16, 0x55) },
    `0a20${run('11', 32)}10012210${run('55', 16)}`,
    ' with a message',
  ),
  golden(pb.WotsPublicKeyResponseSchema, { publicKey: A }, `0a20${run('11', 32)}`),
  golden(pb.WotsSecretKeyResponseSchema, { secretKey: A }, `0a20${run('11', 32)}`),
  golden(pb.WotsSignatureResponseSchema, { signature: A }, `0a20${run('11', 32)}`),
  golden(
    pb.WotsPublicKeyBatchRequestSchema,
    { ...OUTPOINT, firstIndex: 2, count: 363 },
    `0a20${run('11', 32)}1001180220eb02`,
  ),
  golden(pb.WotsPublicKeyBatchResponseSchema, { publicKeys: [A, B] }, `0a20${run('11', 32)}0a20${run('22', 32)}`),
  golden(
    pb.KeyInfoSchema,
    INFO,
    `0a203066306630663066306630663066306630663066306630663066306630663066120b636f6e73656e7375732d3118022209636f6e73656e7375732a020103322b08011220${run('11', 32)}1880d095ffbc313801`,
  ),
  golden(pb.KeyVersionSchema, VERSION, `08011220${run('11', 32)}1880d095ffbc31`),
  golden(
    pb.KeysGenerateRequestSchema,
    {
      name: 'consensus-1',
      type: pb.KeyType.X25519,
      role: 'handshake',
      capabilities: [pb.KeyCapability.AGREE],
    },
    '0a0b636f6e73656e7375732d3110031a0968616e647368616b65220102',
  ),
  golden(pb.KeysPublicKeyRequestSchema, { name: 'n', version: 2 }, '0a016e1002'),
  golden(
    pb.KeysPublicKeyResponseSchema,
    { publicKey: A, version: 2, type: pb.KeyType.SECP256K1, createdAtMs: 1n },
    `0a20${run('11', 32)}100218012001`,
  ),
  golden(
    pb.KeysSignRequestSchema,
    {
      name: 'n',
      scheme: pb.KeyScheme.SCHNORR,
      message: { kind: { case: 'message', value: { domain: 'd', message: A } } },
    },
    `0a016e180122270a250a01641220${run('11', 32)}`,
  ),
  golden(
    pb.KeysSignRequestSchema,
    { name: 'n', version: 1, scheme: pb.KeyScheme.ECDSA, message: { kind: { case: 'raw', value: { digest: A } } } },
    `0a016e10011802222412220a20${run('11', 32)}`,
    ' raw',
  ),
  golden(pb.KeyMessageSchema, { kind: { case: 'raw', value: { digest: A } } }, `12220a20${run('11', 32)}`),
  golden(pb.DomainMessageSchema, { domain: 'd', message: A }, `0a01641220${run('11', 32)}`),
  golden(pb.RawDigestSchema, { digest: A }, `0a20${run('11', 32)}`),
  golden(pb.KeysSignResponseSchema, { signature: SIGNATURE }, `0a40${run('33', 64)}`),
  golden(pb.KeysAgreeRequestSchema, { name: 'n', peerPublicKey: A, context: 'c' }, `0a016e1a20${run('11', 32)}220163`),
  golden(pb.KeysAgreeResponseSchema, { sharedSecret: A }, `0a20${run('11', 32)}`),
  golden(pb.KeysListRequestSchema, {}, ''),
  golden(pb.KeysListRequestSchema, { after: 'n' }, '0a016e', ' after a name'),
  golden(
    pb.KeysListResponseSchema,
    { keys: [INFO], more: true },
    `0a6f0a203066306630663066306630663066306630663066306630663066306630663066120b636f6e73656e7375732d3118022209636f6e73656e7375732a020103322b08011220${run('11', 32)}1880d095ffbc3138011001`,
  ),
  golden(pb.KeysRotateRequestSchema, { name: 'n' }, '0a016e'),
  golden(pb.KeysBackupRequestSchema, { name: 'n', recipient: 'age1r' }, '0a016e12056167653172'),
  golden(pb.KeysBackupResponseSchema, { sealed: A }, `0a20${run('11', 32)}`),
  golden(pb.KeysRecipientRequestSchema, {}, ''),
  golden(pb.KeysRecipientResponseSchema, { recipient: 'age1r' }, '0a056167653172'),
  golden(pb.KeysProvisionRequestSchema, { sealed: A }, `0a20${run('11', 32)}`),
  golden(pb.KeysDropRequestSchema, { name: 'n' }, '0a016e'),
  golden(
    pb.KeysDropRequestSchema,
    { name: 'n', token: filled(16, 0x66) },
    `0a016e1210${run('66', 16)}`,
    ' with its token',
  ),
  golden(pb.KeysDropResponseSchema, { token: filled(16, 0x66) }, `1210${run('66', 16)}`),
  golden(pb.KeysDropResponseSchema, { dropped: true }, '0801', ' done'),
]
