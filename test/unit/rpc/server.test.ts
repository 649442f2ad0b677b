import { describe, expect, it } from 'vitest'
import {
  CodedError,
  type LogFields,
  type Logger,
  noMetrics,
  type PeerIdStr,
  silentLogger,
} from '../../../src/base/index.ts'
import {
  createQuota,
  decodeServerFrame,
  encodeCancel,
  encodeRequest,
  METHOD_NAMES,
  METHODS,
  type QuotaClass,
  RpcError,
} from '../../../src/rpc/index.ts'
import { BRIDGE, settle } from './harness.ts'
import {
  answer,
  errorAnswer,
  greets,
  helloFrame,
  resultAnswer,
  serve,
  signFrame,
  signParams,
} from './server-harness.ts'

const oneSign = (_peer: PeerIdStr, quota: QuotaClass) => (quota === 'sign' ? { burst: 1, perSecond: 1 } : null)
const never = () => new Promise<never>(() => {})

/** A sign handler that answers when told, per request id. */
function heldSigns() {
  const held = new Map<string, PromiseWithResolvers<{ signature: Uint8Array }>>()
  const signals: AbortSignal[] = []
  return {
    held,
    signals,
    handler: ({ requestId }: { requestId: string }, { signal }: { signal: AbortSignal }) => {
      signals.push(signal)
      const answering = Promise.withResolvers<{ signature: Uint8Array }>()
      held.set(requestId, answering)
      return answering.promise
    },
  }
}

describe('rpc server', () => {
  it('should answer requests of one stream in the order in which they are ready', async () => {
    const { held, handler } = heldSigns()
    const { stream } = await serve({ 'threshold.sign': handler })
    for (const id of [1, 2, 3]) await stream.write(signFrame(id, 0, signParams(`r${id}`)))
    await settle()
    for (const id of [3, 1, 2]) {
      held.get(`r${id}`)?.resolve({ signature: new Uint8Array(64).fill(id) })
      const { id: answered, result } = await resultAnswer(stream)
      expect(answered).toBe(id)
      expect(METHODS['threshold.sign'].response.decode(result, 'refuse').signature[0]).toBe(id)
    }
  })

  it('should answer a one-request stream whose sender has finished, then finish itself', async () => {
    const { stream } = await serve()
    await stream.write(signFrame(1))
    await stream.close()
    expect((await resultAnswer(stream)).id).toBe(1)
    expect(await stream.read()).toBeUndefined()
  })

  it('should refuse a method it does not have', async () => {
    const { stream } = await serve()
    await stream.write(encodeRequest(1, 'threshold.export', new Uint8Array(0), 0))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'UNKNOWN_METHOD' })
    expect(await greets(stream)).toBe(true)
  })

  it.each(['constructor', '__proto__', 'toString', ''])(
    'should refuse the method name %j like any unknown one',
    async (name) => {
      const { stream } = await serve()
      await stream.write(encodeRequest(1, name, new Uint8Array(0), 0))
      expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'UNKNOWN_METHOD' })
    },
  )

  it.each(METHOD_NAMES.filter((m) => METHODS[m].right === 'granted'))(
    'should refuse %s to a peer without the grant',
    async (method) => {
      const asked: string[] = []
      const note = (peer: string, m: string) => {
        asked.push(`${peer} ${m}`)
        return 'not_granted' as const
      }
      const { stream } = await serve({}, { authorize: note })
      await stream.write(encodeRequest(1, method, signParams(), 0))
      expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'NOT_GRANTED' })
      expect(asked).toEqual([`${BRIDGE.peerId} ${method}`])
      expect(await greets(stream)).toBe(true)
    },
  )

  it('should ask for the grant at every request, so that a withdrawn one counts at once', async () => {
    let granted = true
    const { stream } = await serve({}, { authorize: () => (granted ? 'granted' : 'not_granted') })
    await stream.write(signFrame(1))
    await resultAnswer(stream)
    granted = false
    await stream.write(signFrame(2))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'NOT_GRANTED' })
  })

  it('should refuse params beyond the limit of their method and serve on', async () => {
    const { stream } = await serve()
    const params = new Uint8Array(METHODS['threshold.sign'].maxRequestBytes + 1)
    await stream.write(signFrame(1, 0, params))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'TOO_LARGE' })
    expect(await greets(stream)).toBe(true)
  })

  it('should answer TOO_LARGE to a frame beyond the cap, finish what is open, and close that stream only', async () => {
    const { held, handler } = heldSigns()
    const { net, stream } = await serve({ 'threshold.sign': handler }, { limits: { maxFrameBytes: 1_000 } })
    const other = await net.open()
    await stream.write(signFrame(1))
    await stream.write(new Uint8Array(1_001))
    await stream.write(helloFrame(2))
    expect(await errorAnswer(stream)).toMatchObject({ id: 0, code: 'TOO_LARGE' })
    held.get('r1')?.resolve({ signature: new Uint8Array(64) })
    expect((await resultAnswer(stream)).id).toBe(1)
    expect(await stream.read()).toBeUndefined()
    expect(await greets(other)).toBe(true)
  })

  it('should answer OVERLOADED beyond the requests in flight, and serve again when one is answered', async () => {
    const { held, handler } = heldSigns()
    const { stream } = await serve({ 'threshold.sign': handler }, { limits: { maxInFlight: 2 } })
    for (const id of [1, 2, 3]) await stream.write(signFrame(id, 0, signParams(`r${id}`)))
    expect(await errorAnswer(stream)).toMatchObject({ id: 3, code: 'OVERLOADED' })
    held.get('r1')?.resolve({ signature: new Uint8Array(64) })
    expect((await resultAnswer(stream)).id).toBe(1)
    expect(await greets(stream)).toBe(true)
  })

  it('should count handlers that ignore their cancellation, over all streams of a client', async () => {
    const { net, stream } = await serve({ 'threshold.sign': never }, { limits: { maxRunningPerPeer: 2 } })
    for (const id of [1, 2]) {
      await stream.write(signFrame(id))
      await stream.write(encodeCancel(id))
      expect(await errorAnswer(stream)).toMatchObject({ id, code: 'CANCELLED' })
    }
    const second = await net.open()
    await second.write(signFrame(1))
    expect(await errorAnswer(second)).toMatchObject({ id: 1, code: 'OVERLOADED' })
  })

  it('should answer OVERLOADED beyond the quota of the class', async () => {
    const { stream, clock } = await serve({}, { takeQuota: createQuota(oneSign) })
    await stream.write(signFrame(1))
    expect((await resultAnswer(stream)).id).toBe(1)
    await stream.write(signFrame(2))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'OVERLOADED' })
    expect(await greets(stream)).toBe(true)
    await clock.advance(1_000)
    await stream.write(signFrame(3))
    expect((await resultAnswer(stream)).id).toBe(3)
  })

  it('should remember the quota of a bounded number of clients, and not that of one client for another', () => {
    const takeOf = createQuota(oneSign)
    const take = (n: number) => takeOf(`peer ${n}` as PeerIdStr, 'sign', 0, 1)
    expect([take(0), take(0), take(1)]).toEqual([true, false, true])
    for (let n = 2; n <= 256; n++) take(n)
    expect(take(0)).toBe(true)
    expect(take(256)).toBe(false)
  })

  it('should stop reading while its answers are not taken, and give such a stream up', async () => {
    let ran = 0
    const hello = async () => {
      ran++
      throw new RpcError('NO_KEY')
    }
    const limits = { maxUnsentAnswers: 4, writeTimeoutMs: 1_000 }
    const { net, stream, clock } = await serve({ hello }, { limits })
    const served = net.opened[0]?.[1]
    if (served === undefined) throw new Error('no stream')
    served.stuck = true
    for (let id = 1; id <= 50; id++) await stream.write(helloFrame(id))
    await settle()
    expect(ran).toBeLessThanOrEqual(8)
    await clock.advance(1_000)
    expect(served.failed).toBe(true)
    expect(clock.armed).toBe(0)
  })

  it('should answer DEADLINE when the time of the request is over, and abort its handler', async () => {
    const { signals, handler } = heldSigns()
    const { stream, clock } = await serve({ 'threshold.sign': handler })
    await stream.write(signFrame(1, 500))
    await clock.advance(499)
    expect(signals[0]?.aborted).toBe(false)
    await clock.advance(1)
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'DEADLINE' })
    expect(signals[0]?.aborted).toBe(true)
    expect(await greets(stream)).toBe(true)
  })

  it.each([
    { wish: 0, timeoutMs: METHODS['threshold.sign'].defaultTimeoutMs, why: 'the default when none is given' },
    { wish: 3_000, timeoutMs: 3_000, why: "the caller's wish" },
    { wish: 0xffff_ffff, timeoutMs: METHODS['threshold.sign'].maxTimeoutMs, why: 'at most the limit of the method' },
  ])('should take $why as the deadline', async ({ wish, timeoutMs }) => {
    const { stream, clock } = await serve({ 'threshold.sign': never })
    await stream.write(signFrame(1, wish))
    await clock.advance(timeoutMs - 1)
    const waiting = errorAnswer(stream)
    let answered = false
    void waiting.then(() => {
      answered = true
    })
    await settle()
    expect(answered).toBe(false)
    await clock.advance(1)
    expect(await waiting).toMatchObject({ id: 1, code: 'DEADLINE' })
  })

  it('should tell the handler a deadline before its own, so that a typed failure still arrives', async () => {
    const deadlines: number[] = []
    const { stream, clock } = await serve({
      'threshold.sign': async (_params, { deadlineMs }) => {
        deadlines.push(deadlineMs)
        throw new RpcError('TIMEOUT')
      },
    })
    await stream.write(signFrame(1, 2_000))
    await errorAnswer(stream)
    expect(deadlines).toEqual([clock.now() + 1_900])
  })

  it('should answer CANCELLED to a cancel, abort the handler, and drop what it makes later', async () => {
    const { held, signals, handler } = heldSigns()
    const { stream } = await serve({ 'threshold.sign': handler })
    await stream.write(signFrame(1))
    await stream.write(encodeCancel(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'CANCELLED' })
    expect(signals[0]?.aborted).toBe(true)
    held.get('r1')?.resolve({ signature: new Uint8Array(64) })
    expect(await greets(stream)).toBe(true)
  })

  it('should ignore a cancel of a request that it does not have', async () => {
    const { stream } = await serve()
    await stream.write(encodeCancel(99))
    expect(await greets(stream)).toBe(true)
  })

  it('should abort the requests of a stream that is reset, and only those', async () => {
    const { signals, handler } = heldSigns()
    const { net, stream, clock } = await serve({ 'threshold.sign': handler })
    const other = await net.open()
    await stream.write(signFrame(1))
    await other.write(signFrame(1))
    await settle()
    stream.abort(new Error('gone'))
    await settle()
    expect(signals.map((s) => s.aborted)).toEqual([true, false])
    expect(clock.armed).toBe(1)
  })

  it('should give the signal already aborted to a handler that asks for it late', async () => {
    const late = Promise.withResolvers<void>()
    const seen: boolean[] = []
    const { stream } = await serve({
      'threshold.sign': async (_params, context) => {
        await late.promise
        seen.push(context.signal.aborted)
        return { signature: new Uint8Array(64) }
      },
    })
    await stream.write(signFrame(1))
    await stream.write(encodeCancel(1))
    await errorAnswer(stream)
    late.resolve()
    await settle()
    expect(seen).toEqual([true])
  })

  it('should answer INTERNAL to a handler that throws, log it, and let none of its text out', async () => {
    const errors: [string, LogFields | undefined][] = []
    const logger: Logger = { ...silentLogger, error: (m, f) => errors.push([m, f]), child: () => logger }
    const { stream } = await serve(
      {
        'threshold.sign': async () => {
          throw new CodedError('DISK', 'the secret path /var/keys is full')
        },
      },
      { logger },
    )
    await stream.write(signFrame(1))
    const bytes = await stream.read()
    expect(bytes && new TextDecoder().decode(bytes)).not.toContain('/var/keys')
    expect(bytes && decodeServerFrame(bytes)).toMatchObject({ kind: 'error', id: 1, error: { code: 'INTERNAL' } })
    expect(errors).toHaveLength(1)
    expect(await greets(stream)).toBe(true)
  })

  it('should let no text out that a handler put into a typed error', async () => {
    const { stream } = await serve({
      'threshold.sign': async () => {
        throw new RpcError('REFUSED', {}, { message: 'validator at 10.0.0.7 said no' })
      },
    })
    await stream.write(signFrame(1))
    const bytes = await stream.read()
    expect(bytes && new TextDecoder().decode(bytes)).not.toContain('10.0.0.7')
  })

  it('should answer INTERNAL rather than send what breaks the rules of the answer', async () => {
    const { stream } = await serve({ 'threshold.sign': async () => ({ signature: new Uint8Array(63) }) })
    await stream.write(signFrame(1))
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'INTERNAL' })
  })

  it('should answer INTERNAL when the answer would not fit a frame', async () => {
    const { stream } = await serve({}, { limits: { maxFrameBytes: 60, maxAnswerFrameBytes: 60 } })
    await stream.write(encodeRequest(1, 'threshold.sign', signParams('r', new Uint8Array(32)), 0).slice(0, 60))
    expect((await errorAnswer(stream)).code).toBe('BAD_REQUEST')
    await stream.write(helloFrame(2))
    expect(await errorAnswer(stream)).toMatchObject({ id: 2, code: 'INTERNAL' })
  })

  it('should answer STOPPED to what is open when it stops, close its streams and serve no more', async () => {
    const { signals, handler } = heldSigns()
    const { net, server, stream, clock } = await serve({ 'threshold.sign': handler })
    await stream.write(signFrame(1))
    await settle()
    const stopped = server.stop()
    expect(await errorAnswer(stream)).toMatchObject({ id: 1, code: 'STOPPED' })
    expect(signals[0]?.aborted).toBe(true)
    expect(await stream.read()).toBeUndefined()
    await stream.close()
    await stopped
    await expect(net.open()).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(clock.armed).toBe(0)
  })

  it('should stop although a client never lets go of its stream', async () => {
    const { server, stream } = await serve()
    expect(await greets(stream)).toBe(true)
    await server.stop()
    expect(stream.failed).toBe(true)
  })

  it('should count every answer by method and outcome, with labels from closed lists only', async () => {
    const seen: Record<string, string>[] = []
    const counter = () => ({ inc: (labels: Record<string, string>) => void seen.push(labels) })
    const { stream } = await serve({}, { metrics: { ...noMetrics, counter } })
    await stream.write(signFrame(1))
    await answer(stream)
    await stream.write(encodeRequest(2, 'made up by a peer', new Uint8Array(0), 0))
    await answer(stream)
    expect(seen).toEqual([
      { method: 'threshold.sign', outcome: 'ok' },
      { method: 'unknown', outcome: 'UNKNOWN_METHOD' },
    ])
  })
})
