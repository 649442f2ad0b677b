import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, LIMITS, toHex, utf8 } from '../../../../src/base/index.ts'
import { ed25519, x25519 } from '../../../../src/curve/index.ts'
import { digestOf, KEY_CAPABILITIES, KEY_FAILURES, KEY_SCHEMES, KEY_TYPES } from '../../../../src/signer/index.ts'
import { agreedKey } from '../../../../src/signer/keys/digest.ts'
import { messageOf, rawOf } from './support.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../../docs/KEYS.md'), 'utf8')
const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}
/** As the page tells it, with nothing of ours. */
const tagged = (tag: string, x: Uint8Array) => sha256(sha256(utf8(tag)), sha256(utf8(tag)), x)
const ALICE = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
const BOB = fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')

describe('what a key signs', () => {
  it('should be what docs/KEYS.md says, example included', () => {
    const expected = tagged(
      'countersign/keys',
      concatBytes(Uint8Array.of(0, 15), utf8('consensus/block'), utf8('hello')),
    )
    expect(toHex(digestOf(messageOf('consensus/block', 'hello')))).toBe(toHex(expected))
    expect(PAGE).toContain(toHex(expected))
  })
  it('should be another digest wherever domain and message are cut elsewhere', () => {
    const all = [messageOf('ab', 'c'), messageOf('a', 'bc'), messageOf('abc', ''), messageOf('ab', 'c\0')]
    expect(new Set(all.map((m) => toHex(digestOf(m)))).size).toBe(all.length)
  })
  it('should be the bytes themselves, copied, where they are raw', () => {
    const raw = rawOf(5)
    const digest = digestOf(raw)
    expect(digest).toEqual(raw.digest)
    raw.digest.fill(6)
    expect(digest).toEqual(rawOf(5).digest)
  })
  it('should verify with OpenSSL where the scheme is Ed25519', () => {
    const message = messageOf('discovery', 'who is there')
    const key = createPublicKey({
      key: Buffer.from(concatBytes(fromHex('302a300506032b6570032100'), ed25519.publicKeyOf(ALICE))),
      format: 'der',
      type: 'spki',
    })
    expect(verify(null, digestOf(message), key, ed25519.sign(digestOf(message), ALICE))).toBe(true)
  })
})

describe('what two keys agree on', () => {
  const [a, b] = [x25519.publicKeyOf(ALICE), x25519.publicKeyOf(BOB)]
  const shared = () => x25519.sharedSecret(ALICE, b)
  it('should be what docs/KEYS.md says, example included, at both ends', () => {
    const expected = tagged('countersign/keys/agree', concatBytes(shared(), a, b, utf8('noise/ik')))
    expect(toHex(agreedKey(shared(), a, b, 'noise/ik'))).toBe(toHex(expected))
    expect(toHex(agreedKey(shared(), b, a, 'noise/ik'))).toBe(toHex(expected))
    expect(PAGE).toContain(toHex(expected))
  })
  it('should erase what X25519 gave', () => {
    const secret = shared()
    agreedKey(secret, a, b, 'c')
    expect(secret).toEqual(new Uint8Array(32))
  })
  it('should be refused where that is zeros, whatever the backend let through', () => {
    expect(() => agreedKey(new Uint8Array(32), a, b, 'c')).toThrow(/small order/)
  })
})

describe('docs/KEYS.md', () => {
  const rows = (heading: string) =>
    (PAGE.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '').split('\n').filter((l) => l.startsWith('| `'))
  const firstCells = (heading: string) => rows(heading).map((row) => /^\| `(\w+)`/.exec(row)?.[1])
  it('should have a row for every failure, in order', () => {
    expect(firstCells('Failures')).toEqual([...KEY_FAILURES])
  })
  it('should have a row for every type, with its schemes and what it may do', () => {
    expect(firstCells('What a key is')).toEqual([...KEY_TYPES])
    const text = rows('What a key is').join('\n')
    for (const word of [...KEY_SCHEMES, ...KEY_CAPABILITIES]) expect(text).toContain(`\`${word}\``)
  })
  it('should name the limits as they are', () => {
    expect(PAGE).toContain(`at most ${LIMITS.maxKeyMessageBytes} bytes`)
    expect(PAGE).toContain(`${LIMITS.maxKeyBackupBytes} bytes`)
    expect(PAGE).toContain(`| ${LIMITS.maxKeys} keys, or ${LIMITS.maxKeyVersions} versions of this one |`)
    expect(PAGE).toContain(`Every call has ${LIMITS.keyBackendTimeoutMs / 1000} seconds`)
    expect(LIMITS.keyDropTokenMs).toBe(600_000)
  })
})
