import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../../src/base/index.ts'
import { type AccessScope, createQuota, encodeRequest, METHOD_NAMES, type Method } from '../../../src/rpc/index.ts'
import * as pb from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { encodedExample, rowOf } from './examples.ts'
import { filled } from './golden-services.ts'
import { BRIDGE } from './harness.ts'
import { answer, errorAnswer, resultAnswer, serve, signFrame } from './server-harness.ts'

/** What is asked about each method's example, in the end. */
const KEYS: Readonly<Record<string, string>> = {
  'schnorr.sign': 's2/general',
  'schnorr.sign_no_tweak': 's2/stakechain',
  'schnorr.sign_with_key_tweak': 's2/musig2',
  'schnorr.public_key': 's2/general',
  'schnorr.sign_batch': 's2/general',
  'keys.agree': 'keys/handshake',
  'keys.provision': 'keys/*',
}
const keyOf = (method: Method): string | undefined => {
  if (KEYS[method] !== undefined) return KEYS[method]
  const [service] = method.split('.')
  if (service === 'keys') return /list|recipient/.test(method) ? undefined : 'keys/consensus-1'
  return service === 'threshold' ? 'threshold' : `s2/${service}`
}
const GRANTED = METHOD_NAMES.filter((m) => rowOf(m).right === 'granted')

describe('rights', () => {
  it.each(GRANTED)('should be asked for %s with the key that it is about', async (method) => {
    const asked: AccessScope[] = []
    const { stream } = await serve(
      {},
      {
        authorize: (peer, m, scope) => {
          expect([peer, m]).toEqual([BRIDGE.peerId, method])
          asked.push(scope)
          return 'granted'
        },
      },
    )
    await stream.write(encodeRequest(1, method, encodedExample(method), 0))
    await answer(stream)
    const exports = /secret_key$|backup$/.test(method)
    expect(asked.at(-1)).toEqual({ key: keyOf(method), exports, raw: false })
    // What stands in the table alone is asked once.
    expect(asked).toHaveLength(rowOf(method).key === undefined || rowOf(method).key?.fixed !== undefined ? 1 : 2)
    expect(asked[0]?.exports).toBe(exports)
  })

  it.each(GRANTED)('should let nothing of %s be done under another key', async (method) => {
    const key = keyOf(method)
    const { stream } = await serve(
      {
        [method]: async () => {
          throw new Error('the handler ran')
        },
      },
      // Every key but this one.
      { authorize: (_peer, _m, scope) => (key !== undefined && scope.key === key ? 'not_granted' : 'granted') },
    )
    await stream.write(encodeRequest(1, method, encodedExample(method), 0))
    const expected = key === undefined ? 'INTERNAL' : 'NOT_GRANTED'
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: expected })
  })

  it('should be asked before the params are read: a client without any hears nothing of their shape', async () => {
    const { stream } = await serve({}, { authorize: () => 'not_granted' })
    for (const [i, method] of GRANTED.entries()) {
      await stream.write(encodeRequest(i + 1, method, filled(5, 0xff), 0))
      expect(await errorAnswer(stream)).toMatchObject({ id: i + 1, code: 'NOT_GRANTED' })
    }
  })

  it('should be asked for raw signing with the flag that only the params show', async () => {
    const asked: AccessScope[] = []
    const { stream } = await serve(
      {},
      {
        authorize: (_peer, _method, scope) => {
          asked.push(scope)
          return scope.raw ? 'not_granted' : 'granted'
        },
      },
    )
    const raw = create(pb.KeysSignRequestSchema, {
      name: 'k',
      scheme: pb.KeyScheme.ECDSA,
      message: { kind: { case: 'raw', value: { digest: filled(32, 1) } } },
    })
    await stream.write(encodeRequest(1, 'keys.sign', rowOf('keys.sign').request.encode(raw), 0))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
    expect(asked.at(-1)).toEqual({ key: 'keys/k', exports: false, raw: true })
  })
})

describe('quotas', () => {
  const noncesOf = (count: number, keys = 1): Uint8Array => {
    const { request } = rowOf('musig2.get_pub_nonce_batch')
    return request.encode(
      create(pb.MusigNonceBatchRequestSchema, {
        orderedPubkeys: Array.from({ length: keys }, () => filled(32, 1)),
        tweak: { kind: { case: 'script', value: {} } },
        sighashes: Array.from({ length: count }, () => filled(32, 2)),
      }),
    )
  }
  const batch = (id: number, count: number, keys = 1) =>
    encodeRequest(id, 'musig2.get_pub_nonce_batch', noncesOf(count, keys), 0)
  const s2Of = (burst: number, perSecond: number) => (_peer: PeerIdStr, quota: string) =>
    quota === 's2' ? { burst, perSecond } : null
  const nonces = async ({ sighashes }: { sighashes: unknown[] }) => ({
    items: sighashes.map(() => ({ pubNonce: new Uint8Array(66) })),
  })
  const world = (burst: number, perSecond: number) =>
    serve({ 'musig2.get_pub_nonce_batch': nonces }, { takeQuota: createQuota(s2Of(burst, perSecond)) })

  it('should be taken by the items of a batch', async () => {
    const { stream, clock } = await world(10, 1)
    await stream.write(batch(1, 8))
    await resultAnswer(stream)
    await stream.write(batch(2, 3))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'OVERLOADED' })
    await clock.advance(2_000)
    await stream.write(batch(3, 3))
    expect((await resultAnswer(stream)).id).toBe(3)
  })

  it('should be taken by the keys of a list, too', async () => {
    const { stream, clock } = await world(30, 1)
    await stream.write(batch(1, 1, 128))
    await resultAnswer(stream)
    await stream.write(batch(2, 1, 128))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'OVERLOADED' })
    await clock.advance(22_000)
    await stream.write(batch(3, 1, 128))
    expect((await resultAnswer(stream)).id).toBe(3)
  })

  it('should serve a batch larger than the allowance when it is full, and have it paid back', async () => {
    const { stream, clock } = await world(10, 10)
    await stream.write(batch(1, 50))
    await resultAnswer(stream)
    await clock.advance(4_000)
    await stream.write(batch(2, 1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'OVERLOADED' })
    await clock.advance(1_000)
    await stream.write(batch(3, 1))
    expect((await resultAnswer(stream)).id).toBe(3)
  })

  it('should be of a day, too, for what leaves lines and records behind: by items, not by what they cost', async () => {
    const takeDaily = createQuota(s2Of(10, 10 / 86_400))
    const wots = async ({ count }: { count: number }) => ({
      publicKeys: Array.from({ length: count }, () => new Uint8Array(720)),
    })
    const { stream, clock } = await serve(
      { 'musig2.get_pub_nonce_batch': nonces, 'wots.get_128_public_key_batch': wots },
      { takeDaily },
    )
    await stream.write(batch(1, 9, 128))
    await resultAnswer(stream)
    await clock.advance(10_000)
    await stream.write(batch(2, 2))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'OVERLOADED' })
    const { request } = rowOf('wots.get_128_public_key_batch')
    const keys = create(pb.WotsPublicKeyBatchRequestSchema, { txid: filled(32, 1), firstIndex: 0, count: 100 })
    await stream.write(encodeRequest(3, 'wots.get_128_public_key_batch', request.encode(keys), 0))
    expect((await resultAnswer(stream)).id).toBe(3)
    await clock.advance(86_400_000 / 10)
    await stream.write(batch(4, 2))
    expect((await resultAnswer(stream)).id).toBe(4)
  })

  it('should not be what a full disk is left to: nothing of the seed is done below its floor, and signing goes on', async () => {
    let room = false
    let done = 0
    const count: typeof nonces = async (params) => {
      done++
      return nonces(params)
    }
    const { stream } = await serve({ 'musig2.get_pub_nonce_batch': count }, { hasRoom: () => room })
    await stream.write(batch(1, 1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'OVERLOADED' })
    expect(done).toBe(0)
    await stream.write(signFrame(2))
    expect((await resultAnswer(stream)).id).toBe(2)
    room = true
    await stream.write(batch(3, 1))
    expect((await resultAnswer(stream)).id).toBe(3)
  })

  it("should be each client's own, and count anew when the operator changes them", () => {
    let burst = 1
    const take = createQuota((peer, quota) => (peer === 'a' ? { burst, perSecond: 0.001 } : s2Of(100, 1)(peer, quota)))
    const a = 'a' as PeerIdStr
    const b = 'b' as PeerIdStr
    expect([take(a, 's2', 0, 1), take(a, 's2', 0, 1), take(b, 's2', 0, 99)]).toEqual([true, false, true])
    burst = 3
    expect([take(a, 's2', 0, 3), take(a, 's2', 0, 1)]).toEqual([true, false])
    expect(take(a, 'read', 0, 1)).toBe(true)
  })
})

describe('answers that are large', () => {
  it('should not be asked for while others may still have to be held', async () => {
    let running = 0
    const held = Promise.withResolvers<void>()
    const keys = async ({ count }: { count: number }) => {
      running++
      await held.promise
      return { publicKeys: Array.from({ length: count }, () => new Uint8Array(720)) }
    }
    const { stream } = await serve({ 'wots.get_128_public_key_batch': keys }, { takeQuota: () => true })
    const params = rowOf('wots.get_128_public_key_batch').request.encode(
      create(pb.WotsPublicKeyBatchRequestSchema, { txid: filled(32, 1), firstIndex: 0, count: 384 }),
    )
    const frames = 40
    for (let id = 1; id <= frames; id++)
      await stream.write(encodeRequest(id, 'wots.get_128_public_key_batch', params, 0))
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    // 2 MiB of 278 KB each, and the one that went beyond.
    expect(running).toBe(8)
    held.resolve()
    const answered = new Set<number>()
    while (answered.size < frames) answered.add((await resultAnswer(stream)).id)
    expect(running).toBe(frames)
  })
})
