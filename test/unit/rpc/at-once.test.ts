import { describe, expect, it } from 'vitest'
import { type PeerIdStr, toHex } from '../../../src/base/index.ts'
import { createStatusHandlers, encodeRequest, METHODS, RpcError, type WireErrorCode } from '../../../src/rpc/index.ts'
import type { AuditEntry } from '../../../src/signer/index.ts'
import { PromMetrics } from '../../../src/status/index.ts'
import { settle } from './harness.ts'
import { errorAnswer, greets, resultAnswer, serve, signFrame } from './server-harness.ts'

const healthFrame = (id: number, params = new Uint8Array(0)) => encodeRequest(id, 'health', params, 0)
const SIGNATURE = new Uint8Array(64).fill(6)

/** What health answers, as a client reads it. */
function readHealth(result: Uint8Array) {
  const { ready, waitingFor } = METHODS.health.response.decode(result, 'refuse')
  return { ready, waitingFor }
}
const statusOf = (waitingFor: () => readonly string[]) =>
  createStatusHandlers(() => ({ waitingFor: waitingFor(), policy: 'bridge', active: undefined }))

describe('handlers that answer without a promise', () => {
  it('should each be answered once, in order, and counted', async () => {
    const metrics = new PromMetrics()
    const { stream, clock } = await serve(
      { 'threshold.public_key': () => ({ publicKey: new Uint8Array(32) }) },
      { metrics },
    )
    for (let id = 1; id <= 40; id++) await stream.write(encodeRequest(id, 'threshold.public_key', new Uint8Array(0), 0))
    for (let id = 1; id <= 40; id++) expect((await resultAnswer(stream)).id).toBe(id)
    // Nothing more comes of them when their time is over.
    await clock.advance(60_000)
    expect(await greets(stream)).toBe(true)
    expect(await metrics.values('rpc_requests_total')).toContainEqual({
      labels: { method: 'threshold.public_key', outcome: 'ok' },
      value: 40,
    })
  })

  it.each<[string, () => never, WireErrorCode]>([
    [
      'a typed error',
      () => {
        throw new RpcError('NO_KEY')
      },
      'NO_KEY',
    ],
    [
      'anything else',
      () => {
        throw new Error('secret path')
      },
      'INTERNAL',
    ],
  ])('should be answered by their error when they throw %s', async (_name, handler, code) => {
    const { stream } = await serve({ 'threshold.sign': handler })
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code })
    expect(await greets(stream)).toBe(true)
  })

  it('should be answered INTERNAL when the answer would not fit a frame', async () => {
    const { stream } = await serve(
      { health: () => ({ ready: true, waitingFor: new Array(16).fill('x'.repeat(64)) }) },
      { limits: { maxAnswerFrameBytes: 600 } },
    )
    await stream.write(healthFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
    expect(await greets(stream)).toBe(true)
  })

  it('should wait for their line in the audit log all the same', async () => {
    const entries: AuditEntry[] = []
    const disk = Promise.withResolvers<void>()
    const append = (entry: AuditEntry) => {
      entries.push(entry)
      return disk.promise
    }
    const { stream } = await serve({ 'threshold.sign': () => ({ signature: SIGNATURE }) }, { audit: { append } })
    await stream.write(signFrame(1))
    await settle()
    // The next answer overtakes it.
    expect(await greets(stream)).toBe(true)
    expect(entries.map((e) => e.outcome)).toEqual(['ok'])
    disk.resolve()
    expect((await resultAnswer(stream)).id).toBe(1)
  })

  it('should stop at what the client does not take', async () => {
    let asked = 0
    const health = () => {
      asked++
      return { ready: true, waitingFor: [] }
    }
    const { net, stream } = await serve({ health }, { limits: { maxUnsentAnswers: 5 } })
    const [, server] = net.opened.at(-1) ?? []
    if (server === undefined) throw new Error('a stream is open')
    server.stuck = true
    for (let id = 1; id <= 50; id++) await stream.write(healthFrame(id))
    await settle()
    expect(asked).toBe(5)
  })
})

describe('health', () => {
  it('should say what the node waits for at this moment, however often it was asked before', async () => {
    let waitingFor: readonly string[] = []
    const { stream } = await serve(statusOf(() => waitingFor))
    const said: unknown[] = []
    for (const [id, now] of [
      [],
      [],
      ['a key'],
      ['a snapshot'],
      ['a snapshot', 'a key'],
      ['a snapshot'],
      [],
    ].entries()) {
      waitingFor = now
      await stream.write(healthFrame(id + 1))
      said.push(readHealth((await resultAnswer(stream)).result))
    }
    expect(said).toEqual([
      { ready: true, waitingFor: [] },
      { ready: true, waitingFor: [] },
      { ready: false, waitingFor: ['a key'] },
      { ready: false, waitingFor: ['a snapshot'] },
      { ready: false, waitingFor: ['a snapshot', 'a key'] },
      { ready: false, waitingFor: ['a snapshot'] },
      { ready: true, waitingFor: [] },
    ])
  })

  it('should not be taken in by a list that is changed in its place', async () => {
    const waitingFor = ['a key']
    const { stream } = await serve(statusOf(() => waitingFor))
    await stream.write(healthFrame(1))
    await resultAnswer(stream)
    waitingFor[0] = 'a snapshot'
    await stream.write(healthFrame(2))
    expect(readHealth((await resultAnswer(stream)).result).waitingFor).toEqual(['a snapshot'])
  })

  it('should still refuse fields that it does not know', async () => {
    const { stream } = await serve()
    await stream.write(healthFrame(1))
    await resultAnswer(stream)
    await stream.write(healthFrame(2, Uint8Array.of(0x08, 1)))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'BAD_REQUEST' })
  })
})

describe('a result that is not frozen', () => {
  it('should be encoded anew each time, as it may have changed', async () => {
    const result = { signature: new Uint8Array(64) }
    const { stream } = await serve({
      'threshold.sign': () => {
        result.signature = result.signature.map((b) => b + 1)
        return result
      },
    })
    const said: string[] = []
    for (const id of [1, 2]) {
      await stream.write(signFrame(id))
      const { signature } = METHODS['threshold.sign'].response.decode((await resultAnswer(stream)).result, 'refuse')
      said.push(toHex(signature.subarray(0, 2)))
    }
    expect(said).toEqual(['0101', '0202'])
  })
})

describe('the quota of a method that answers at once', () => {
  it('should be taken as any other', async () => {
    const { stream } = await serve({}, { takeQuota: (_peer: PeerIdStr) => false })
    await stream.write(healthFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'OVERLOADED' })
  })
})
