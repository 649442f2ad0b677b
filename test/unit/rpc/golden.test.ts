import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../src/base/index.ts'
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeCancel,
  encodeError,
  encodeRequest,
  encodeResult,
  METHOD_NAMES,
  METHODS,
} from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
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
      `3a05${text('hello')}3a0e${text('threshold.sign')}4207088080041080014a1b0a12${text('/countersign/rpc/1')}1205${text('0.1.0')}`,
  ),
  golden(pb.HelloResponseSchema, { ready: true }, '2801', ' ready'),
  golden(pb.LimitsSchema, { maxFrameBytes: 65_536, maxInFlight: 128 }, '08808004108001'),
  golden(pb.VersionsSchema, { protocol: 'p', software: 's' }, '0a0170120173'),
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
    expect(fields).toMatchInlineSnapshot(`
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
        "Limits.max_frame_bytes = 1",
        "Limits.max_in_flight = 2",
        "Versions.protocol = 1",
        "Versions.software = 2",
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
    for (const fact of ['/countersign/rpc/1', '65536', '128']) expect(PROTOCOL_DOC).toContain(fact)
  })
})

function varint(n: number): number[] {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...varint(n >>> 7)]
}
