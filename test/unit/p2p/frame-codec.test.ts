import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../../src/base/index.ts'
import { encodeFrames, FrameDecoder, lengthPrefix } from '../../../src/p2p/frame-codec.ts'

const MAX = 300
function decode(chunks: readonly Uint8Array[]): Uint8Array[] {
  const decoder = new FrameDecoder(MAX)
  const frames: Uint8Array[] = []
  for (const chunk of chunks) decoder.push(chunk, (f) => frames.push(f))
  return frames
}

describe('frames', () => {
  it('should be cut out of any chunks they came in', () => {
    const frame = fc.uint8Array({ maxLength: MAX })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat({ max: 700 })), (frames, cuts) => {
        const bytes = encodeFrames(frames)
        const chunks: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut))
          at += cut
        }
        expect(decode([...chunks, bytes.subarray(at)])).toEqual(frames)
      }),
    )
  })
  it('should know whether a frame has begun', () => {
    const decoder = new FrameDecoder(MAX)
    expect(decoder.atBoundary).toBe(true)
    decoder.push(Uint8Array.of(0x80), () => {})
    expect(decoder.atBoundary).toBe(false)
    decoder.push(Uint8Array.of(0x01, 7), () => {})
    expect(decoder.atBoundary).toBe(false)
    decoder.push(new Uint8Array(127), () => {})
    expect(decoder.atBoundary).toBe(true)
  })
  it('should take memory for what has come, and not for what was announced', () => {
    const length = 1_000_000
    const decoder = new FrameDecoder(length)
    decoder.push(lengthPrefix(length), () => {})
    expect(decoder.heldBytes).toBeLessThanOrEqual(4_096)
    const frames: Uint8Array[] = []
    for (let sent = 0; sent < length; sent += 10_000) {
      expect(decoder.heldBytes).toBeLessThanOrEqual(Math.max(4_096, 2 * sent))
      decoder.push(new Uint8Array(10_000).fill(sent / 10_000), (f) => frames.push(f))
    }
    expect(decoder.heldBytes).toBe(0)
    expect(frames.map((f) => [f.length, f[0], f[15_000], f.at(-1)])).toEqual([[length, 0, 1, 99]])
  })
  it('should refuse a short frame beyond a smaller cap, though it has come as a whole', () => {
    const frames: Uint8Array[] = []
    const bytes = encodeFrames([new Uint8Array(10), new Uint8Array(11)])
    expect(() => new FrameDecoder(10).push(bytes, (f) => frames.push(f))).toThrowError(
      expect.objectContaining({ code: 'FRAME_TOO_LARGE' }),
    )
    expect(frames).toEqual([new Uint8Array(10)])
  })
  it.each([127, 128, 200, 255])('should cut whole frames of %i bytes and shorter ones out of one chunk', (length) => {
    const frames = [
      new Uint8Array(length).fill(1),
      new Uint8Array(2),
      new Uint8Array(0),
      new Uint8Array(length).fill(2),
    ]
    expect(decode([concatBytes(encodeFrames(frames), new Uint8Array(300))]).slice(0, 4)).toEqual(frames)
  })
  it('should keep nothing of the chunk that a frame came in', () => {
    const frames: Uint8Array[] = []
    const chunk = encodeFrames([Uint8Array.of(1, 2, 3)])
    new FrameDecoder(MAX).push(chunk, (f) => frames.push(f))
    chunk.fill(9)
    expect(frames).toEqual([Uint8Array.of(1, 2, 3)])
    expect(frames[0]?.buffer.byteLength).toBe(3)
  })
  it('should hand on the frames before a bad one', () => {
    const frames: Uint8Array[] = []
    const bytes = concatBytes(encodeFrames([Uint8Array.of(1)]), lengthPrefix(MAX + 1))
    expect(() => new FrameDecoder(MAX).push(bytes, (f) => frames.push(f))).toThrow()
    expect(frames).toEqual([Uint8Array.of(1)])
  })
  it.each<[string, Uint8Array, string]>([
    ['larger than the cap', lengthPrefix(MAX + 1), 'FRAME_TOO_LARGE'],
    ['larger than memory', Uint8Array.of(0xff, 0xff, 0xff, 0x7f), 'FRAME_TOO_LARGE'],
    ['with an endless length', Uint8Array.of(0xff, 0xff, 0xff, 0xff), 'FRAME_MALFORMED'],
    ['with a padded length', Uint8Array.of(0x81, 0x00), 'FRAME_MALFORMED'],
  ])('should refuse a frame %s at its length', (_what, bytes, code) => {
    expect(() => decode([bytes])).toThrow(expect.objectContaining({ code }))
  })
})
