import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { type LogFields, type Logger, silentLogger, toHex } from '../../../src/base/index.ts'
import { sha256 } from '../../../src/curve/index.ts'
import {
  encodeCancel,
  encodeRequest,
  type Handlers,
  METHODS,
  RpcError,
  type RpcServerInit,
} from '../../../src/rpc/index.ts'
import type { AuditEntry, AuditLog } from '../../../src/signer/index.ts'
import { BRIDGE, settle } from './harness.ts'
import { errorAnswer, greets, resultAnswer, serve, signFrame, signParams } from './server-harness.ts'

/** An audit log whose disk the test is. */
function auditLog(onAppend: () => Promise<void> = async () => {}) {
  const entries: AuditEntry[] = []
  const log: AuditLog = {
    append: (entry) => {
      entries.push(entry)
      return onAppend()
    },
  }
  return { log, entries, outcomes: () => entries.map((e) => e.outcome) }
}
const denied: RpcServerInit['authorize'] = () => 'not_granted'
const never = () => new Promise<never>(() => {})
const publicKeyFrame = (id: number) => encodeRequest(id, 'threshold.public_key', new Uint8Array(0), 0)

describe('the audit log of rpc', () => {
  it('should hold a decision before its answer leaves', async () => {
    const disk = Promise.withResolvers<void>()
    const { log, entries } = auditLog(() => disk.promise)
    const { net, stream } = await serve({}, { audit: log })
    await stream.write(signFrame(1))
    await settle()
    expect(entries).toHaveLength(1)
    // What needs no line is not held up by one.
    expect(await greets(stream)).toBe(true)
    expect(net.opened).toHaveLength(1)
    disk.resolve()
    expect((await resultAnswer(stream)).id).toBe(1)
  })

  it('should say who asked what of which key, and hold nothing of what was asked', async () => {
    const { log, entries } = auditLog()
    const { stream, clock } = await serve({}, { audit: log })
    const digest = new Uint8Array(32).fill(0xab)
    await stream.write(signFrame(1, 0, signParams('deposit-1', digest)))
    await resultAnswer(stream)
    expect(entries).toEqual([
      {
        atMs: clock.now(),
        client: BRIDGE.peerId,
        method: 'threshold.sign',
        key: 'threshold',
        items: 1,
        requestHash: toHex(sha256(signParams('deposit-1', digest))),
        outcome: 'ok',
        refusedItems: {},
      },
    ])
    const text = JSON.stringify(entries)
    expect([text.includes('abab'), text.includes('deposit-1')]).toEqual([false, false])
  })

  it('should count the refused items of a batch by their codes', async () => {
    const { log, entries } = auditLog()
    const error = (code: string) => ({ error: { code, message: 'm' } })
    const { stream } = await serve(
      {
        'musig2.get_pub_nonce_batch': async () => ({
          items: [{ pubNonce: new Uint8Array(66) }, error('EQUIVOCATION'), error('STATE_LOST'), error('EQUIVOCATION')],
        }),
      },
      { audit: log },
    )
    const { request } = METHODS['musig2.get_pub_nonce_batch']
    const params = request.encode(
      create(request.desc, {
        orderedPubkeys: [new Uint8Array(32)],
        tweak: { kind: { case: 'script', value: {} } },
        sighashes: Array.from({ length: 4 }, () => new Uint8Array(32)),
      }),
    )
    await stream.write(encodeRequest(1, 'musig2.get_pub_nonce_batch', params, 0))
    await resultAnswer(stream)
    expect(entries).toMatchObject([
      { key: 's2/musig2', items: 4, outcome: 'ok', refusedItems: { EQUIVOCATION: 2, STATE_LOST: 1 } },
    ])
  })

  it.each([
    { what: 'hello', frame: encodeRequest(1, 'hello', new Uint8Array(0), 0) },
    { what: 'health', frame: encodeRequest(1, 'health', new Uint8Array(0), 0) },
    { what: 'a public key that is granted', frame: publicKeyFrame(1) },
  ])('should not be asked about $what', async ({ frame }) => {
    const { log, entries } = auditLog()
    const { stream } = await serve({}, { audit: log })
    await stream.write(frame)
    await resultAnswer(stream)
    expect(entries).toEqual([])
  })

  it('should hold refusals by right of any method before they are answered', async () => {
    const disk = Promise.withResolvers<void>()
    const { log, entries } = auditLog(() => disk.promise)
    const { stream } = await serve({}, { audit: log, authorize: denied })
    await stream.write(publicKeyFrame(1))
    await settle()
    expect(entries).toMatchObject([{ method: 'threshold.public_key', outcome: 'NOT_GRANTED' }])
    expect(await greets(stream)).toBe(true)
    disk.resolve()
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
  })

  it.each([
    { what: 'the shape', frame: signFrame(1, 0, signParams('')), code: 'BAD_REQUEST' },
    { what: 'the size', frame: signFrame(1, 0, new Uint8Array(1_000)), code: 'TOO_LARGE' },
  ])('should hold refusals of an audited method for $what', async ({ frame, code }) => {
    const { log, outcomes } = auditLog()
    const { stream } = await serve({}, { audit: log })
    await stream.write(frame)
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code })
    expect(outcomes()).toEqual([code])
  })

  it('should hold what the service refused', async () => {
    const { log, outcomes } = auditLog()
    const refuse = async () => {
      throw new RpcError('EQUIVOCATION')
    }
    const { stream } = await serve({ 'threshold.sign': refuse }, { audit: log })
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'EQUIVOCATION' })
    expect(outcomes()).toEqual(['EQUIVOCATION'])
  })

  describe('that takes nothing', () => {
    const broken = () => auditLog(() => Promise.reject(new Error('disk full')))
    it('should let no result out, but INTERNAL', async () => {
      const { stream } = await serve({}, { audit: broken().log })
      await stream.write(signFrame(1))
      expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
      // Nothing else comes for it: the next answer is to the next request.
      expect(await greets(stream)).toBe(true)
    })
    it('should let no refusal out, but INTERNAL', async () => {
      const { stream } = await serve({}, { audit: broken().log, authorize: denied })
      await stream.write(publicKeyFrame(1))
      expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
    })
    it('should be told to the operator once', async () => {
      const errors: [string, LogFields | undefined][] = []
      const logger: Logger = { ...silentLogger, error: (m, f) => errors.push([m, f]), child: () => logger }
      const { stream } = await serve({}, { audit: broken().log, logger })
      for (const id of [1, 2, 3]) {
        await stream.write(signFrame(id))
        await errorAnswer(stream)
      }
      expect(errors).toHaveLength(1)
    })
  })

  it('should answer a one-request stream whose refusal is still being written', async () => {
    const disk = Promise.withResolvers<void>()
    const { log } = auditLog(() => disk.promise)
    const { stream } = await serve({}, { audit: log, authorize: denied })
    await stream.write(signFrame(1))
    await stream.close()
    await settle()
    disk.resolve()
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
    expect(await stream.read()).toBeUndefined()
  })

  it('should hold what came too late, and give it to nobody', async () => {
    const late = Promise.withResolvers<{ signature: Uint8Array }>()
    const { log, entries, outcomes } = auditLog()
    const { stream, clock } = await serve({ 'threshold.sign': () => late.promise }, { audit: log })
    await stream.write(signFrame(1, 500))
    await clock.advance(500)
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'DEADLINE' })
    expect(outcomes()).toEqual([])
    late.resolve({ signature: new Uint8Array(64) })
    expect(await greets(stream)).toBe(true)
    expect(entries).toMatchObject([{ outcome: 'ok', answered: false }])
  })

  it('should answer in time while the disk is slow, and leave the line as it was decided', async () => {
    const { log, outcomes } = auditLog(never)
    const { stream, clock } = await serve({}, { audit: log })
    await stream.write(signFrame(1, 500))
    await clock.advance(500)
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'DEADLINE' })
    expect(outcomes()).toEqual(['ok'])
  })

  it.each([
    { how: 'cancelled', end: encodeCancel(1), answered: true },
    { how: 'left', end: undefined, answered: false },
  ])('should hold a request that its client has $how', async ({ end, answered }) => {
    const { log, entries } = auditLog()
    const sign: Handlers['threshold.sign'] = (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { stream } = await serve({ 'threshold.sign': sign }, { audit: log })
    await stream.write(signFrame(1))
    await settle()
    if (end === undefined) stream.abort(new Error('gone'))
    else await stream.write(end)
    if (answered) expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'CANCELLED' })
    await settle()
    expect(entries).toMatchObject([{ outcome: 'CANCELLED', answered: false }])
  })

  describe('against a client that is refused without end', () => {
    const flood = async (count: number) => {
      const { log, entries, outcomes } = auditLog()
      const world = await serve({}, { audit: log, authorize: denied })
      for (let id = 1; id <= count; id++) {
        await world.stream.write(publicKeyFrame(id))
        expect(await errorAnswer(world.stream)).toMatchObject({ id, code: 'NOT_GRANTED' })
      }
      return { ...world, entries, outcomes }
    }
    it('should hold a few lines a minute, and one with the count of the others', async () => {
      const { clock, stream, entries, outcomes } = await flood(100)
      expect(outcomes()).toEqual(Array(5).fill('NOT_GRANTED'))
      await clock.advance(60_000)
      expect(entries.slice(5)).toMatchObject([
        { client: BRIDGE.peerId, method: 'refusals', items: 95, refusedItems: { NOT_GRANTED: 95 } },
      ])
      await stream.write(publicKeyFrame(1_000))
      await errorAnswer(stream)
      expect(outcomes().slice(6)).toEqual(['NOT_GRANTED'])
    })
    it('should still hold each refusal of another kind', async () => {
      let granted = false
      const { log, outcomes } = auditLog()
      const { stream } = await serve({}, { audit: log, authorize: () => (granted ? 'granted' : 'not_granted') })
      for (let id = 1; id <= 20; id++) {
        await stream.write(publicKeyFrame(id))
        await errorAnswer(stream)
      }
      granted = true
      await stream.write(signFrame(1, 0, signParams('')))
      await errorAnswer(stream)
      expect(outcomes().slice(5)).toEqual(['BAD_REQUEST'])
    })
    it('should write its counts when the server stops', async () => {
      const { server, entries, clock } = await flood(8)
      await server.stop()
      expect(entries.slice(5)).toMatchObject([{ method: 'refusals', refusedItems: { NOT_GRANTED: 3 } }])
      expect(clock.armed).toBe(0)
    })
  })
})
