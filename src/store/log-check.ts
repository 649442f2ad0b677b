/**
 * LevelDB drops a damaged part of its write-ahead log on opening and goes on, and classic-level has no switch for that: a
 * first-use binding would vanish without a word (R30). So the log is checked before it is opened.
 * Format: 32 KiB blocks of records {masked CRC-32C (4), length (2), type (1), payload}, little-endian.
 */
const BLOCK_BYTES = 32_768
const HEADER_BYTES = 7
const LAST_RECORD_TYPE = 4

const CRC32C = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  return c
})

function maskedCrc32c(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const b of bytes) c = (CRC32C[(c ^ b) & 0xff] as number) ^ (c >>> 8)
  c = ~c >>> 0
  return (((c >>> 15) | (c << 17)) + 0xa282ead8) >>> 0
}

/** Offset of the first damaged record, undefined if there is none. A record cut off by the end of the file is an interrupted write, which nobody was told had been made. */
export function findLogDamage(log: Uint8Array): number | undefined {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  let at = 0
  while (at + HEADER_BYTES <= log.length) {
    const blockEnd = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES
    if (at + HEADER_BYTES > blockEnd) {
      at = blockEnd
      continue
    }
    const length = view.getUint16(at + 4, true)
    const type = log[at + 6] as number
    const end = at + HEADER_BYTES + length
    if (type === 0 && length === 0) {
      // Zeros up to the end of the block were reserved by a writer that died.
      if (log.subarray(at, Math.min(blockEnd, log.length)).some((b) => b !== 0)) return at
      at = blockEnd
      continue
    }
    if (type > LAST_RECORD_TYPE || end > blockEnd) return at
    if (end > log.length) return undefined
    if (view.getUint32(at, true) !== maskedCrc32c(log.subarray(at + 6, end))) return at
    at = end
  }
  return undefined
}
