import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/base/index.ts'
import { encodeError, encodeRequest, encodeResult } from '../../../src/rpc/index.ts'
import {
  decodeAnyClientFrame,
  decodeAnyServerFrame,
  decodeClientFrame,
  decodeServerFrame,
} from '../../../src/rpc/wire/frame.ts'
import { readRequest, readResult } from '../../../src/rpc/wire/hot-frames.ts'
import { FrameSchema } from '../../../src/rpc/wire/pb/rpc_pb.ts'

const uint32 = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 0, max: 0xffff_ffff }))
const bytes = fc.uint8Array({ maxLength: 300 })
const method = fc.oneof(fc.constantFrom('hello', 'threshold.sign', ''), fc.string({ unit: 'binary', maxLength: 200 }))
const request = fc.record({ id: uint32, method, params: bytes, timeoutMs: uint32 })
const result = fc.record({ id: uint32, result: bytes })

/** One byte changed, or the frame cut off, or something behind it: where two readers would differ first. */
const damaged = (frame: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(frame, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('flip', 'cut', 'append'))
    .map(([f, n, by, how]) => {
      const at = f.length === 0 ? 0 : n % f.length
      if (how === 'cut') return f.slice(0, at)
      if (how === 'append') return Uint8Array.of(...f, by)
      return f.map((b, i) => (i === at ? b ^ by : b))
    })

describe('hot frames against the general codec', () => {
  it('should write a request to the same bytes', () => {
    fc.assert(
      fc.property(request, (r) => {
        fc.pre(r.method.isWellFormed())
        const general = toBinary(FrameSchema, create(FrameSchema, { body: { case: 'request', value: r } }))
        expect(toHex(encodeRequest(r.id, r.method, r.params, r.timeoutMs))).toBe(toHex(general))
      }),
    )
  })

  it('should write a result to the same bytes', () => {
    fc.assert(
      fc.property(result, (r) => {
        const value = { id: r.id, outcome: { case: 'result' as const, value: r.result } }
        const general = toBinary(FrameSchema, create(FrameSchema, { body: { case: 'response', value } }))
        expect(toHex(encodeResult(r.id, r.result))).toBe(toHex(general))
      }),
    )
  })

  it('should read what it knows itself', () => {
    expect(readRequest(encodeRequest(7, 'hello', Uint8Array.of(1), 5))).toMatchObject({
      id: 7,
      method: 'hello',
      timeoutMs: 5,
    })
    expect(readResult(encodeResult(0xffff_ffff, Uint8Array.of(1)))).toMatchObject({ id: 0xffff_ffff })
    expect(readResult(encodeError(7, 'INTERNAL'))).toBeUndefined()
    expect(readRequest(encodeRequest(0, 'hello', Uint8Array.of(1), 5))).toBeUndefined()
  })

  const clientFrames = fc.oneof(
    bytes,
    request.map((r) => encodeRequest(r.id, r.method, r.params, r.timeoutMs)),
    damaged(request.map((r) => encodeRequest(r.id, r.method, r.params, r.timeoutMs))),
  )
  it('should read every request as the general codec does, damaged ones too', () => {
    fc.assert(
      fc.property(clientFrames, (frame) => {
        expect(decodeClientFrame(frame)).toEqual(decodeAnyClientFrame(frame))
      }),
      { numRuns: 20_000 },
    )
  })

  const serverFrames = fc.oneof(
    bytes,
    result.map((r) => encodeResult(r.id, r.result)),
    damaged(result.map((r) => encodeResult(r.id, r.result))),
    damaged(uint32.map((id) => encodeError(id, 'TIMEOUT'))),
  )
  it('should read every answer as the general codec does, damaged ones too', () => {
    fc.assert(
      fc.property(serverFrames, (frame) => {
        expect(decodeServerFrame(frame)).toEqual(decodeAnyServerFrame(frame))
      }),
      { numRuns: 20_000 },
    )
  })
})
