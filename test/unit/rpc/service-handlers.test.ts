import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { accept, CodedError, type GroupKey, refuse } from '../../../src/base/index.ts'
import {
  createKeyHandlers,
  createS2Handlers,
  createStatusHandlers,
  createThresholdHandlers,
  encodeRequest,
  isKeyMethod,
  isS2Method,
  METHOD_NAMES,
  type Method,
  toJson,
} from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
import {
  KEY_FAILURES,
  KeyError,
  type KeyInfo,
  type KeyService,
  S2_FAILURES,
  S2Error,
  type S2Outcome,
  type S2Service,
  type ThresholdService,
} from '../../../src/signer/index.ts'
import { encodedExample, rowOf } from './examples.ts'
import { filled } from './golden-services.ts'
import { BRIDGE } from './harness.ts'
import { errorAnswer, resultAnswer, serve } from './server-harness.ts'

type Call = readonly [name: string, ...args: unknown[]]

/** Notes what it is asked and answers what has the right length: this is about the way from the wire to the port. */
function notingS2() {
  const calls: Call[] = []
  const note = (...call: Call) => void calls.push(call)
  const all = (items: readonly unknown[], length: number): readonly S2Outcome[] =>
    items.map((_, i) => accept(filled(length, i)))
  const service: S2Service = {
    nonceMode: 'native',
    start: async () => {},
    stop: async () => {},
    schnorrPublicKey: (target) => {
      note('schnorrPublicKey', target)
      return filled(32, 1)
    },
    schnorrSign: async (target, items) => {
      note('schnorrSign', target, items)
      return all(items, 64)
    },
    p2pPublicKey: (scheme) => {
      note('p2pPublicKey', scheme)
      return filled(32, 1)
    },
    p2pSign: async (scheme, message) => {
      note('p2pSign', scheme, message)
      return filled(64, 1)
    },
    musigNonces: async (params, forms) => {
      note('musigNonces', params, forms)
      return all(forms, 66)
    },
    musigPartials: async (params, items) => {
      note('musigPartials', params, items)
      return all(items, 32)
    },
    preimage: async (stake) => {
      note('preimage', stake)
      return filled(32, 1)
    },
    wotsPublicKeys: async (jobs) => {
      note('wotsPublicKeys', jobs)
      return jobs.map(({ bits }) => filled(bits === 128 ? 720 : 1360, 1))
    },
    wotsSecretKey: async (job) => {
      note('wotsSecretKey', job)
      return filled(job.bits === 128 ? 720 : 1360, 1)
    },
    wotsSignature: async (job, message) => {
      note('wotsSignature', job, message)
      return filled(job.bits === 128 ? 756 : 1428, 1)
    },
  }
  return { service, calls }
}

const A = filled(32, 0x11)
const B = filled(32, 0x22)
const NONCE = filled(66, 0x44)
const PARAMS = { orderedPublicKeys: [A, B], tweak: { kind: 'key', merkleRoot: B } }
const sighash = (bytes: Uint8Array) => ({ kind: 'sighash', sighash: bytes })
const OUTPOINT = { kind: 'outpoint', txid: A, vout: 1 }
const job = (bits: number, index = 2) => ({ bits, place: { txid: A, vout: 1, index } })

/** What the service hears of each example. */
const S2_CALLS: Readonly<Record<string, Call>> = {
  'schnorr.sign': ['schnorrSign', 'general', [{ digest: A, tweak: { kind: 'taproot', merkleRoot: B } }]],
  'schnorr.sign_no_tweak': ['schnorrSign', 'stakechain', [{ digest: A, tweak: { kind: 'none' } }]],
  'schnorr.sign_with_key_tweak': [
    'schnorrSign',
    'musig2',
    [{ digest: A, tweak: { kind: 'taproot', merkleRoot: B, keyTweak: A } }],
  ],
  'schnorr.public_key': ['schnorrPublicKey', 'general'],
  'schnorr.sign_batch': [
    'schnorrSign',
    'general',
    [
      { digest: A, tweak: { kind: 'taproot', merkleRoot: A, keyTweak: B } },
      { digest: B, tweak: { kind: 'none' } },
    ],
  ],
  'p2p.sign': ['p2pSign', 'bip340', filled(5, 1)],
  'p2p.public_key': ['p2pPublicKey', 'ed25519'],
  'musig2.get_pub_nonce': ['musigNonces', PARAMS, [sighash(A)]],
  'musig2.get_our_partial_sig': ['musigPartials', PARAMS, [{ form: sighash(A), aggNonce: NONCE, message: A }]],
  'musig2.get_pub_nonce_for_outpoint': ['musigNonces', PARAMS, [OUTPOINT]],
  'musig2.get_our_partial_sig_for_outpoint': [
    'musigPartials',
    PARAMS,
    [{ form: OUTPOINT, aggNonce: NONCE, message: B }],
  ],
  'musig2.get_pub_nonce_batch': ['musigNonces', PARAMS, [sighash(A), sighash(B)]],
  'musig2.get_our_partial_sig_batch': ['musigPartials', PARAMS, [{ form: sighash(A), aggNonce: NONCE, message: A }]],
  'preimages.get_preimage': ['preimage', { txid: A, vout: 1, index: 2 }],
  'wots.get_128_public_key': ['wotsPublicKeys', [job(128)]],
  'wots.get_256_public_key': ['wotsPublicKeys', [job(256)]],
  'wots.get_128_secret_key': ['wotsSecretKey', job(128)],
  'wots.get_256_secret_key': ['wotsSecretKey', job(256)],
  'wots.get_128_signature': ['wotsSignature', job(128), filled(16, 3)],
  'wots.get_256_signature': ['wotsSignature', job(256), filled(32, 3)],
  'wots.get_128_public_key_batch': ['wotsPublicKeys', [job(128, 5), job(128, 6), job(128, 7)]],
  'wots.get_256_public_key_batch': ['wotsPublicKeys', [job(256, 5), job(256, 6)]],
}

const ask = (id: number, method: Method, params = encodedExample(method)) => encodeRequest(id, method, params, 0)
const refusing = (error: unknown): S2Service => ({
  ...notingS2().service,
  musigNonces: () => Promise.reject(error),
})

describe('the secret-service methods', () => {
  it.each(METHOD_NAMES.filter(isS2Method))('should ask the service for exactly what %s asked', async (method) => {
    const { service, calls } = notingS2()
    const { stream } = await serve(createS2Handlers(service))
    await stream.write(ask(1, method))
    const { result } = await resultAnswer(stream)
    expect(calls).toEqual([S2_CALLS[method]])
    // Every value in the answer comes from the service, and has the shape of the table.
    rowOf(method).response.decode(result, 'refuse')
  })

  it.each(METHOD_NAMES.filter(isS2Method))('should answer NO_SEED to %s without a service', async (method) => {
    const { stream } = await serve(createS2Handlers(undefined))
    await stream.write(ask(1, method))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NO_SEED' })
  })

  it('should never take a missing merkle root for no tweak, nor none for one', async () => {
    const { service, calls } = notingS2()
    const { stream } = await serve(createS2Handlers(service))
    const kinds = [
      { case: 'key', value: {} },
      { case: 'script', value: {} },
    ] as const
    for (const [i, kind] of kinds.entries()) {
      const init = { orderedPubkeys: [A], tweak: { kind }, sighash: A }
      const params = rowOf('musig2.get_pub_nonce').request.encode(create(pb.MusigNonceRequestSchema, init))
      await stream.write(ask(i + 1, 'musig2.get_pub_nonce', params))
      await resultAnswer(stream)
    }
    expect(calls.map(([, params]) => params)).toMatchObject([
      { tweak: { kind: 'key', merkleRoot: null } },
      { tweak: { kind: 'script' } },
    ])
  })

  it.each(S2_FAILURES)('should answer %s of the service with that code, for a call and for an item', async (code) => {
    const one: S2Service = { ...notingS2().service, musigNonces: async (_p, forms) => forms.map(() => refuse(code)) }
    const { stream } = await serve(createS2Handlers(one))
    await stream.write(ask(1, 'musig2.get_pub_nonce'))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code })
    const { stream: thrown } = await serve(createS2Handlers(refusing(new S2Error(code, 'secret path /etc'))))
    await thrown.write(ask(1, 'musig2.get_pub_nonce'))
    expect(await errorAnswer(thrown)).toMatchObject({ id: 1, code })
  })

  it('should answer the items of a batch in order, each with its value or its error', async () => {
    const service: S2Service = {
      ...notingS2().service,
      musigNonces: async () => [accept(NONCE), refuse('EQUIVOCATION')],
    }
    const { stream } = await serve(createS2Handlers(service))
    await stream.write(ask(1, 'musig2.get_pub_nonce_batch'))
    const { response } = rowOf('musig2.get_pub_nonce_batch')
    expect(toJson(response, response.decode((await resultAnswer(stream)).result, 'refuse'))).toEqual({
      items: [
        { pub_nonce: '44'.repeat(66), error: null },
        { pub_nonce: null, error: { code: 'EQUIVOCATION', message: expect.stringContaining('one-time secret') } },
      ],
    })
  })

  it('should name the field that the service refused', async () => {
    const error = new S2Error('BAD_REQUEST', 'internal words', { field: 'ordered_pubkeys[0]', expected: 'a point' })
    const { stream } = await serve(createS2Handlers(refusing(error)))
    await stream.write(ask(1, 'musig2.get_pub_nonce'))
    expect(await errorAnswer(stream)).toEqual({ id: 1, code: 'BAD_REQUEST', field: 'ordered_pubkeys[0]' })
  })

  it.each([
    ['an error of another room', new CodedError('EQUIVOCATION', 'not for clients')],
    ['a TypeError', new TypeError('x')],
  ])('should answer INTERNAL to %s, whatever code it bears', async (_what, error) => {
    const { stream } = await serve(createS2Handlers(refusing(error)))
    await stream.write(ask(1, 'musig2.get_pub_nonce'))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
  })

  it.each([
    ['too few', []],
    ['too many', [accept(NONCE), accept(NONCE)]],
  ])('should answer INTERNAL when the service gives %s', async (_what, outcomes: readonly S2Outcome[]) => {
    const { stream } = await serve(createS2Handlers({ ...notingS2().service, musigNonces: async () => outcomes }))
    await stream.write(ask(1, 'musig2.get_pub_nonce'))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
  })
})

const keyInfo = (name: string): KeyInfo => ({
  id: '0f'.repeat(16),
  name,
  type: 'ed25519',
  role: 'consensus',
  capabilities: ['sign', 'export'],
  versions: [{ version: 1, publicKey: A, createdAtMs: 1_700_000_000_000 }],
  dropping: false,
})
function notingKeys(over: Partial<KeyService> = {}) {
  const calls: Call[] = []
  const noted =
    <T>(name: string, value: T) =>
    (...args: unknown[]): T => {
      calls.push([name, ...args.filter((a) => a !== undefined)])
      return value
    }
  const service: KeyService = {
    start: async () => {},
    stop: async () => {},
    generate: noted('generate', Promise.resolve(keyInfo('consensus-1'))),
    publicKey: noted('publicKey', { version: 2, publicKey: A, createdAtMs: 1, type: 'x25519' as const }),
    sign: noted('sign', Promise.resolve(filled(64, 1))),
    agree: noted('agree', Promise.resolve(filled(32, 1))),
    list: noted('list', [keyInfo('b'), keyInfo('a')]),
    rotate: noted('rotate', Promise.resolve(keyInfo('consensus-1'))),
    backup: noted('backup', Promise.resolve(filled(100, 1))),
    provisionRecipient: noted('provisionRecipient', Promise.resolve('age1node')),
    provision: noted('provision', Promise.resolve(keyInfo('consensus-1'))),
    drop: noted('drop', Promise.resolve({ dropped: false, token: filled(16, 9) })),
    ...over,
  }
  return { service, calls }
}
const KEY_CALLS: Readonly<Record<string, Call>> = {
  'keys.generate': ['generate', { name: 'consensus-1', type: 'secp256k1', role: 'consensus', capabilities: ['sign'] }],
  'keys.public_key': ['publicKey', { name: 'consensus-1', version: 2 }],
  'keys.sign': ['sign', { name: 'consensus-1', version: 1 }, 'schnorr', { kind: 'message', domain: 'd', message: A }],
  'keys.agree': ['agree', { name: 'handshake', version: 1 }, A, 'noise'],
  'keys.list': ['list'],
  'keys.rotate': ['rotate', 'consensus-1'],
  'keys.backup': ['backup', 'consensus-1', 'age1example'],
  'keys.recipient': ['provisionRecipient'],
  'keys.provision': ['provision', A],
  'keys.drop': ['drop', 'consensus-1', filled(16, 4)],
}

describe('the methods of the key service', () => {
  it.each(METHOD_NAMES.filter(isKeyMethod))('should ask the service for exactly what %s asked', async (method) => {
    const { service, calls } = notingKeys()
    const { stream } = await serve(createKeyHandlers(service))
    await stream.write(ask(1, method))
    rowOf(method).response.decode((await resultAnswer(stream)).result, 'refuse')
    expect(calls).toEqual([KEY_CALLS[method]])
  })

  it.each(METHOD_NAMES.filter(isKeyMethod))('should not have %s without a service', async (method) => {
    const { stream } = await serve(createKeyHandlers(undefined))
    await stream.write(ask(1, method))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'UNKNOWN_METHOD' })
  })

  it.each(KEY_FAILURES)('should answer %s of the service with that code', async (code) => {
    const { service } = notingKeys({ rotate: () => Promise.reject(new KeyError(code, 'words of ours')) })
    const { stream } = await serve(createKeyHandlers(service))
    await stream.write(ask(1, 'keys.rotate'))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code })
  })

  it('should show keys by name, a page at a time', async () => {
    const names = Array.from({ length: 130 }, (_, i) => `key-${String(i).padStart(3, '0')}`)
    const { service } = notingKeys({ list: () => names.toReversed().map(keyInfo) })
    const { stream } = await serve(createKeyHandlers(service))
    const { request, response } = rowOf('keys.list')
    const seen: string[] = []
    for (let page = 1; ; page++) {
      const after = seen.at(-1)
      const params = request.encode(create(pb.KeysListRequestSchema, after === undefined ? {} : { after }))
      await stream.write(ask(page, 'keys.list', params))
      const json = toJson(response, response.decode((await resultAnswer(stream)).result, 'refuse'))
      for (const key of json.keys as { name: string }[]) seen.push(key.name)
      if (json.more !== true) break
    }
    expect(seen).toEqual(names)
  })

  it('should sign raw bytes only as raw bytes', async () => {
    const { service, calls } = notingKeys()
    const { stream } = await serve(createKeyHandlers(service))
    const message = { kind: { case: 'raw' as const, value: { digest: B } } }
    const init = { name: 'k', scheme: pb.KeyScheme.ECDSA, message }
    await stream.write(ask(1, 'keys.sign', rowOf('keys.sign').request.encode(create(pb.KeysSignRequestSchema, init))))
    await resultAnswer(stream)
    expect(calls).toEqual([['sign', { name: 'k' }, 'ecdsa', { kind: 'raw', digest: B }]])
  })
})

describe('threshold methods', () => {
  it('R27: should ask for a whole list under one id, with its key and end, and answer it whole', async () => {
    const asked: unknown[][] = []
    const service: ThresholdService = {
      publicKey: () => accept('00'.repeat(32) as GroupKey),
      sign: async (...args) => {
        asked.push(args.toSpliced(3, 2))
        return { ok: true, signatures: [filled(64, 1), filled(64, 2)] }
      },
    }
    const { stream } = await serve(createThresholdHandlers(service))
    await stream.write(ask(1, 'threshold.sign_batch'))
    const { response } = rowOf('threshold.sign_batch')
    expect(toJson(response, response.decode((await resultAnswer(stream)).result, 'refuse'))).toEqual({
      signatures: ['01'.repeat(64), '02'.repeat(64)],
    })
    const items = [
      { digest: A, tweak: { kind: 'none' } },
      { digest: B, tweak: { kind: 'key', merkleRoot: B } },
    ]
    expect(asked).toEqual([[BRIDGE.peerId, '72', items, '22'.repeat(32), 1]])
  })

  it('R27: should answer INTERNAL rather than part of a list', async () => {
    const service: ThresholdService = {
      publicKey: () => refuse('NO_KEY'),
      sign: async () => ({ ok: true, signatures: [filled(64, 1)] }),
    }
    const { stream } = await serve(createThresholdHandlers(service))
    await stream.write(ask(1, 'threshold.sign_batch'))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
  })

  it('should say in status and health what it waits for', async () => {
    const groupKey = '11'.repeat(32) as GroupKey
    const active = { groupKey, setHash: '22'.repeat(32) as never }
    for (const [waitingFor, key] of [
      [[], active],
      [['group key'], undefined],
    ] as const) {
      const { stream } = await serve(createStatusHandlers(() => ({ waitingFor, policy: 'http', active: key })))
      await stream.write(ask(1, 'threshold.status'))
      await stream.write(ask(2, 'health'))
      const json = async (method: Method) => {
        const { response } = rowOf(method)
        return toJson(response, response.decode((await resultAnswer(stream)).result, 'refuse'))
      }
      const readiness = { ready: key !== undefined, waiting_for: [...waitingFor] }
      const shown = { public_key: key?.groupKey ?? null, set_hash: key?.setHash ?? null, policy: 'http' }
      expect(await json('threshold.status')).toEqual({ ...readiness, ...shown })
      expect(await json('health')).toEqual(readiness)
    }
  })
})
