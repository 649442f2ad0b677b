import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../src/curve/index.ts'
import { createKeyFile, openKeyFile, type Unlock, writeIdentityFile } from '../../src/store/index.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()

describe('incident 20: a wrong seed path silently makes a new identity', () => {
  it('should name the expected and the found public key when the path leads to another key', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
    await writeIdentityFile(unlock.file)
    const [mine, other] = [KeyPair.generate(), KeyPair.generate()]
    const path = join(dir, 'other.key')
    await createKeyFile(path, other, unlock)
    const opened = openKeyFile(path, unlock, mine.publicKey)
    await expect(opened).rejects.toMatchObject({
      code: 'KEY_FILE_OTHER_KEY',
      data: { path, expected: mine.publicKey, found: other.publicKey },
    })
    for (const part of [path, mine.publicKey, other.publicKey])
      await expect(opened).rejects.toThrow(expect.objectContaining({ message: expect.stringContaining(part) }))
  })

  it('should make no identity where the path leads nowhere', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
    await writeIdentityFile(unlock.file)
    const path = join(dir, 'mistyped.key')
    await expect(openKeyFile(path, unlock, KeyPair.generate().publicKey)).rejects.toMatchObject({
      code: 'KEY_FILE_MISSING',
      message: expect.stringContaining(path),
    })
    expect(existsSync(path)).toBe(false)
  })
})
