import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { BACKENDS } from './values.ts'

const file = new URL('../../vectors/bip340.csv', import.meta.url)
const rows = readFileSync(file, 'utf8')
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => {
    const [index = '', secret = '', publicKey = '', auxRand = '', message = '', signature = '', result = ''] = line
      .split(',')
      .map((field) => field.toLowerCase())
    return { index, secret, publicKey, auxRand, message, signature, valid: result === 'true' }
  })

describe('BIP340 vectors', () => {
  it('should be all nineteen, of both kinds', () => {
    expect(rows.map((r) => r.index)).toEqual(Array.from({ length: 19 }, (_, i) => String(i)))
    expect(rows.filter((r) => !r.valid)).toHaveLength(10)
    expect(rows.filter((r) => r.secret !== '')).toHaveLength(8)
  })
})

describe.each(BACKENDS)('BIP340 on $name', (curve) => {
  for (const row of rows) {
    it(`should ${row.valid ? 'accept' : 'refuse'} signature ${row.index}`, () => {
      const [signature, message, key] = [row.signature, row.message, row.publicKey].map(fromHex)
      if (signature === undefined || message === undefined || key === undefined) throw new Error('short row')
      expect(curve.schnorrVerify(signature, message, key)).toBe(row.valid)
    })
    if (row.secret !== '')
      it(`should make signature ${row.index}`, () => {
        const made = curve.schnorrSign(fromHex(row.message), fromHex(row.secret), fromHex(row.auxRand))
        expect(toHex(made)).toBe(row.signature)
      })
  }

  const first = rows[0]
  const [signature, message, key] = [first?.signature, first?.message, first?.publicKey].map((h) => fromHex(h ?? ''))
  if (signature === undefined || message === undefined || key === undefined) throw new Error('no first row')

  it('should be plain false for keys and signatures of a wrong length', () => {
    expect(curve.schnorrVerify(signature, message, key)).toBe(true)
    expect(curve.schnorrVerify(signature.subarray(1), message, key)).toBe(false)
    expect(curve.schnorrVerify(Uint8Array.of(...signature, 0), message, key)).toBe(false)
    expect(curve.schnorrVerify(signature, message, key.subarray(1))).toBe(false)
    expect(curve.schnorrVerify(signature, message, Uint8Array.of(2, ...key))).toBe(false)
  })
})
