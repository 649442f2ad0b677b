const EMPTY = new Uint8Array(0)
/** V8 keeps shorter ones in its heap; a view of them would first move them out of it, which costs more than a copy. */
const COPIED_BYTES = 64

/** Reads fields in one fixed order. A field that is not there has its zero value; anything odd leaves `complete` false. */
export class Cursor {
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
    const length = this.#length(tag)
    if (length === 0) return EMPTY
    const from = this.#at
    this.#at += length
    return length <= COPIED_BYTES ? this.#bytes.slice(from, this.#at) : this.#bytes.subarray(from, this.#at)
  }
  /** One of few texts that come again and again, of ASCII alone; any other is odd. */
  word(tag: number): string {
    const length = this.#length(tag)
    if (length === 0) return ''
    const from = this.#at
    this.#at += length
    const text = wordIn(this.#bytes, from, length)
    if (text !== undefined) return text
    this.#odd = true
    return ''
  }

  /** Of the field, if it is there and ends within the frame; else 0. */
  #length(tag: number): number {
    if (!this.at(tag)) return 0
    this.#at++
    const length = this.#varint()
    if (this.#at + length > this.#bytes.length) this.#odd = true
    return this.#odd ? 0 : length
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
function asciiIn(bytes: Uint8Array, from: number, length: number): string | undefined {
  let text = ''
  for (let i = from; i < from + length; i++) {
    const byte = bytes[i] ?? 0
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

/** Words read before, by a hash of their bytes: a text costs more to make than to compare. As many as there are places. */
const WORDS: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = new Array(256).fill(undefined)
const MAX_WORD_BYTES = 48

function wordIn(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length > MAX_WORD_BYTES) return asciiIn(bytes, from, length)
  let hash = length
  for (let i = from; i < from + length; i++) hash = (hash * 31 + (bytes[i] ?? 0)) & 0xffff
  const place = hash & 0xff
  const known = WORDS[place]
  if (known !== undefined && isAt(known.bytes, bytes, from, length)) return known.text
  const text = asciiIn(bytes, from, length)
  if (text !== undefined) WORDS[place] = { bytes: Uint8Array.from(bytes.subarray(from, from + length)), text }
  return text
}

function isAt(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false
  for (let i = 0; i < length; i++) if (known[i] !== bytes[from + i]) return false
  return true
}
