import { utf8 } from '../../base/index.ts'

/**
 * The two frames of every successful call, by hand: the general codec costs more than the transport itself. Writers make exactly the bytes of the general one; readers know only the usual order of fields and answer
 * undefined to anything else, which the general one then reads. `test/unit/rpc/hot-frames.test.ts` compares them.
 */
export interface HotRequest {
  readonly id: number
  readonly method: string
  readonly params: Uint8Array
  readonly timeoutMs: number
}
export interface HotResult {
  readonly id: number
  readonly result: Uint8Array
}

/** Tags of rpc.proto: field number and wire type. */
const FRAME_REQUEST = 0x0a
const FRAME_RESPONSE = 0x12
const ID = 0x08
const METHOD = 0x12
const PARAMS = 0x1a
const TIMEOUT_MS = 0x20
const RESULT = 0x12

export function writeRequest({ id, method, params, timeoutMs }: HotRequest): Uint8Array {
  const name = nameBytes(method)
  const inner = scalarSize(id) + bytesSize(name.length) + bytesSize(params.length) + scalarSize(timeoutMs)
  const out = new Uint8Array(1 + varintSize(inner) + inner)
  out[0] = FRAME_REQUEST
  let at = writeVarint(out, 1, inner)
  at = writeScalar(out, at, ID, id)
  if (name.length > 0) at = writeBytes(out, at, METHOD, name)
  if (params.length > 0) at = writeBytes(out, at, PARAMS, params)
  writeScalar(out, at, TIMEOUT_MS, timeoutMs)
  return out
}

export function writeResult({ id, result }: HotResult): Uint8Array {
  // A case of a oneof is written even when it is empty.
  const inner = scalarSize(id) + 1 + varintSize(result.length) + result.length
  const out = new Uint8Array(1 + varintSize(inner) + inner)
  out[0] = FRAME_RESPONSE
  const at = writeScalar(out, writeVarint(out, 1, inner), ID, id)
  writeBytes(out, at, RESULT, result)
  return out
}

export function readRequest(bytes: Uint8Array): HotRequest | undefined {
  const cursor = new Cursor(bytes)
  if (!cursor.enter(FRAME_REQUEST)) return undefined
  const id = cursor.scalar(ID)
  const method = asciiOf(cursor.bytes(METHOD))
  const params = cursor.bytes(PARAMS)
  const timeoutMs = cursor.scalar(TIMEOUT_MS)
  return cursor.complete && id !== 0 && method !== undefined ? { id, method, params, timeoutMs } : undefined
}

export function readResult(bytes: Uint8Array): HotResult | undefined {
  const cursor = new Cursor(bytes)
  if (!cursor.enter(FRAME_RESPONSE)) return undefined
  const id = cursor.scalar(ID)
  const found = cursor.at(RESULT)
  const result = cursor.bytes(RESULT)
  return cursor.complete && found && id !== 0 ? { id, result } : undefined
}

const EMPTY = new Uint8Array(0)

/** Reads fields in one fixed order. A field that is not there has its zero value; anything odd leaves `complete` false. */
class Cursor {
  readonly #bytes: Uint8Array
  #at = 0
  #odd = false
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  get complete(): boolean {
    return !this.#odd && this.#at === this.#bytes.length
  }
  at(tag: number): boolean {
    return this.#bytes[this.#at] === tag
  }
  /** Into the one message that fills the frame. */
  enter(tag: number): boolean {
    if (!this.at(tag)) return false
    this.#at++
    const length = this.#varint()
    return !this.#odd && this.#at + length === this.#bytes.length
  }
  scalar(tag: number): number {
    if (!this.at(tag)) return 0
    this.#at++
    return this.#varint()
  }
  bytes(tag: number): Uint8Array {
    if (!this.at(tag)) return EMPTY
    this.#at++
    const length = this.#varint()
    const from = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) this.#odd = true
    return this.#odd ? EMPTY : this.#bytes.subarray(from, this.#at)
  }
  /** At most 32 bits. */
  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 5; shift++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * 2 ** (7 * shift)
      if (byte < 0x80 && value <= 0xffff_ffff) return value
    }
    this.#odd = true
    return 0
  }
}

/** Undefined if a byte is not ASCII. */
function asciiOf(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

const NAMES = new Map<string, Uint8Array>()
/** There are few method names; whatever else is encoded is not remembered. */
const MAX_NAMES = 256
function nameBytes(method: string): Uint8Array {
  const known = NAMES.get(method)
  if (known !== undefined) return known
  const bytes = utf8(method)
  if (NAMES.size < MAX_NAMES) NAMES.set(method, bytes)
  return bytes
}

function varintSize(n: number): number {
  return n < 0x80 ? 1 : n < 0x4000 ? 2 : n < 0x20_0000 ? 3 : n < 0x1000_0000 ? 4 : 5
}
const scalarSize = (n: number): number => (n === 0 ? 0 : 1 + varintSize(n))
const bytesSize = (length: number): number => (length === 0 ? 0 : 1 + varintSize(length) + length)

/** Both return where to write on. */
function writeVarint(out: Uint8Array, at: number, n: number): number {
  let rest = n
  let to = at
  while (rest >= 0x80) {
    out[to++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[to++] = rest
  return to
}
function writeScalar(out: Uint8Array, at: number, tag: number, n: number): number {
  if (n === 0) return at
  out[at] = tag
  return writeVarint(out, at + 1, n)
}
function writeBytes(out: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  out[at] = tag
  const from = writeVarint(out, at + 1, bytes.length)
  out.set(bytes, from)
  return from + bytes.length
}
