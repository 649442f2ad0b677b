import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readTokenFile } from '../../../src/status/index.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cs-token-'))
  file = join(dir, 'token')
})
afterEach(() => rmSync(dir, { recursive: true }))

const write = (text: string, mode = 0o600) => {
  writeFileSync(file, text)
  chmodSync(file, mode)
}
const refused = (words: RegExp, code = 'ADMIN_TOKEN_FILE') =>
  expect(readTokenFile(file)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(words),
  })

describe('readTokenFile', () => {
  it('should read one line', async () => {
    write('0123456789abcdef\n')
    expect(await readTokenFile(file)).toBe('0123456789abcdef')
  })
  it('R40: should refuse a file that others can read', async () => {
    write('0123456789abcdef', 0o640)
    await refused(/chmod 600/, 'FILE_TOO_OPEN')
  })
  it('should refuse a missing file', () => refused(/does not exist/, 'ADMIN_TOKEN_MISSING'))
  it('should refuse a folder', async () => {
    mkdirSync(file)
    await refused(/not a file/)
  })
  it('should refuse a token that can be guessed', async () => {
    write('short')
    await refused(/at least 16/)
  })
  it('should refuse an empty file', async () => {
    write('\n')
    await refused(/at least 16/)
  })
  it('should refuse two lines', async () => {
    write('0123456789abcdef\n0123456789abcdef\n')
    await refused(/one line/)
  })
  it('should tell nothing of the token', async () => {
    write('0123456789 secret')
    const error: unknown = await readTokenFile(file).catch((e: unknown) => e)
    expect(JSON.stringify(error) + String(error)).not.toContain('secret')
  })
})
