import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, LIMITS, toHex } from '../../../src/base/index.ts'
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeCancel,
  encodeError,
  encodeRequest,
  encodeResult,
  METHOD_NAMES,
  METHODS,
  RPC_FRAME_CAPS,
} from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { SERVICE_GOLDEN } from './golden-services.ts'
import { HELLO, MEMBER } from './harness.ts'
import { DERIVED, docSection, PROTOCOL_DOC } from './protocol-doc.ts'

const DIGEST = new Uint8Array(32).fill(0x11)
const ROOT = new Uint8Array(32).fill(0x22)
const SIGNATURE = new Uint8Array(64).fill(0x33)

interface Golden {
  readonly message: string
  readonly hex: string
  readonly encode: () => Uint8Array
  readonly desc: DescMessage
}
function golden<D extends DescMessage>(desc: D, init: MessageInitShape<D>, hex: string, of = ''): Golden {
  return { message: desc.name + of, hex, encode: () => toBinary(desc, create(desc, init)), desc }
}
const services = SERVICE_GOLDEN.map(
  ({ name, desc, init, hex }): Golden => ({
    message: name,
    hex,
    encode: () => toBinary(desc, create(desc, init)),
    desc,
  }),
)
const frame = (message: string, encode: () => Uint8Array, hex: string): Golden => ({
  message,
  hex,
  encode,
  desc: pb.FrameSchema,
})

const hex11 = '11'.repeat(32)
const hex22 = '22'.repeat(32)
const hex33 = '33'.repeat(64)
const text = (s: string): string => toHex(new TextEncoder().encode(s))

/** Bytes of every message. A change here breaks clients that are in use: add fields instead (docs/PROTOCOL.md, "Change"). */
const GOLDEN: readonly Golden[] = [
  golden(pb.HelloRequestSchema, {}, ''),
  golden(
    pb.HelloResponseSchema,
    { ...HELLO, ready: false, waitingFor: ['keygen'] },
    `0a35${text(HELLO.peerId)}1221${MEMBER_KEY()}1a06${text('devnet')}2206${text('bridge')}3206${text('keygen')}` +
      `3a05${text('hello')}3a0e${text('threshold.sign')}420b08808004108001188080084a1b0a12${text('/countersign/rpc/1')}1205${text('0.1.0')}`,
  ),
  golden(pb.HelloResponseSchema, { ready: true }, '2801', ' ready'),
  golden(pb.LimitsSchema, { maxFrameBytes: 65_536, maxInFlight: 128 }, '08808004108001'),
  golden(pb.LimitsSchema, { maxAnswerFrameBytes: 280_000 }, '18c08b11', ' of answers'),
  golden(pb.VersionsSchema, { protocol: 'p', software: 's' }, '0a0170120173'),
  golden(
    pb.HelloResponseSchema,
    { nextPublicKey: HELLO.publicKey, nonceMode: 'native' },
    `5221${MEMBER_KEY()}5a06${text('native')}`,
    ' with what is optional',
  ),
  golden(pb.ThresholdPublicKeyRequestSchema, {}, ''),
  golden(pb.ThresholdPublicKeyRequestSchema, { key: ROOT }, `0a20${hex22}`, ' of a recalled set'),
  golden(pb.ThresholdPublicKeyResponseSchema, { publicKey: DIGEST }, `0a20${hex11}`),
  golden(
    pb.ThresholdSignRequestSchema,
    { requestId: 'deposit-1', digest: DIGEST, tweak: { kind: { case: 'none', value: {} } } },
    `0a09${text('deposit-1')}1220${hex11}1a020a00`,
  ),
  golden(
    pb.ThresholdSignRequestSchema,
    { requestId: 'deposit-1', digest: DIGEST, tweak: { kind: { case: 'key', value: { merkleRoot: ROOT } } } },
    `0a09${text('deposit-1')}1220${hex11}1a2412220a20${hex22}`,
    ' with a merkle root',
  ),
  golden(
    pb.ThresholdSignRequestSchema,
    { requestId: 'deposit-1', digest: DIGEST, tweak: { kind: { case: 'none', value: {} } }, key: ROOT },
    `0a09${text('deposit-1')}1220${hex11}1a020a002220${hex22}`,
    ' under a recalled set',
  ),
  golden(pb.TweakSchema, { kind: { case: 'none', value: {} } }, '0a00'),
  golden(pb.TweakSchema, { kind: { case: 'key', value: {} } }, '1200', ' with the empty root'),
  golden(pb.NoTweakSchema, {}, ''),
  golden(pb.KeyTweakSchema, {}, ''),
  golden(pb.KeyTweakSchema, { merkleRoot: ROOT }, `0a20${hex22}`, ' with a root'),
  golden(pb.ThresholdSignResponseSchema, { signature: SIGNATURE }, `0a40${hex33}`),
  golden(pb.RequestSchema, { id: 300, method: 'hello', timeoutMs: 5_000 }, `08ac021205${text('hello')}208827`),
  golden(pb.ResponseSchema, { id: 1, outcome: { case: 'result', value: DIGEST } }, `08011220${hex11}`),
  golden(pb.ResponseSchema, { id: 1, outcome: { case: 'result', value: new Uint8Array(0) } }, '08011200', ' empty'),
  golden(pb.CancelSchema, { id: 1 }, '0801'),
  golden(pb.ErrorSchema, { code: 'TIMEOUT', message: 'm', details: {} }, `0a07${text('TIMEOUT')}12016d1a00`),
  golden(
    pb.ErrorDetailsSchema,
    { field: 'f', expected: 'e', missing: [Uint8Array.of(2)], cheaters: [Uint8Array.of(3)] },
    '0a01661201651a0102220103',
  ),
  ...services,
  frame('Frame request', () => encodeRequest(1, 'hello', new Uint8Array(0), 0), `0a0908011205${text('hello')}`),
  frame(
    'Frame request with params and timeout',
    () => encodeRequest(300, 'threshold.public_key', DIGEST, 5_000),
    `0a3e08ac021214${text('threshold.public_key')}1a20${hex11}208827`,
  ),
  frame('Frame result', () => encodeResult(1, DIGEST), `122408011220${hex11}`),
  frame('Frame empty result', () => encodeResult(1, new Uint8Array(0)), '120408011200'),
  frame('Frame cancel', () => encodeCancel(4_294_967_295), '1a0608ffffffff0f'),
]
function MEMBER_KEY(): string {
  return toHex(HELLO.publicKey)
}

describe('golden bytes', () => {
  it.each(GOLDEN)('should encode $message as it always was', ({ encode, hex }) => {
    expect(toHex(encode())).toBe(hex)
  })

  it.each(GOLDEN)('should read $message back to the same bytes', ({ desc, hex }) => {
    expect(toHex(toBinary(desc, fromBinary(desc, fromHex(hex))))).toBe(hex)
  })

  it('should cover every message of the .proto', () => {
    const covered = new Set(GOLDEN.map((g) => g.desc.name))
    expect(pb.file_rpc_wire_pb_rpc.messages.map((m) => m.name).filter((name) => !covered.has(name))).toEqual([])
  })

  it('should encode an error with who is missing as it always was', () => {
    const bytes = encodeError(7, 'TIMEOUT', { missing: [MEMBER.publicKey], cheaters: [] })
    const sentence = text(
      'Too few signers approved and signed in time; the details name those that said nothing, others may have declined.',
    )
    const error = `0a07${text('TIMEOUT')}1270${sentence}1a231a21${MEMBER.publicKey}`
    expect(toHex(bytes)).toBe(`12a50108071aa001${error}`)
    const back = decodeServerFrame(bytes)
    expect(back.kind === 'error' && back.error.details.missing).toEqual([MEMBER.publicKey])
  })

  it('should never give a field number or a type another meaning', () => {
    const fields = pb.file_rpc_wire_pb_rpc.messages.flatMap((m) =>
      m.fields.map((f) => `${m.name}.${f.name} = ${f.number}${f.fieldKind === 'list' ? ' repeated' : ''}`),
    )
    const values = pb.file_rpc_wire_pb_rpc.enums.flatMap((e) => e.values.map((v) => `${v.name} = ${v.number}`))
    expect([...fields, ...values]).toMatchInlineSnapshot(`
      [
        "Frame.request = 1",
        "Frame.response = 2",
        "Frame.cancel = 3",
        "Request.id = 1",
        "Request.method = 2",
        "Request.params = 3",
        "Request.timeout_ms = 4",
        "Response.id = 1",
        "Response.result = 2",
        "Response.error = 3",
        "Cancel.id = 1",
        "Error.code = 1",
        "Error.message = 2",
        "Error.details = 3",
        "ErrorDetails.field = 1",
        "ErrorDetails.expected = 2",
        "ErrorDetails.missing = 3 repeated",
        "ErrorDetails.cheaters = 4 repeated",
        "HelloResponse.peer_id = 1",
        "HelloResponse.public_key = 2",
        "HelloResponse.network = 3",
        "HelloResponse.role = 4",
        "HelloResponse.ready = 5",
        "HelloResponse.waiting_for = 6 repeated",
        "HelloResponse.methods = 7 repeated",
        "HelloResponse.limits = 8",
        "HelloResponse.versions = 9",
        "HelloResponse.next_public_key = 10",
        "HelloResponse.nonce_mode = 11",
        "Limits.max_frame_bytes = 1",
        "Limits.max_in_flight = 2",
        "Limits.max_answer_frame_bytes = 3",
        "Versions.protocol = 1",
        "Versions.software = 2",
        "HealthResponse.ready = 1",
        "HealthResponse.waiting_for = 2 repeated",
        "ThresholdPublicKeyRequest.key = 1",
        "ThresholdPublicKeyResponse.public_key = 1",
        "ThresholdSignRequest.request_id = 1",
        "ThresholdSignRequest.digest = 2",
        "ThresholdSignRequest.tweak = 3",
        "ThresholdSignRequest.key = 4",
        "ThresholdSignResponse.signature = 1",
        "Tweak.none = 1",
        "Tweak.key = 2",
        "KeyTweak.merkle_root = 1",
        "ThresholdSignBatchRequest.request_id = 1",
        "ThresholdSignBatchRequest.items = 2 repeated",
        "ThresholdSignBatchRequest.key = 3",
        "ThresholdSignBatchRequest.expires_at_ms = 4",
        "ThresholdItem.digest = 1",
        "ThresholdItem.tweak = 2",
        "ThresholdSignBatchResponse.signatures = 1 repeated",
        "ThresholdStatusResponse.ready = 1",
        "ThresholdStatusResponse.waiting_for = 2 repeated",
        "ThresholdStatusResponse.public_key = 3",
        "ThresholdStatusResponse.set_hash = 4",
        "ThresholdStatusResponse.policy = 5",
        "ItemError.code = 1",
        "ItemError.message = 2",
        "SchnorrSignRequest.target = 1",
        "SchnorrSignRequest.digest = 2",
        "SchnorrSignRequest.tap_tweak = 3",
        "SchnorrSignRequest.key_tweak = 4",
        "SchnorrSignResponse.signature = 1",
        "SchnorrPublicKeyRequest.target = 1",
        "SchnorrPublicKeyResponse.public_key = 1",
        "SchnorrSignBatchRequest.target = 1",
        "SchnorrSignBatchRequest.items = 2 repeated",
        "SchnorrItem.digest = 1",
        "SchnorrItem.tweak = 2",
        "WalletTweak.none = 1",
        "WalletTweak.taproot = 2",
        "TaprootTweak.tap_tweak = 1",
        "TaprootTweak.key_tweak = 2",
        "SchnorrSignBatchResponse.items = 1 repeated",
        "SchnorrOutcome.signature = 1",
        "SchnorrOutcome.error = 2",
        "P2pSignRequest.scheme = 1",
        "P2pSignRequest.message = 2",
        "P2pSignResponse.signature = 1",
        "P2pPublicKeyRequest.scheme = 1",
        "P2pPublicKeyResponse.public_key = 1",
        "MusigTweak.key = 1",
        "MusigTweak.script = 2",
        "MusigNonceRequest.ordered_pubkeys = 1 repeated",
        "MusigNonceRequest.tweak = 2",
        "MusigNonceRequest.sighash = 3",
        "MusigNonceResponse.pub_nonce = 1",
        "MusigPartialRequest.ordered_pubkeys = 1 repeated",
        "MusigPartialRequest.tweak = 2",
        "MusigPartialRequest.sighash = 3",
        "MusigPartialRequest.aggnonce = 4",
        "MusigPartialResponse.partial_sig = 1",
        "MusigOutpointNonceRequest.ordered_pubkeys = 1 repeated",
        "MusigOutpointNonceRequest.tweak = 2",
        "MusigOutpointNonceRequest.txid = 3",
        "MusigOutpointNonceRequest.vout = 4",
        "MusigOutpointPartialRequest.ordered_pubkeys = 1 repeated",
        "MusigOutpointPartialRequest.tweak = 2",
        "MusigOutpointPartialRequest.txid = 3",
        "MusigOutpointPartialRequest.vout = 4",
        "MusigOutpointPartialRequest.aggnonce = 5",
        "MusigOutpointPartialRequest.message = 6",
        "MusigNonceBatchRequest.ordered_pubkeys = 1 repeated",
        "MusigNonceBatchRequest.tweak = 2",
        "MusigNonceBatchRequest.sighashes = 3 repeated",
        "MusigNonceBatchResponse.items = 1 repeated",
        "NonceOutcome.pub_nonce = 1",
        "NonceOutcome.error = 2",
        "MusigPartialBatchRequest.ordered_pubkeys = 1 repeated",
        "MusigPartialBatchRequest.tweak = 2",
        "MusigPartialBatchRequest.items = 3 repeated",
        "PartialItem.sighash = 1",
        "PartialItem.aggnonce = 2",
        "MusigPartialBatchResponse.items = 1 repeated",
        "PartialOutcome.partial_sig = 1",
        "PartialOutcome.error = 2",
        "PreimageRequest.prestake_txid = 1",
        "PreimageRequest.prestake_vout = 2",
        "PreimageRequest.stake_index = 3",
        "PreimageResponse.preimage = 1",
        "WotsRequest.txid = 1",
        "WotsRequest.vout = 2",
        "WotsRequest.index = 3",
        "WotsRequest.message = 4",
        "WotsPublicKeyResponse.public_key = 1",
        "WotsSecretKeyResponse.secret_key = 1",
        "WotsSignatureResponse.signature = 1",
        "WotsPublicKeyBatchRequest.txid = 1",
        "WotsPublicKeyBatchRequest.vout = 2",
        "WotsPublicKeyBatchRequest.first_index = 3",
        "WotsPublicKeyBatchRequest.count = 4",
        "WotsPublicKeyBatchResponse.public_keys = 1 repeated",
        "KeyInfo.id = 1",
        "KeyInfo.name = 2",
        "KeyInfo.type = 3",
        "KeyInfo.role = 4",
        "KeyInfo.capabilities = 5 repeated",
        "KeyInfo.versions = 6 repeated",
        "KeyInfo.dropping = 7",
        "KeyVersion.version = 1",
        "KeyVersion.public_key = 2",
        "KeyVersion.created_at_ms = 3",
        "KeysGenerateRequest.name = 1",
        "KeysGenerateRequest.type = 2",
        "KeysGenerateRequest.role = 3",
        "KeysGenerateRequest.capabilities = 4 repeated",
        "KeysPublicKeyRequest.name = 1",
        "KeysPublicKeyRequest.version = 2",
        "KeysPublicKeyResponse.public_key = 1",
        "KeysPublicKeyResponse.version = 2",
        "KeysPublicKeyResponse.type = 3",
        "KeysPublicKeyResponse.created_at_ms = 4",
        "KeysSignRequest.name = 1",
        "KeysSignRequest.version = 2",
        "KeysSignRequest.scheme = 3",
        "KeysSignRequest.message = 4",
        "KeyMessage.message = 1",
        "KeyMessage.raw = 2",
        "DomainMessage.domain = 1",
        "DomainMessage.message = 2",
        "RawDigest.digest = 1",
        "KeysSignResponse.signature = 1",
        "KeysAgreeRequest.name = 1",
        "KeysAgreeRequest.version = 2",
        "KeysAgreeRequest.peer_public_key = 3",
        "KeysAgreeRequest.context = 4",
        "KeysAgreeResponse.shared_secret = 1",
        "KeysListRequest.after = 1",
        "KeysListResponse.keys = 1 repeated",
        "KeysListResponse.more = 2",
        "KeysRotateRequest.name = 1",
        "KeysBackupRequest.name = 1",
        "KeysBackupRequest.recipient = 2",
        "KeysBackupResponse.sealed = 1",
        "KeysRecipientResponse.recipient = 1",
        "KeysProvisionRequest.sealed = 1",
        "KeysDropRequest.name = 1",
        "KeysDropRequest.token = 2",
        "KeysDropResponse.dropped = 1",
        "KeysDropResponse.token = 2",
        "SCHNORR_TARGET_UNSPECIFIED = 0",
        "SCHNORR_TARGET_GENERAL = 1",
        "SCHNORR_TARGET_STAKECHAIN = 2",
        "SCHNORR_TARGET_MUSIG2 = 3",
        "P2P_SCHEME_UNSPECIFIED = 0",
        "P2P_SCHEME_BIP340 = 1",
        "P2P_SCHEME_ED25519 = 2",
        "KEY_TYPE_UNSPECIFIED = 0",
        "KEY_TYPE_SECP256K1 = 1",
        "KEY_TYPE_ED25519 = 2",
        "KEY_TYPE_X25519 = 3",
        "KEY_CAPABILITY_UNSPECIFIED = 0",
        "KEY_CAPABILITY_SIGN = 1",
        "KEY_CAPABILITY_AGREE = 2",
        "KEY_CAPABILITY_EXPORT = 3",
        "KEY_SCHEME_UNSPECIFIED = 0",
        "KEY_SCHEME_SCHNORR = 1",
        "KEY_SCHEME_ECDSA = 2",
        "KEY_SCHEME_ED25519 = 3",
      ]
    `)
  })
})

describe('the method table', () => {
  it('should have no message with a oneof but those that are one oneof of messages, called kind', () => {
    const visit = (m: DescMessage): void => {
      if (m.oneofs.length > 0) {
        expect(
          m.oneofs.map((o) => o.name),
          m.name,
        ).toEqual(['kind'])
        expect(
          m.fields.every((f) => f.oneof?.name === 'kind' && f.fieldKind === 'message'),
          m.name,
        ).toBe(true)
        expect(
          m.fields.flatMap((f) => f.message?.fields ?? []).some((f) => f.name === 'kind'),
          m.name,
        ).toBe(false)
      }
      for (const f of m.fields) if (f.message) visit(f.message)
    }
    for (const name of METHOD_NAMES) {
      visit(METHODS[name].request.desc)
      visit(METHODS[name].response.desc)
    }
  })

  it.each(METHOD_NAMES)('should name %s so that labels, logs and hello can carry it', (name) => {
    expect(name).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)?$/)
    expect(METHODS[name].defaultTimeoutMs).toBeLessThanOrEqual(METHODS[name].maxTimeoutMs)
  })
})

/** Tables are aligned by hand or by an editor: what their cells say is compared, not their padding. */
const unpadded = (text: string): string =>
  text.replace(/^\|.*$/gm, (row) => row.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---'))

describe('docs/PROTOCOL.md', () => {
  it.each(Object.keys(DERIVED))('should say what the code does: %s', (name) => {
    expect(unpadded(docSection(name))).toBe(unpadded(DERIVED[name]?.() ?? ''))
  })

  it('should show an exchange that is right to the byte', () => {
    const lines = [...docSection('example').matchAll(/^([→←]) ([0-9a-f ]+)$/gm)].map((m) => ({
      to: m[1] === '→' ? 'server' : 'client',
      bytes: fromHex((m[2] ?? '').replaceAll(' ', '')),
    }))
    const prefixed = (f: Uint8Array) => concatBytes(Uint8Array.of(...varint(f.length)), f)
    const init = { requestId: 'deposit-1', digest: DIGEST, tweak: { kind: { case: 'none' as const, value: {} } } }
    const params = toBinary(pb.ThresholdSignRequestSchema, create(pb.ThresholdSignRequestSchema, init))
    const result = toBinary(
      pb.ThresholdSignResponseSchema,
      create(pb.ThresholdSignResponseSchema, { signature: SIGNATURE }),
    )
    expect(lines.map((l) => [l.to, toHex(l.bytes)])).toEqual([
      ['server', toHex(prefixed(encodeRequest(1, 'threshold.sign', params, 20_000)))],
      ['client', toHex(prefixed(encodeResult(1, result)))],
      ['server', toHex(prefixed(encodeRequest(2, 'no.such.method', new Uint8Array(0), 0)))],
      ['client', toHex(prefixed(encodeError(2, 'UNKNOWN_METHOD')))],
    ])
    const [first] = lines
    expect(first && decodeClientFrame(first.bytes.subarray(1))).toMatchObject({ kind: 'request', id: 1 })
  })

  it('should name the protocol id and the limits', () => {
    const caps = [RPC_FRAME_CAPS.requestBytes, RPC_FRAME_CAPS.answerBytes].map(String)
    const connections = `${LIMITS.maxConnectionsPerPeer} connections`
    for (const fact of ['/countersign/rpc/1', '128', connections, ...caps]) expect(PROTOCOL_DOC).toContain(fact)
  })
})

function varint(n: number): number[] {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...varint(n >>> 7)]
}
