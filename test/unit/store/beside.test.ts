import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  createKeyFile,
  openKeyFile,
  passphraseFileBeside,
  unlockBeside,
  writePassphraseFile,
} from '../../../src/store/index.ts'
import { tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()

describe('a key file that is named alone', () => {
  it('should be opened by the passphrase file beside it', async () => {
    const keyFile = join(tempFolder(), 'bridge.key')
    await writePassphraseFile(passphraseFileBeside(keyFile))
    const keyPair = KeyPair.generate()
    await createKeyFile(keyFile, keyPair, unlockBeside(keyFile), { scryptLogN: 4 })
    expect((await openKeyFile(keyFile, unlockBeside(keyFile))).keyPair.publicKey).toBe(keyPair.publicKey)
  })

  it.each([
    ['signer.key', 'signer.passphrase'],
    ['signer', 'signer.passphrase'],
    ['my.key.key', 'my.key.passphrase'],
    ['signer.key.offline', 'signer.key.offline.passphrase'],
  ])('should have the passphrase of %s in %s', (name, beside) => {
    const dir = tempFolder()
    expect(passphraseFileBeside(join(dir, name))).toBe(join(dir, beside))
  })

  it('should say which two files belong together if the passphrase is missing', () => {
    const dir = tempFolder()
    const [keyFile, passphraseFile] = [join(dir, 'a.key'), join(dir, 'a.passphrase')]
    writeFileSync(keyFile, 'sealed')
    writeFileSync(join(dir, 'b.passphrase'), 'of another key')
    expect(() => unlockBeside(keyFile)).toThrow(
      expect.objectContaining({
        code: 'UNLOCK_FILE_MISSING',
        message: expect.stringMatching(new RegExp(`${passphraseFile}.*${keyFile}`)),
      }),
    )
  })
})
