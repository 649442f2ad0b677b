import { CodedError } from '../base/index.ts'

/** Four bytes of seven bits: 256 MiB, beyond every cap. */
const MAX_PREFIX_BYTES = 4

export function lengthPrefix(length: number): Uint8Array {
  const out: number[] = []
  let rest = length
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return Uint8Array.of(...out, rest)
}

/** Frames as they stand on a stream: unsigned varint length, then the bytes. In one piece of memory, made once. */
export function encodeFrames(frames: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const { length } of frames) size += prefixSize(length) + length
  const out = new Uint8Array(size)
  let at = 0
  for (const frame of frames) {
    let rest = frame.length
    for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80
    out[at++] = rest
    out.set(frame, at)
    at += frame.length
  }
  return out
}

const prefixSize = (length: number): number => (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4)

/** Taken for a frame at first, and doubled as its bytes come: who announces much and sends little holds little here. */
const FIRST_BYTES = 4 * 1024

/** Cuts received chunks into frames. What it holds is at most one frame within the cap, and at most twice what came of it. */
export class FrameDecoder {
  readonly #maxFrameBytes: number
  #prefixBytes = 0
  #length = 0
  /** Of the frame that has begun. */
  #wanted = 0
  #frame: Uint8Array | undefined
  #filled = 0

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** False while a frame has begun and not ended. */
  get atBoundary(): boolean {
    return this.#frame === undefined && this.#prefixBytes === 0
  }

  /** Memory taken for a frame that has not ended. */
  get heldBytes(): number {
    return this.#frame?.length ?? 0
  }

  /** Throws CodedError `FRAME_TOO_LARGE` or `FRAME_MALFORMED`; the stream can't be read on after that. */
  push(chunk: Uint8Array, emit: (frame: Uint8Array) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.atBoundary) {
        const end = this.#endOfShort(chunk, at)
        if (end !== undefined) {
          emit(copyOf(chunk, at + 1, end))
          at = end
          continue
        }
      }
      if (this.#frame === undefined) this.#readPrefix(chunk[at++] ?? 0)
      if (this.#frame === undefined) continue
      const part = chunk.subarray(at, at + this.#wanted - this.#filled)
      const frame = this.#roomFor(this.#frame, this.#filled + part.length)
      frame.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled < this.#wanted) return
      this.#frame = undefined
      this.#filled = 0
      emit(frame)
    }
  }

  /** Where the frame ends that begins here, if its prefix has one byte and it has come as a whole, as most have. */
  #endOfShort(chunk: Uint8Array, at: number): number | undefined {
    const length = chunk[at] ?? 0
    const end = at + 1 + length
    return length < 0x80 && length <= this.#maxFrameBytes && end <= chunk.length ? end : undefined
  }

  /** `frame`, or a larger copy of it: in the end it has just the frame's length. */
  #roomFor(frame: Uint8Array, bytes: number): Uint8Array {
    if (bytes <= frame.length) return frame
    const larger = new Uint8Array(Math.min(this.#wanted, Math.max(bytes, 2 * frame.length)))
    larger.set(frame.subarray(0, this.#filled))
    this.#frame = larger
    return larger
  }

  #readPrefix(byte: number): void {
    this.#length += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes++)
    if (byte >= 0x80) {
      if (this.#prefixBytes < MAX_PREFIX_BYTES) return
      throw new CodedError(
        'FRAME_MALFORMED',
        'a frame announced a length of more than four bytes; the stream was closed',
      )
    }
    if (byte === 0 && this.#prefixBytes > 1)
      throw new CodedError('FRAME_MALFORMED', 'a frame announced its length with padding; the stream was closed')
    if (this.#length > this.#maxFrameBytes)
      throw new CodedError(
        'FRAME_TOO_LARGE',
        `a frame is larger than ${this.#maxFrameBytes} bytes; send less at once`,
        {
          bytes: this.#length,
          maxBytes: this.#maxFrameBytes,
        },
      )
    this.#wanted = this.#length
    this.#frame = new Uint8Array(Math.min(this.#length, FIRST_BYTES))
    this.#length = 0
    this.#prefixBytes = 0
  }
}

/** Byte by byte: below about a hundred bytes a view and a call into the engine cost more. */
function copyOf(chunk: Uint8Array, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from)
  for (let i = 0; i < out.length; i++) out[i] = chunk[from + i] ?? 0
  return out
}
