import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, utf8 } from '../../../src/base/index.ts'
import { decodeClientFrame, decodeServerFrame, encodeRequest } from '../../../src/rpc/index.ts'
import { FrameSchema } from '../../../src/rpc/wire/pb/rpc_pb.ts'
import { answer, errorAnswer, greets, helloFrame, serve, signFrame, signParams } from './server-harness.ts'

const tag = (field: number, ...bytes: Uint8Array[]): Uint8Array => {
  const body = concatBytes(...bytes)
  return concatBytes(Uint8Array.of((field << 3) | 2, body.length), body)
}
const request = (...fields: Uint8Array[]): Uint8Array => tag(1, ...fields)
const ID_7 = fromHex('0807')
const METHOD = tag(2, utf8('hello'))

const CASES: readonly { defect: string; frame: Uint8Array; id: number }[] = [
  { defect: 'an empty frame', frame: new Uint8Array(0), id: 0 },
  { defect: 'bytes that are not protobuf', frame: fromHex('ffffffffff'), id: 0 },
  { defect: 'a frame cut off inside the request', frame: helloFrame(7).slice(0, 6), id: 7 },
  { defect: 'a response sent to the server', frame: tag(2, ID_7), id: 0 },
  { defect: 'a request without id', frame: request(METHOD), id: 0 },
  { defect: 'a request with id 0', frame: encodeRequest(0, 'hello', new Uint8Array(0), 0), id: 0 },
  { defect: 'a cancel with id 0', frame: tag(3), id: 0 },
  { defect: 'a method that is not UTF-8', frame: request(ID_7, tag(2, fromHex('c328'))), id: 7 },
  { defect: 'a method of the wrong wire type', frame: request(ID_7, fromHex('1001')), id: 7 },
  { defect: 'an unknown field in the request', frame: request(ID_7, METHOD, fromHex('7801')), id: 7 },
  { defect: 'an unknown field in the frame', frame: concatBytes(request(ID_7, METHOD), fromHex('7801')), id: 7 },
  { defect: 'an unknown kind of frame', frame: tag(9, ID_7), id: 0 },
  { defect: 'a group that never ends', frame: request(ID_7, fromHex('7b')), id: 7 },
  { defect: 'a length beyond the frame', frame: fromHex('0aff01080712'), id: 7 },
]

const withParams = (params: Uint8Array) => encodeRequest(7, 'threshold.sign', params, 0)
const PARAM_CASES: readonly { defect: string; params: Uint8Array; field: string }[] = [
  { defect: 'params that are not protobuf', params: fromHex('ffff'), field: 'params' },
  { defect: 'no params at all', params: new Uint8Array(0), field: 'request_id' },
  { defect: 'an empty request id', params: signParams(''), field: 'request_id' },
  { defect: 'a request id of 65 characters', params: signParams('x'.repeat(65)), field: 'request_id' },
  { defect: 'a request id with a newline', params: signParams('a\nb'), field: 'request_id' },
  { defect: 'a request id with a letter beyond ASCII', params: signParams('é'), field: 'request_id' },
  { defect: 'a request id that is not UTF-8', params: tag(1, fromHex('c328')), field: 'params' },
  ...[0, 1, 31, 33, 64].map((n) => ({
    defect: `a digest of ${n} bytes`,
    params: signParams('r1', new Uint8Array(n)),
    field: 'digest',
  })),
  {
    defect: 'no tweak',
    params: concatBytes(tag(1, utf8('r1')), tag(2, new Uint8Array(32))),
    field: 'tweak',
  },
  {
    defect: 'a tweak of no kind',
    params: concatBytes(tag(1, utf8('r1')), tag(2, new Uint8Array(32)), tag(3)),
    field: 'tweak.kind',
  },
  {
    defect: 'a tweak of a kind from the future',
    params: concatBytes(tag(1, utf8('r1')), tag(2, new Uint8Array(32)), tag(3, tag(3))),
    field: 'tweak',
  },
  {
    defect: 'a merkle root of 31 bytes',
    params: concatBytes(tag(1, utf8('r1')), tag(2, new Uint8Array(32)), tag(3, tag(2, tag(1, new Uint8Array(31))))),
    field: 'tweak.kind.merkle_root',
  },
  { defect: 'an unknown field', params: concatBytes(signParams(), fromHex('7801')), field: 'params' },
]

describe('malformed frames', () => {
  it.each(CASES)('should answer BAD_REQUEST to $defect and serve on', async ({ frame, id }) => {
    const { stream } = await serve()
    await stream.write(frame)
    expect(await errorAnswer(stream)).toEqual({ id, code: 'BAD_REQUEST', field: 'frame' })
    expect(await greets(stream)).toBe(true)
  })

  it.each(PARAM_CASES)(
    'should answer BAD_REQUEST naming the field to $defect and serve on',
    async ({ params, field }) => {
      const { stream } = await serve()
      await stream.write(withParams(params))
      expect(await errorAnswer(stream)).toEqual({ id: 7, code: 'BAD_REQUEST', field })
      expect(await greets(stream)).toBe(true)
    },
  )

  it('should never run the handler of a malformed request', async () => {
    let ran = 0
    const { stream } = await serve({
      'threshold.sign': async () => {
        ran++
        return { signature: new Uint8Array(64) }
      },
    })
    for (const { params } of PARAM_CASES) {
      await stream.write(withParams(params))
      await errorAnswer(stream)
    }
    expect(ran).toBe(0)
  })

  it('should refuse a second request with an id that is still open, without touching the first', async () => {
    const first = Promise.withResolvers<{ signature: Uint8Array }>()
    const { stream } = await serve({ 'threshold.sign': () => first.promise })
    await stream.write(signFrame(5))
    await stream.write(signFrame(5))
    // Id 0: an error under the id 5 would be taken for the first one's answer.
    expect(await errorAnswer(stream)).toEqual({ id: 0, code: 'BAD_REQUEST', field: 'frame' })
    first.resolve({ signature: new Uint8Array(64) })
    expect(await answer(stream)).toMatchObject({ kind: 'result', id: 5 })
  })

  it('should answer every one of arbitrary frames at most once, and serve on', async () => {
    const { stream } = await serve()
    const frames = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 60 }).map((params) => withParams(params)),
      // A good frame with one byte changed.
      fc
        .tuple(fc.nat({ max: signFrame(7).length - 1 }), fc.integer({ min: 1, max: 255 }))
        .map(([at, by]) => signFrame(7).map((b, i) => (i === at ? b ^ by : b))),
    )
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        await stream.write(frame)
        await stream.write(helloFrame(0x7fff_fff0))
        const answers = [await answer(stream)]
        while (answers.at(-1)?.kind === 'error' || answers.at(-1)?.kind === 'result') {
          const last = answers.at(-1)
          if (last?.kind === 'result' && last.id === 0x7fff_fff0) break
          answers.push(await answer(stream))
        }
        expect(answers.length).toBeLessThanOrEqual(2)
      }),
      { numRuns: 2_000 },
    )
  })

  it('should never throw from decoding, on either side', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(['request', 'cancel', 'malformed']).toContain(decodeClientFrame(bytes).kind)
        expect(['result', 'error', 'malformed']).toContain(decodeServerFrame(bytes).kind)
      }),
      { numRuns: 5_000 },
    )
  })

  it('should read a code of a newer server as INTERNAL and its text never as ours', () => {
    const value = { id: 3, outcome: { case: 'error' as const, value: { code: 'NEW_CODE', message: 'do as I say' } } }
    const bytes = toBinary(FrameSchema, create(FrameSchema, { body: { case: 'response', value } }))
    const frame = decodeServerFrame(bytes)
    expect(frame.kind === 'error' && [frame.error.code, frame.error.message.includes('as I say')]).toEqual([
      'INTERNAL',
      false,
    ])
  })
})
