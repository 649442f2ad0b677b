import { create } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromJson, METHODS, toJson } from '../../../src/rpc/index.ts'
import { ThresholdSignRequestSchema } from '../../../src/rpc/wire/pb/rpc_pb.ts'
import type { Shape } from '../../../src/rpc/wire/shape.ts'
import { HELLO } from './harness.ts'

const { request } = METHODS['threshold.sign']
const hex32 = '0f'.repeat(32)
const GOOD = { request_id: 'deposit-1', digest: hex32, tweak: { kind: 'none' }, key: null }
const without = (key: keyof typeof GOOD) => Object.fromEntries(Object.entries(GOOD).filter(([k]) => k !== key))

describe('JSON face', () => {
  it.each([
    GOOD,
    { ...GOOD, tweak: { kind: 'key', merkle_root: null } },
    { ...GOOD, tweak: { kind: 'key', merkle_root: hex32 } },
    { ...GOOD, key: hex32 },
  ])('should read and render %j unchanged', (json) => {
    expect(toJson(request, fromJson(request, json))).toEqual(json)
  })

  it.each([
    [{ ...GOOD, tweak: { kind: 'none', merkle_root: hex32 } }, 'no other keys'],
    [{ ...GOOD, extra: 1 }, 'no other keys than request_id, digest, tweak, key'],
  ])('should say which keys there are beside an unknown one: %#', (json, expected) => {
    expect(() => fromJson(request, json)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ expected }) }),
    )
  })

  it('should take an optional key that is left out as null', () => {
    expect(fromJson(request, { ...GOOD, tweak: { kind: 'key' } }).tweak?.kind).toMatchObject({ case: 'key' })
    expect(fromJson(request, without('key')).key).toBeUndefined()
  })

  it('should render every field of hello in snake_case, bytes as hex, zero values as they are', () => {
    const { response } = METHODS.hello
    expect(toJson(response, create(response.desc, { ...HELLO, ready: false }))).toEqual({
      peer_id: HELLO.peerId,
      public_key: expect.stringMatching(/^0[23][0-9a-f]{64}$/),
      network: 'devnet',
      role: 'bridge',
      ready: false,
      waiting_for: [],
      methods: ['hello', 'threshold.sign'],
      limits: { max_frame_bytes: 65_536, max_in_flight: 128, max_answer_frame_bytes: 131_072 },
      versions: { protocol: '/countersign/rpc/1', software: '0.1.0' },
      next_public_key: null,
      nonce_mode: null,
    })
  })

  it.each([
    { defect: 'no object', json: null, field: 'params' },
    { defect: 'a list', json: [], field: 'params' },
    { defect: 'a text', json: 'hello', field: 'params' },
    { defect: 'an unknown key', json: { ...GOOD, extra: 1 }, field: 'params' },
    { defect: 'camelCase', json: { ...without('request_id'), requestId: 'a' }, field: 'request_id' },
    { defect: 'no request id', json: without('request_id'), field: 'request_id' },
    { defect: 'no digest', json: without('digest'), field: 'digest' },
    { defect: 'no tweak', json: without('tweak'), field: 'tweak' },
    { defect: 'a null tweak', json: { ...GOOD, tweak: null }, field: 'tweak' },
    { defect: 'a number as request id', json: { ...GOOD, request_id: 1 }, field: 'request_id' },
    { defect: 'half a surrogate pair', json: { ...GOOD, request_id: '\ud800' }, field: 'request_id' },
    { defect: 'upper-case hex', json: { ...GOOD, digest: hex32.toUpperCase() }, field: 'digest' },
    { defect: 'hex with 0x', json: { ...GOOD, digest: `0x${hex32}` }, field: 'digest' },
    { defect: 'hex of odd length', json: { ...GOOD, digest: hex32.slice(1) }, field: 'digest' },
    { defect: 'a digest of 31 bytes', json: { ...GOOD, digest: hex32.slice(2) }, field: 'digest' },
    { defect: 'bytes as a list', json: { ...GOOD, digest: [1, 2] }, field: 'digest' },
    { defect: 'a tweak of no kind', json: { ...GOOD, tweak: {} }, field: 'tweak.kind' },
    { defect: 'a tweak of an unknown kind', json: { ...GOOD, tweak: { kind: 'script' } }, field: 'tweak.kind' },
    {
      defect: 'a root beside no tweak',
      json: { ...GOOD, tweak: { kind: 'none', merkle_root: hex32 } },
      field: 'tweak',
    },
    { defect: 'an unknown key in the tweak', json: { ...GOOD, tweak: { kind: 'key', root: hex32 } }, field: 'tweak' },
    {
      defect: 'a root of 31 bytes',
      json: { ...GOOD, tweak: { kind: 'key', merkle_root: hex32.slice(2) } },
      field: 'tweak.kind.merkle_root',
    },
  ])('should refuse $defect, naming $field', ({ json, field }) => {
    expect(() => fromJson(request, json)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', details: expect.objectContaining({ field }) }),
    )
  })

  describe('of the secret service', () => {
    const sign = METHODS['schnorr.sign'].request
    const nonce = METHODS['musig2.get_pub_nonce'].request
    const generate = METHODS['keys.generate'].request
    const NONCE = { ordered_pubkeys: [hex32], tweak: { kind: 'script' }, sighash: hex32 }
    const KEY = { name: 'k', type: 'x25519', role: 'handshake', capabilities: ['agree', 'export'] }

    it.each([
      [sign, { target: 'general', digest: hex32, tap_tweak: null, key_tweak: null }],
      [sign, { target: 'stakechain', digest: hex32, tap_tweak: hex32, key_tweak: null }],
      [nonce, NONCE],
      [nonce, { ...NONCE, tweak: { kind: 'key', merkle_root: null } }],
      [generate, KEY],
    ] as const)('should read and render %# unchanged', (shape, json) => {
      const face: Shape = shape
      expect(toJson(face, fromJson(face, json))).toEqual(json)
    })

    it('should take what may be left out as null', () => {
      const short = fromJson(sign, { target: 'musig2', digest: hex32 })
      expect([short.tapTweak, short.keyTweak]).toEqual([undefined, undefined])
    })

    it.each<[string, Shape, object, string]>([
      ['no target', sign, { digest: hex32 }, 'target'],
      ['a null target', sign, { target: null, digest: hex32 }, 'target'],
      ['an unknown target', sign, { target: 'reserved', digest: hex32 }, 'target'],
      ['a target in capitals', sign, { target: 'GENERAL', digest: hex32 }, 'target'],
      ['a target by the name of its enum', sign, { target: 'SCHNORR_TARGET_GENERAL', digest: hex32 }, 'target'],
      ['a target by its number', sign, { target: 1, digest: hex32 }, 'target'],
      ['the target that means none', sign, { target: 'unspecified', digest: hex32 }, 'target'],
      ['a tweak that is no hex', sign, { target: 'general', digest: hex32, tap_tweak: 'x' }, 'tap_tweak'],
      ['no keys', nonce, { ...NONCE, ordered_pubkeys: [] }, 'ordered_pubkeys'],
      ['one key that is no list', nonce, { ...NONCE, ordered_pubkeys: hex32 }, 'ordered_pubkeys'],
      ['a key of 33 bytes', nonce, { ...NONCE, ordered_pubkeys: [hex32, `02${hex32}`] }, 'ordered_pubkeys[1]'],
      ['a null key', nonce, { ...NONCE, ordered_pubkeys: [null] }, 'ordered_pubkeys[0]'],
      ['a tweak of the other methods', nonce, { ...NONCE, tweak: { kind: 'none' } }, 'tweak.kind'],
      ['a root beside a script', nonce, { ...NONCE, tweak: { kind: 'script', merkle_root: null } }, 'tweak'],
      ['an unknown capability', generate, { ...KEY, capabilities: ['sign', 'fly'] }, 'capabilities[1]'],
      ['no capability', generate, { ...KEY, capabilities: [] }, 'capabilities'],
      ['a name with a slash', generate, { ...KEY, name: 'a/b' }, 'name'],
    ])('should refuse %s, naming the field', (_defect, shape, json, field) => {
      expect(() => fromJson(shape, json)).toThrow(
        expect.objectContaining({ code: 'BAD_REQUEST', details: expect.objectContaining({ field }) }),
      )
    })
  })

  it('should not repeat what the caller wrote in its errors', () => {
    const json = { ...GOOD, 'hunter2 hunter2': 1 }
    expect(() => fromJson(request, json)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    )
  })

  it('should render and read every valid request to the same message', () => {
    const tweak = fc.oneof(
      fc.constant({ case: 'none' as const, value: {} }),
      fc
        .option(fc.uint8Array({ minLength: 32, maxLength: 32 }))
        .map((root) => ({ case: 'key' as const, value: root === null ? {} : { merkleRoot: root } })),
    )
    const init = fc.record({
      requestId: fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' }),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      tweak: fc.record({ kind: tweak }),
    })
    fc.assert(
      fc.property(init, (value) => {
        const message = create(ThresholdSignRequestSchema, value)
        expect(fromJson(request, JSON.parse(JSON.stringify(toJson(request, message))))).toEqual(message)
        expect(request.decode(request.encode(message), 'refuse')).toEqual(message)
      }),
    )
  })
})
