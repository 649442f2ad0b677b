import { describe, expect, it } from 'vitest'
import { findLogDamage } from '../../../src/store/log-check.ts'

/** A log of one whole record whose checksum is left zero. */
function logOf(payload: string): Uint8Array {
  const body = new TextEncoder().encode(payload)
  const log = new Uint8Array(7 + body.length)
  new DataView(log.buffer).setUint16(4, body.length, true)
  log[6] = 1
  log.set(body, 7)
  return log
}

describe('log check', () => {
  it('should find no damage in an empty log', () => {
    expect(findLogDamage(new Uint8Array(0))).toBeUndefined()
  })
  it('should find a wrong checksum', () => {
    expect(findLogDamage(logOf('hello'))).toBe(0)
  })
  it('should find a record type that does not exist', () => {
    const log = logOf('hello')
    log[6] = 9
    expect(findLogDamage(log)).toBe(0)
  })
  it('should find a record that runs over its block', () => {
    const log = new Uint8Array(40_000)
    new DataView(log.buffer).setUint16(4, 39_000, true)
    log[6] = 1
    expect(findLogDamage(log)).toBe(0)
  })
  it('should find data behind a zero record', () => {
    const log = new Uint8Array(100)
    log[90] = 1
    expect(findLogDamage(log)).toBe(0)
  })
  it('should take zeros to the end for reserved space', () => {
    expect(findLogDamage(new Uint8Array(40_000))).toBeUndefined()
  })
  it('should take a header that is cut off for an interrupted write', () => {
    expect(findLogDamage(Uint8Array.of(1, 2, 3))).toBeUndefined()
  })
  it('should take a payload that is cut off for an interrupted write', () => {
    expect(findLogDamage(logOf('hello').subarray(0, 9))).toBeUndefined()
  })
})
