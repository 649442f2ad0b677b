import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { loadSetFile, parseSetFile } from '../../../src/node/config/index.ts'

const A = '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c'
const B = '031a4d9f4903da97498945a4e01a5023a1d53bc96ad670bfe03adf8a06c52e6380'
const C = '035249137286c077ccee65ecc43e724b9b9e5a588e3d7f51e3b62f9624c2a49e46'
const parse = (text: string) => parseSetFile(text, '/x/set.toml')
const set = (keys: readonly string[], rest: string) => `keys = ${JSON.stringify(keys)}\n${rest}`
const refused = (text: string, words: RegExp) =>
  expect(() => parse(text)).toThrowError(
    expect.objectContaining({ code: 'SET_FILE_INVALID', message: expect.stringMatching(words) }),
  )

describe('a set file', () => {
  it('should give the set sorted, with its attempt', () => {
    expect(parse(set([C, A, B], 'threshold = 2\nattempt = 3'))).toEqual({ keys: [A, B, C], threshold: 2, attempt: 3 })
  })

  it('should count from attempt 1', () => {
    expect(parse(set([A, B], 'threshold = 2')).attempt).toBe(1)
  })

  it('R3: should take 16 keys', () => {
    const keys = Array.from({ length: 16 }, () => KeyPair.generate().publicKey)
    expect(parse(set(keys, 'threshold = 16')).keys).toHaveLength(16)
  })

  it('R3: should refuse 17 keys', () => {
    const keys = Array.from({ length: 17 }, () => KeyPair.generate().publicKey)
    refused(set(keys, 'threshold = 9'), /2 to 16 entries, not 17/)
  })

  it('should refuse one key', () => refused(set([A], 'threshold = 1'), /2 to 16 entries/))
  it('should refuse no keys', () => refused('threshold = 2', /keys is missing/))
  it('should refuse no threshold', () => refused(set([A, B], ''), /threshold is missing/))
  it('should refuse a key twice', () => refused(set([A, B, A], 'threshold = 2'), /twice \(number 3\)/))
  it('should refuse a key that is no point', () =>
    refused(set([A, `02${'0'.repeat(64)}`], 'threshold = 2'), /keys\[1\]/))
  it('should refuse a key in upper case', () => refused(set([A, B.toUpperCase()], 'threshold = 2'), /lower-case/))
  it('should refuse a threshold of half', () =>
    refused(set([A, B, C, KeyPair.generate().publicKey], 'threshold = 2'), /at least 3/))
  it('should refuse a threshold above the keys', () => refused(set([A, B], 'threshold = 3'), /only 2 keys/))
  it('should refuse a threshold as text', () => refused(set([A, B], 'threshold = "2"'), /whole number/))
  it('should refuse a negative attempt', () => refused(set([A, B], 'threshold = 2\nattempt = -1'), /attempt/))
  it('should refuse an unknown key', () => refused(set([A, B], 'treshold = 2'), /did you mean threshold/))
  it('should refuse a section', () => refused('[set]\nthreshold = 2', /set is not a known key/))
  it('should refuse what is not TOML', () => refused('keys', /line 1/))
})

describe('loadSetFile', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cs-set-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  it('should read a file', async () => {
    writeFileSync(join(dir, 'set.toml'), set([A, B], 'threshold = 2'))
    expect((await loadSetFile(join(dir, 'set.toml'))).threshold).toBe(2)
  })
  it('should say what a missing file must hold', async () => {
    await expect(loadSetFile(join(dir, 'none.toml'))).rejects.toMatchObject({
      code: 'CONFIG_MISSING',
      message: expect.stringMatching(/keys = /),
    })
  })
})
