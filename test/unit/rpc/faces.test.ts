import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noMetrics, silentLogger, toHex } from '../../../src/base/index.ts'
import type { Client } from '../../../src/rpc/client/client.ts'
import { connectOver } from '../../../src/rpc/client/connect.ts'
import {
  createRpcServer,
  type Handlers,
  type JsonObject,
  METHOD_NAMES,
  METHODS,
  type Method,
  toJson,
} from '../../../src/rpc/index.ts'
import { KeyCapability, KeyType } from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { BRIDGE, HELLO, ManualClock, MemoryNetwork, quickHandlers, SERVER } from './harness.ts'

const b = (length: number, fill = 7) => new Uint8Array(length).fill(fill)
const h = (length: number, fill = 7) => toHex(b(length, fill))
const NO_NONCE = { code: 'EQUIVOCATION', message: 'the words of another version' }

interface Case {
  readonly method: Method
  readonly of?: string
  readonly call: (client: Client) => Promise<unknown>
  readonly params: JsonObject
  readonly answer: object
  readonly result: unknown
}

const musig = { orderedPubkeys: [b(32, 1), b(32, 2)], tweak: { kind: 'key', merkleRoot: null } } as const
const musigJson = { ordered_pubkeys: [h(32, 1), h(32, 2)], tweak: { kind: 'key', merkle_root: null } } as const
const place = { txid: b(32), vout: 1, index: 2 }
const noMessage = { txid: h(32), vout: 1, index: 2, message: null }
const range = { txid: b(32), vout: 1, firstIndex: 5, count: 2 }
const rangeJson = { txid: h(32), vout: 1, first_index: 5, count: 2 }
const keyWire = {
  id: '00'.repeat(16),
  name: 'consensus-1',
  type: KeyType.ED25519,
  role: 'consensus',
  capabilities: [KeyCapability.SIGN, KeyCapability.EXPORT],
  versions: [{ version: 1, publicKey: b(32), createdAtMs: 1_700_000_000_000n }],
  dropping: false,
}
const keyInfo = {
  ...keyWire,
  type: 'ed25519',
  capabilities: ['sign', 'export'],
  versions: [{ version: 1, publicKey: b(32), createdAtMs: 1_700_000_000_000 }],
}
const items = (value: object) => ({
  items: [value, { error: NO_NONCE }, { error: { code: 'NEW_CODE', message: 'm' } }],
})
const outcomes = (value: object) => [
  { ok: true, ...value },
  { ok: false, code: 'EQUIVOCATION', message: expect.stringContaining('one-time secret') },
  { ok: false, code: 'INTERNAL', message: expect.any(String) },
]

const CASES: readonly Case[] = [
  {
    method: 'hello',
    call: (c) => c.hello(),
    params: {},
    answer: HELLO,
    // All of it, and nothing of protobuf's own such as `$typeName`.
    result: { ...HELLO, nextPublicKey: undefined, nonceMode: undefined },
  },
  {
    method: 'health',
    call: (c) => c.health(),
    params: {},
    answer: { ready: false, waitingFor: ['keygen'] },
    result: { ready: false, waitingFor: ['keygen'] },
  },
  {
    method: 'threshold.public_key',
    call: (c) => c.threshold.publicKey(),
    params: { key: null },
    answer: { publicKey: b(32) },
    result: { publicKey: b(32) },
  },
  {
    method: 'threshold.sign',
    call: (c) =>
      c.threshold.sign({ requestId: 'r', digest: b(32), tweak: { kind: 'key', merkleRoot: b(32, 1) }, key: b(32, 2) }),
    params: { request_id: 'r', digest: h(32), tweak: { kind: 'key', merkle_root: h(32, 1) }, key: h(32, 2) },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'threshold.sign_batch',
    call: (c) =>
      c.threshold.signBatch({
        requestId: 'r',
        items: [{ digest: b(32) }, { digest: b(32, 1), tweak: { kind: 'key', merkleRoot: null } }],
        expiresAtMs: 1_700_000_000_000,
      }),
    params: {
      request_id: 'r',
      items: [
        { digest: h(32), tweak: { kind: 'none' } },
        { digest: h(32, 1), tweak: { kind: 'key', merkle_root: null } },
      ],
      key: null,
      expires_at_ms: '1700000000000',
    },
    answer: { signatures: [b(64), b(64, 1)] },
    result: { signatures: [b(64), b(64, 1)] },
  },
  {
    method: 'threshold.status',
    call: (c) => c.threshold.status(),
    params: {},
    answer: { ready: true, waitingFor: [], publicKey: b(32), policy: 'auto' },
    result: { ready: true, waitingFor: [], publicKey: b(32), setHash: undefined, policy: 'auto' },
  },
  {
    method: 'schnorr.sign',
    call: (c) => c.schnorr.sign({ target: 'stakechain', digest: b(32), tapTweak: b(32, 1) }),
    params: { target: 'stakechain', digest: h(32), tap_tweak: h(32, 1), key_tweak: null },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'schnorr.sign',
    of: 'with no root',
    call: (c) => c.schnorr.sign({ target: 'general', digest: b(32), tapTweak: null }),
    params: { target: 'general', digest: h(32), tap_tweak: null, key_tweak: null },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'schnorr.sign_no_tweak',
    call: (c) => c.schnorr.signNoTweak({ target: 'musig2', digest: b(32) }),
    params: { target: 'musig2', digest: h(32), tap_tweak: null, key_tweak: null },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'schnorr.sign_with_key_tweak',
    call: (c) => c.schnorr.signWithKeyTweak({ target: 'general', digest: b(32), keyTweak: b(32, 3) }),
    params: { target: 'general', digest: h(32), tap_tweak: null, key_tweak: h(32, 3) },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'schnorr.sign_batch',
    call: (c) =>
      c.schnorr.signBatch({
        target: 'general',
        items: [
          { digest: b(32), tweak: { kind: 'none' } },
          { digest: b(32), tweak: { kind: 'taproot', tapTweak: b(32, 1), keyTweak: b(32, 2) } },
          { digest: b(32), tweak: { kind: 'taproot' } },
        ],
      }),
    params: {
      target: 'general',
      items: [
        { digest: h(32), tweak: { kind: 'none' } },
        { digest: h(32), tweak: { kind: 'taproot', tap_tweak: h(32, 1), key_tweak: h(32, 2) } },
        { digest: h(32), tweak: { kind: 'taproot', tap_tweak: null, key_tweak: null } },
      ],
    },
    answer: items({ signature: b(64) }),
    result: outcomes({ signature: b(64) }),
  },
  {
    method: 'schnorr.public_key',
    call: (c) => c.schnorr.publicKey({ target: 'musig2' }),
    params: { target: 'musig2' },
    answer: { publicKey: b(32) },
    result: { publicKey: b(32) },
  },
  {
    method: 'p2p.sign',
    call: (c) => c.p2p.sign({ scheme: 'ed25519', message: b(0) }),
    params: { scheme: 'ed25519', message: '' },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'p2p.public_key',
    call: (c) => c.p2p.publicKey({ scheme: 'bip340' }),
    params: { scheme: 'bip340' },
    answer: { publicKey: b(32) },
    result: { publicKey: b(32) },
  },
  {
    method: 'musig2.get_pub_nonce',
    call: (c) => c.musig2.getPubNonce({ ...musig, sighash: b(32) }),
    params: { ...musigJson, sighash: h(32) },
    answer: { pubNonce: b(66) },
    result: { pubNonce: b(66) },
  },
  {
    method: 'musig2.get_pub_nonce',
    of: 'of a script path',
    call: (c) => c.musig2.getPubNonce({ ...musig, tweak: { kind: 'script' }, sighash: b(32) }),
    params: { ...musigJson, tweak: { kind: 'script' }, sighash: h(32) },
    answer: { pubNonce: b(66) },
    result: { pubNonce: b(66) },
  },
  {
    method: 'musig2.get_our_partial_sig',
    call: (c) =>
      c.musig2.getOurPartialSig({
        ...musig,
        tweak: { kind: 'key', merkleRoot: b(32, 9) },
        sighash: b(32),
        aggnonce: b(66),
      }),
    params: { ...musigJson, tweak: { kind: 'key', merkle_root: h(32, 9) }, sighash: h(32), aggnonce: h(66) },
    answer: { partialSig: b(32) },
    result: { partialSig: b(32) },
  },
  {
    method: 'musig2.get_pub_nonce_for_outpoint',
    call: (c) => c.musig2.getPubNonceForOutpoint({ ...musig, txid: b(32), vout: 3 }),
    params: { ...musigJson, txid: h(32), vout: 3 },
    answer: { pubNonce: b(66) },
    result: { pubNonce: b(66) },
  },
  {
    method: 'musig2.get_our_partial_sig_for_outpoint',
    call: (c) =>
      c.musig2.getOurPartialSigForOutpoint({
        ...{ ...musig, txid: b(32), vout: 3 },
        ...{ aggnonce: b(66), message: b(32, 4) },
      }),
    params: { ...musigJson, txid: h(32), vout: 3, aggnonce: h(66), message: h(32, 4) },
    answer: { partialSig: b(32) },
    result: { partialSig: b(32) },
  },
  {
    method: 'musig2.get_pub_nonce_batch',
    call: (c) => c.musig2.getPubNonceBatch({ ...musig, sighashes: [b(32), b(32, 1), b(32, 2)] }),
    params: { ...musigJson, sighashes: [h(32), h(32, 1), h(32, 2)] },
    answer: items({ pubNonce: b(66) }),
    result: outcomes({ pubNonce: b(66) }),
  },
  {
    method: 'musig2.get_our_partial_sig_batch',
    call: (c) => c.musig2.getOurPartialSigBatch({ ...musig, items: [{ sighash: b(32), aggnonce: b(66) }] }),
    params: { ...musigJson, items: [{ sighash: h(32), aggnonce: h(66) }] },
    answer: items({ partialSig: b(32) }),
    result: outcomes({ partialSig: b(32) }),
  },
  {
    method: 'preimages.get_preimage',
    call: (c) => c.preimages.getPreimage({ prestakeTxid: b(32), prestakeVout: 1, stakeIndex: 2 }),
    params: { prestake_txid: h(32), prestake_vout: 1, stake_index: 2 },
    answer: { preimage: b(32) },
    result: { preimage: b(32) },
  },
  {
    method: 'wots.get_128_public_key',
    call: (c) => c.wots.get128PublicKey(place),
    params: noMessage,
    answer: { publicKey: b(720) },
    result: { publicKey: b(720) },
  },
  {
    method: 'wots.get_256_public_key',
    call: (c) => c.wots.get256PublicKey(place),
    params: noMessage,
    answer: { publicKey: b(1360) },
    result: { publicKey: b(1360) },
  },
  {
    method: 'wots.get_128_secret_key',
    call: (c) => c.wots.get128SecretKey(place),
    params: noMessage,
    answer: { secretKey: b(720) },
    result: { secretKey: b(720) },
  },
  {
    method: 'wots.get_256_secret_key',
    call: (c) => c.wots.get256SecretKey(place),
    params: noMessage,
    answer: { secretKey: b(1360) },
    result: { secretKey: b(1360) },
  },
  {
    method: 'wots.get_128_signature',
    call: (c) => c.wots.get128Signature({ ...place, message: b(16) }),
    params: { ...noMessage, message: h(16) },
    answer: { signature: b(756) },
    result: { signature: b(756) },
  },
  {
    method: 'wots.get_256_signature',
    call: (c) => c.wots.get256Signature({ ...place, message: b(32) }),
    params: { ...noMessage, message: h(32) },
    answer: { signature: b(1428) },
    result: { signature: b(1428) },
  },
  {
    method: 'wots.get_128_public_key_batch',
    call: (c) => c.wots.get128PublicKeyBatch(range),
    params: rangeJson,
    answer: { publicKeys: [b(720), b(720, 1)] },
    result: { publicKeys: [b(720), b(720, 1)] },
  },
  {
    method: 'wots.get_256_public_key_batch',
    call: (c) => c.wots.get256PublicKeyBatch(range),
    params: rangeJson,
    answer: { publicKeys: [b(1360), b(1360, 1)] },
    result: { publicKeys: [b(1360), b(1360, 1)] },
  },
  {
    method: 'keys.generate',
    call: (c) =>
      c.keys.generate({ name: 'consensus-1', type: 'ed25519', role: 'consensus', capabilities: ['sign', 'export'] }),
    params: { name: 'consensus-1', type: 'ed25519', role: 'consensus', capabilities: ['sign', 'export'] },
    answer: keyWire,
    result: keyInfo,
  },
  {
    method: 'keys.public_key',
    call: (c) => c.keys.publicKey({ name: 'k', version: 3 }),
    params: { name: 'k', version: 3 },
    answer: { publicKey: b(33), version: 3, type: KeyType.SECP256K1, createdAtMs: 5n },
    result: { publicKey: b(33), version: 3, type: 'secp256k1', createdAtMs: 5 },
  },
  {
    method: 'keys.sign',
    call: (c) =>
      c.keys.sign({ name: 'k', scheme: 'ecdsa', message: { kind: 'message', domain: 'd/1', message: b(5) } }),
    params: {
      ...{ name: 'k', version: null, scheme: 'ecdsa' },
      message: { kind: 'message', domain: 'd/1', message: h(5) },
    },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'keys.sign',
    of: 'raw',
    call: (c) => c.keys.sign({ name: 'k', scheme: 'schnorr', message: { kind: 'raw', digest: b(32) } }),
    params: { name: 'k', version: null, scheme: 'schnorr', message: { kind: 'raw', digest: h(32) } },
    answer: { signature: b(64) },
    result: { signature: b(64) },
  },
  {
    method: 'keys.agree',
    call: (c) => c.keys.agree({ name: 'k', peerPublicKey: b(32), context: 'handshake' }),
    params: { name: 'k', version: null, peer_public_key: h(32), context: 'handshake' },
    answer: { sharedSecret: b(32) },
    result: { sharedSecret: b(32) },
  },
  {
    method: 'keys.list',
    call: (c) => c.keys.list({ after: 'a' }),
    params: { after: 'a' },
    answer: { keys: [keyWire], more: true },
    result: { keys: [keyInfo], more: true },
  },
  {
    method: 'keys.rotate',
    call: (c) => c.keys.rotate({ name: 'k' }),
    params: { name: 'k' },
    answer: keyWire,
    result: keyInfo,
  },
  {
    method: 'keys.backup',
    call: (c) => c.keys.backup({ name: 'k', recipient: 'age1x' }),
    params: { name: 'k', recipient: 'age1x' },
    answer: { sealed: b(9) },
    result: { sealed: b(9) },
  },
  {
    method: 'keys.recipient',
    call: (c) => c.keys.recipient(),
    params: {},
    answer: { recipient: 'age1x' },
    result: { recipient: 'age1x' },
  },
  {
    method: 'keys.provision',
    call: (c) => c.keys.provision({ sealed: b(9) }),
    params: { sealed: h(9) },
    answer: keyWire,
    result: keyInfo,
  },
  {
    method: 'keys.drop',
    call: (c) => c.keys.drop({ name: 'k' }),
    params: { name: 'k', token: null },
    answer: { dropped: false, token: b(16) },
    result: { dropped: false, token: b(16) },
  },
  {
    method: 'keys.drop',
    of: 'for good',
    call: (c) => c.keys.drop({ name: 'k', token: b(16) }),
    params: { name: 'k', token: h(16) },
    answer: { dropped: true },
    result: { dropped: true, token: undefined },
  },
]

/** What the server was asked last, and what it says to it. */
let asked: { readonly method: Method; readonly params: JsonObject } | undefined
let answer: object = {}
const answering = <M extends Method>(method: M) => ({
  [method]: async (params: never) => {
    asked = { method, params: toJson(METHODS[method].request, params) }
    return answer
  },
})

describe('typed faces', () => {
  let client: Client
  beforeAll(async () => {
    const net = new MemoryNetwork()
    const clock = new ManualClock()
    const handlers = Object.assign({}, ...METHOD_NAMES.map(answering)) as Handlers
    answer = HELLO
    await createRpcServer({
      streams: net.server,
      authorize: () => 'granted',
      handlers: quickHandlers(handlers),
      takeQuota: () => true,
      clock,
      logger: silentLogger,
      metrics: noMetrics,
    }).start()
    const host = { streams: net.client, stop: async () => {} }
    const servers = [{ peerId: SERVER.peerId, addresses: [] }]
    client = await connectOver(host, { servers, self: BRIDGE.peerId, clock })
  })
  afterAll(() => client.close())

  it('should be tested for every row of the table', () => {
    expect(METHOD_NAMES.filter((m) => !CASES.some((c) => c.method === m))).toEqual([])
  })

  it.each(CASES)('should ask $method $of as it is written there, and read the answer', async (c) => {
    answer = c.answer
    const result = await c.call(client)
    expect(asked).toEqual({ method: c.method, params: c.params })
    expect(result).toEqual(c.result)
  })

  it.each(CASES)('should say the same of $method $of in JSON', async (c) => {
    answer = c.answer
    await client.call(c.method, c.params)
    expect(asked).toEqual({ method: c.method, params: c.params })
  })

  it.each([
    { what: 'a wallet that there is none of', call: (c: Client) => c.schnorr.publicKey({ target: 'x' as never }) },
    { what: 'a digest of 31 bytes', call: (c: Client) => c.schnorr.sign({ target: 'general', digest: b(31) }) },
    { what: 'no keys', call: (c: Client) => c.musig2.getPubNonce({ ...musig, orderedPubkeys: [], sighash: b(32) }) },
    { what: 'an empty batch', call: (c: Client) => c.musig2.getPubNonceBatch({ ...musig, sighashes: [] }) },
    { what: 'a message of 17 bytes', call: (c: Client) => c.wots.get128Signature({ ...place, message: b(17) }) },
    { what: 'half a millisecond', call: (c: Client) => c.threshold.signBatch({ ...batch, expiresAtMs: 0.5 }) },
    { what: 'a time before all others', call: (c: Client) => c.threshold.signBatch({ ...batch, expiresAtMs: -1 }) },
    { what: 'an output of 33 bits', call: (c: Client) => c.wots.get128PublicKey({ ...place, vout: 2 ** 32 }) },
  ])('should refuse $what before anything is sent', async ({ call }) => {
    asked = undefined
    await expect(call(client)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(asked).toBeUndefined()
  })
})
const batch = { requestId: 'r', items: [{ digest: b(32) }] }
