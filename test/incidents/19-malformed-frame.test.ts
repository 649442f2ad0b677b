import { describe, expect, it } from 'vitest'
import { codeOf, concatBytes, fromHex, toHex, withDeadline } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import type { FrameStream } from '../../src/p2p/index.ts'
import { decodeServerFrame, encodeRequest, METHOD_NAMES, METHODS, RPC_FRAME_CAPS } from '../../src/rpc/index.ts'
import { rawClient, rpcNode } from '../integration/rpc-hosts.ts'
import { s2Node } from '../integration/s2-node.ts'
import { encodedExample } from '../unit/rpc/examples.ts'
import { aggNonceOf, homeIn, messageOf, OWN_KEY, others } from '../unit/signer/s2/service-fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const bridge = KeyPair.generate()
const tempFolder = tempFolders()

const answerOn = (stream: FrameStream) =>
  withDeadline('the answer', 5_000, async (signal) => {
    const bytes = await stream.read(signal)
    if (bytes === undefined) throw new Error('the stream ended without an answer')
    return decodeServerFrame(bytes)
  })

async function serves(stream: FrameStream): Promise<void> {
  await stream.write(encodeRequest(77, 'hello', new Uint8Array(0), 0))
  expect(await answerOn(stream)).toMatchObject({ kind: 'result', id: 77 })
}

/** How a stream ends, within a deadline, having said nothing but TOO_LARGE before. */
const endOf = (stream: FrameStream) =>
  withDeadline('the end of the stream', 5_000, async (signal) => {
    try {
      for (;;) {
        const bytes = await stream.read(signal)
        if (bytes === undefined) return 'ENDED'
        expect(decodeServerFrame(bytes)).toMatchObject({ kind: 'error', id: 0, error: { code: 'TOO_LARGE' } })
      }
    } catch (error) {
      return codeOf(error)
    }
  })

/** S2: a malformed frame panicked the handler; no answer came, and the connection was gone. */
describe('incident 19: malformed frame', () => {
  it.each([
    { frame: 'an empty frame', bytes: new Uint8Array(0), id: 0 },
    { frame: 'no protobuf', bytes: fromHex('ffffffff'), id: 0 },
    { frame: 'a truncated request', bytes: encodeRequest(3, 'hello', new Uint8Array(40), 0).slice(0, 12), id: 3 },
    { frame: 'a method that is not UTF-8', bytes: fromHex('0a0608031202c328'), id: 3 },
    { frame: 'params of another shape', bytes: encodeRequest(3, 'threshold.sign', fromHex('ffff'), 0), id: 3 },
  ])(
    'should be answered with a typed error within the deadline, on a connection that lives on: $frame',
    async ({ bytes, id }) => {
      await using node = await rpcNode([bridge.peerId])
      await using raw = await rawClient(bridge, node)
      const stream = await raw.open()
      await serves(stream)
      await stream.write(bytes)
      expect(await answerOn(stream)).toMatchObject({ kind: 'error', id, error: { code: 'BAD_REQUEST' } })
      await serves(stream)
      expect(raw.host.connections()).toHaveLength(1)
    },
  )

  it('should end only its own stream when a frame is too large to be read', async () => {
    await using node = await rpcNode([bridge.peerId])
    await using raw = await rawClient(bridge, node)
    const stream = await raw.open()
    const neighbour = await raw.open()
    await serves(neighbour)
    await stream.write(new Uint8Array(RPC_FRAME_CAPS.requestBytes + 1))
    expect(['ENDED', 'STREAM_RESET']).toContain(await endOf(stream))
    await serves(neighbour)
    expect(raw.host.connections()).toHaveLength(1)
    await serves(await raw.open())
  })
})

const S2_METHODS = METHOD_NAMES.filter((m) => /^(schnorr|p2p|musig2|preimages|wots)\./.test(m))
/** Of a request around its params, and some more. */
const FRAME_BYTES = 128
const POINT = toHex(others(1)[0] ?? OWN_KEY)
const OFF_CURVE = 'ff'.repeat(32)
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
const keys = (...ordered_pubkeys: readonly string[]) => ({ ordered_pubkeys, tweak: { kind: 'script' } })
const OURS = keys(toHex(OWN_KEY), POINT)
const SIGHASH = toHex(messageOf(1))
const AGGNONCE = toHex(aggNonceOf(1))

/** The reference panicked at each of these, or cut lengths to 16 bits; nothing came back. */
describe('incident 19: what no method of the secret service can use', () => {
  it.each(S2_METHODS)('should be a typed error of that request, on a stream that lives on: %s', async (method) => {
    await using served = await s2Node(homeIn(tempFolder()), [bridge])
    await using raw = await rawClient(bridge, served.node)
    const stream = await raw.open()
    const example = encodedExample(method)
    const broken = [
      fromHex('ffffffff'),
      example.subarray(0, example.length - 1),
      example.map((byte, i) => (i === 1 ? byte ^ 0x7f : byte)),
      // A field that nobody knows.
      concatBytes(example, fromHex('f87f01')),
    ]
    for (const [i, params] of broken.entries()) {
      await stream.write(encodeRequest(10 + i, method, params, 0))
      expect(await answerOn(stream)).toMatchObject({ kind: 'error', id: 10 + i, error: { code: 'BAD_REQUEST' } })
    }
    const tooLarge = METHODS[method].maxRequestBytes + 1
    // The method that may be asked the most has the frame's own cap, which the test above is about.
    if (tooLarge + FRAME_BYTES <= RPC_FRAME_CAPS.requestBytes) {
      await stream.write(encodeRequest(20, method, new Uint8Array(tooLarge), 0))
      expect(await answerOn(stream)).toMatchObject({ kind: 'error', id: 20, error: { code: 'TOO_LARGE' } })
    }
    await serves(stream)
    expect(raw.host.connections()).toHaveLength(1)
  })

  it.each([
    ['a key that is no point', 'musig2.get_pub_nonce', { ...keys(toHex(OWN_KEY), OFF_CURVE), sighash: SIGHASH }],
    ['no key', 'musig2.get_pub_nonce', { ...keys(), sighash: SIGHASH }],
    ['a key twice', 'musig2.get_pub_nonce', { ...keys(toHex(OWN_KEY), POINT, POINT), sighash: SIGHASH }],
    ['a sighash of 31 bytes', 'musig2.get_pub_nonce', { ...OURS, sighash: SIGHASH.slice(2) }],
    [
      'an aggregate nonce off the curve',
      'musig2.get_our_partial_sig',
      { ...OURS, aggnonce: `02${OFF_CURVE}02${OFF_CURVE}`, sighash: SIGHASH },
    ],
    [
      'a tweak of the group order',
      'schnorr.sign_with_key_tweak',
      { target: 'general', digest: SIGHASH, key_tweak: ORDER },
    ],
    ['a message of the other size', 'wots.get_128_signature', { txid: SIGHASH, vout: 0, index: 0, message: SIGHASH }],
    ['an index of 33 bits', 'wots.get_128_public_key', { txid: SIGHASH, vout: 0, index: 2 ** 32 }],
    ['a target that is none', 'schnorr.sign', { target: 'other', digest: SIGHASH }],
  ])('should be BAD_REQUEST of that call alone: %s', async (_, method, params) => {
    await using served = await s2Node(homeIn(tempFolder()), [bridge])
    const client = await served.client(bridge)
    // So that the nonce of the aggregate is one that was shown.
    const asked = { ...OURS, sighash: SIGHASH }
    await client.call('musig2.get_pub_nonce', asked)
    const call = client.call(method, params)
    await expect(call).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    // It stands for nothing.
    expect(await client.call('musig2.get_our_partial_sig', { ...asked, aggnonce: AGGNONCE })).toHaveProperty(
      'partial_sig',
    )
  })

  it('should be OUR_PUB_KEY_IS_NOT_IN_PARAMS where the own key is missing', async () => {
    await using served = await s2Node(homeIn(tempFolder()), [bridge])
    const client = await served.client(bridge)
    const call = client.call('musig2.get_pub_nonce', { ...keys(POINT), sighash: SIGHASH })
    await expect(call).rejects.toMatchObject({ code: 'OUR_PUB_KEY_IS_NOT_IN_PARAMS' })
  })
})
