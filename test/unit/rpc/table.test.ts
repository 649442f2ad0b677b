import { create, type DescField, type DescMessage, toBinary } from '@bufbuild/protobuf'
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../src/base/index.ts'
import {
  CLIENT_ERRORS,
  encodeRequest,
  fromJson,
  METHOD_NAMES,
  type Method,
  RPC_FRAME_CAPS,
  toJson,
  WIRE_ERRORS,
} from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { encodedExample, exampleOf, rowOf } from './examples.ts'
import { filled } from './golden-services.ts'
import { errorAnswer, greets, serve } from './server-harness.ts'

/** Fields that may have any length up to a cap, and numbers of which each is one. */
const FREE_BYTES = ['P2pSignRequest.message', 'DomainMessage.message', 'KeysProvisionRequest.sealed']
const nameOf = (field: DescField): string => `${field.parent.name}.${field.name}`
const descOf = (method: Method): DescMessage => rowOf(method).request.desc

interface Broken {
  readonly how: string
  readonly params: Uint8Array
}

/** Everything that can be wrong with one field of one message, anywhere in the params of a method. */
function brokenParams(method: Method): Broken[] {
  const out: Broken[] = []
  const fresh = () => reflect(descOf(method), exampleOf(method))
  /** Changes a copy of the example at a place. */
  const breakAt = (
    how: string,
    find: (root: ReflectMessage) => ReflectMessage,
    change: (m: ReflectMessage) => void,
  ) => {
    const root = fresh()
    change(find(root))
    out.push({ how, params: toBinary(descOf(method), root.message) })
  }
  const visit = (find: (root: ReflectMessage) => ReflectMessage, desc: DescMessage, at: string): void => {
    const example = find(fresh())
    for (const field of desc.fields) {
      const path = `${at}${field.name}`
      if (field.oneof !== undefined && !example.isSet(field)) continue
      if (field.fieldKind === 'scalar' || field.fieldKind === 'enum') {
        const value = example.get(field)
        if (value instanceof Uint8Array && !FREE_BYTES.includes(nameOf(field)))
          for (const length of [value.length - 1, value.length + 1].filter((n) => n >= 0))
            breakAt(`${path} of ${length} bytes`, find, (m) => m.set(field, new Uint8Array(length)))
        const isNeeded = value instanceof Uint8Array || typeof value === 'string' || field.fieldKind === 'enum'
        if (isNeeded && field.presence === 2 && !FREE_BYTES.slice(0, 2).includes(nameOf(field)))
          breakAt(`no ${path}`, find, (m) => m.clear(field))
        if (field.fieldKind === 'enum') breakAt(`an unknown ${path}`, find, (m) => m.set(field, 99))
        if (typeof value === 'string') breakAt(`a ${path} with a newline`, find, (m) => m.set(field, 'a\nb'))
      } else if (field.fieldKind === 'message') {
        breakAt(`no ${path}`, find, (m) => m.clear(field))
        const into = (root: ReflectMessage): ReflectMessage => inner(find(root).get(field))
        visit(into, field.message, `${path}.`)
      } else if (field.fieldKind === 'list') {
        breakAt(`no ${path} at all`, find, (m) => m.get(field).clear())
        breakAt(`more ${path} than allowed`, find, (m) => {
          const list = m.get(field)
          const item = list.get(0)
          while (list.size <= LIMITS.maxS2BatchItems) list.add(item)
        })
        if (field.listKind === 'enum') breakAt(`an unknown one of ${path}`, find, (m) => m.get(field).set(0, 99))
        if (field.listKind === 'scalar' && example.get(field).get(0) instanceof Uint8Array)
          for (const length of [31, 33, 0])
            breakAt(`one of ${path} with ${length} bytes`, find, (m) => m.get(field).set(0, new Uint8Array(length)))
        if (field.listKind === 'message') {
          const into = (root: ReflectMessage): ReflectMessage => inner(find(root).get(field).get(0))
          visit(into, field.message, `${path}[0].`)
        }
      }
    }
  }
  visit((root) => root, descOf(method), '')
  const good = encodedExample(method)
  out.push(
    { how: 'an unknown field', params: Uint8Array.of(...good, 0xf8, 0x06, 0x01) },
    { how: 'a cut-off field', params: Uint8Array.of(...good, 0x7a) },
    { how: 'a field of another wire type', params: Uint8Array.of(...good, 0x7b) },
  )
  return out
}
function inner(value: unknown): ReflectMessage {
  if (typeof value === 'object' && value !== null && 'oneofs' in value) return value as ReflectMessage
  throw new Error('not a message')
}

const CASES = METHOD_NAMES.flatMap((method) => brokenParams(method).map((b) => ({ method, ...b })))

describe('every method of the table', () => {
  it('should have been broken in many ways', () => {
    expect(CASES.length).toBeGreaterThan(250)
    expect(new Set(CASES.map((c) => c.method)).size).toBe(METHOD_NAMES.length)
  })

  it.each(CASES)('should answer BAD_REQUEST, naming a field, to $method with $how', async ({ method, params }) => {
    let ran = false
    const note = async () => {
      ran = true
      throw new Error('the handler ran')
    }
    const { stream } = await serve({ [method]: note })
    await stream.write(encodeRequest(7, method, params, 0))
    const { id, code, field } = await errorAnswer(stream)
    // More items than a batch may have are more bytes than its params may have, too.
    expect(['BAD_REQUEST', 'TOO_LARGE']).toContain(code)
    if (code === 'TOO_LARGE') expect(params.length).toBeGreaterThan(rowOf(method).maxRequestBytes)
    else expect(field).toBeTruthy()
    expect([id, ran]).toEqual([7, false])
  })

  it.each(METHOD_NAMES)('should refuse one byte more than %s may have, and serve on', async (method) => {
    const { stream } = await serve()
    await stream.write(encodeRequest(7, method, new Uint8Array(rowOf(method).maxRequestBytes + 1), 0))
    expect(await errorAnswer(stream)).toMatchObject({ id: 7, code: 'TOO_LARGE' })
    if (method !== 'hello') expect(await greets(stream)).toBe(true)
  })

  it.each(METHOD_NAMES)('should read %s from JSON and from bytes alike', (method) => {
    const { request } = rowOf(method)
    const example = exampleOf(method)
    expect(request.decode(request.encode(example), 'refuse')).toEqual(example)
    expect(fromJson(request, JSON.parse(JSON.stringify(toJson(request, example))))).toEqual(example)
  })

  it.each(METHOD_NAMES)('should give %s limits that hold its example', (method) => {
    const { maxRequestBytes, response } = rowOf(method)
    expect(encodedExample(method).length).toBeLessThanOrEqual(maxRequestBytes)
    expect(maxRequestBytes).toBeLessThan(RPC_FRAME_CAPS.requestBytes)
    expect(response.maxBytes).toBeLessThan(RPC_FRAME_CAPS.answerBytes)
  })

  it('should give batches limits that hold the largest of them, to the byte', () => {
    const A = filled(32, 0x11)
    const items = Array.from({ length: LIMITS.maxS2BatchItems }, () => ({ sighash: A, aggnonce: filled(66, 1) }))
    const { request } = rowOf('musig2.get_our_partial_sig_batch')
    const largest = request.encode(
      create(pb.MusigPartialBatchRequestSchema, {
        orderedPubkeys: Array.from({ length: LIMITS.maxSigners }, () => A),
        tweak: { kind: { case: 'key', value: { merkleRoot: A } } },
        items,
      }),
    )
    expect(largest.length).toBe(request.maxBytes)
    const { response } = rowOf('wots.get_128_public_key_batch')
    const publicKeys = Array.from({ length: LIMITS.maxWots128Batch }, () => filled(720, 1))
    const answer = response.encode(create(pb.WotsPublicKeyBatchResponseSchema, { publicKeys }))
    expect(answer.length).toBe(response.maxBytes)
    expect(encodeRequest(0xffff_ffff, 'musig2.get_our_partial_sig_batch', largest, 0xffff_ffff).length).toBeLessThan(
      RPC_FRAME_CAPS.requestBytes,
    )
  })

  it.each([
    { method: 'wots.get_128_public_key_batch' as const, firstIndex: 2 ** 32 - 2, count: 3 },
    { method: 'wots.get_256_public_key_batch' as const, firstIndex: 2 ** 32 - 1, count: 2 },
  ])('should refuse indices beyond 32 bits to $method', ({ method, firstIndex, count }) => {
    const { request } = rowOf(method)
    const range = (n: number) =>
      create(pb.WotsPublicKeyBatchRequestSchema, { ...exampleOf(method), firstIndex, count: n })
    expect(() => request.assert(range(count))).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
    expect(() => request.assert(range(count - 1))).not.toThrow()
    expect(() => request.assert(range(0))).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
    expect(() => request.assert(range(385))).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
  })

  it.each([
    { method: 'schnorr.sign' as const, extra: { keyTweak: filled(32, 1) }, field: 'key_tweak' },
    { method: 'schnorr.sign_no_tweak' as const, extra: { tapTweak: filled(32, 1) }, field: 'tap_tweak' },
    { method: 'schnorr.sign_no_tweak' as const, extra: { keyTweak: filled(32, 1) }, field: 'key_tweak' },
    { method: 'schnorr.sign_with_key_tweak' as const, extra: { keyTweak: undefined }, field: 'key_tweak' },
    { method: 'wots.get_128_secret_key' as const, extra: { message: filled(16, 1) }, field: 'message' },
    { method: 'wots.get_128_public_key' as const, extra: { message: filled(16, 1) }, field: 'message' },
    { method: 'wots.get_128_signature' as const, extra: { message: filled(32, 1) }, field: 'message' },
    { method: 'wots.get_256_signature' as const, extra: { message: filled(16, 1) }, field: 'message' },
    { method: 'wots.get_256_signature' as const, extra: { message: undefined }, field: 'message' },
  ])('should not ignore a field that $method does not take, nor miss one: $field', ({ method, extra, field }) => {
    const changed = { ...exampleOf(method), ...extra }
    expect(() => rowOf(method).request.assert(changed)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', details: expect.objectContaining({ field }) }),
    )
  })

  it('should audit what uses a secret, and nothing that is public', () => {
    const notAudited = METHOD_NAMES.filter((m) => !rowOf(m).audited)
    expect(notAudited).toEqual(
      METHOD_NAMES.filter((m) => /^(hello|health)$|public_key(_batch)?$|\.(status|list|recipient)$/.test(m)),
    )
  })

  it('should ask for the export right where the answer is a secret', () => {
    expect(METHOD_NAMES.filter((m) => rowOf(m).exports)).toEqual([
      'wots.get_128_secret_key',
      'wots.get_256_secret_key',
      'keys.backup',
    ])
  })

  it('should leave only what makes or destroys keys unrepeated', () => {
    expect(METHOD_NAMES.filter((m) => !rowOf(m).idempotent)).toEqual([
      'keys.generate',
      'keys.rotate',
      'keys.provision',
      'keys.drop',
    ])
  })

  it('should have sentences that fit the error of an item', () => {
    for (const [code, sentence] of Object.entries({ ...WIRE_ERRORS, ...CLIENT_ERRORS })) {
      expect(code.length, code).toBeLessThanOrEqual(32)
      expect(sentence.length, code).toBeLessThanOrEqual(144)
    }
  })
})
