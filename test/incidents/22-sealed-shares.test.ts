import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type PublicKey, silentLogger, toHex } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { openShareVault } from '../../src/signer/index.ts'
import {
  createKeyFile,
  openKeyFile,
  type Unlock,
  writeIdentityFile,
  writePassphraseFile,
} from '../../src/store/index.ts'
import { FakeSpace, groupOf } from '../unit/signer/fixtures.ts'
import { tempFolders } from '../unit/store/temp-folder.ts'

const tempFolder = tempFolders()

async function unlockIn(dir: string): Promise<Unlock> {
  const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
  await writeIdentityFile(unlock.file)
  return unlock
}

describe('incident 22: shares encrypted with an unsalted hash of the password, or not at all', () => {
  it('should seal the key file with salted scrypt of at least 2^18, so equal passphrases give unequal files', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'passphrase', file: join(dir, 'passphrase') }
    await writePassphraseFile(unlock.file)
    const keyPair = KeyPair.generate()
    const headers = await Promise.all(
      ['a.key', 'b.key'].map(async (name) => {
        await createKeyFile(join(dir, name), keyPair, unlock)
        return /^age-encryption\.org\/v1\n-> scrypt (\S+) (\d+)\n/.exec(readFileSync(join(dir, name), 'latin1'))
      }),
    )
    for (const header of headers) expect(Number(header?.[2])).toBeGreaterThanOrEqual(18)
    expect(headers[0]?.[1]).not.toBe(headers[1]?.[1])
  })

  it('should refuse to seal with an empty passphrase, and write nothing', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'passphrase', file: join(dir, 'passphrase') }
    writeFileSync(unlock.file, '\n', { mode: 0o600 })
    const path = join(dir, 'signer.key')
    await expect(createKeyFile(path, KeyPair.generate(), unlock)).rejects.toMatchObject({ code: 'UNLOCK_FILE_EMPTY' })
    expect(readdirSync(dir)).toEqual(['passphrase'])
  })

  it.each<[string, (secretHex: string) => string | Uint8Array]>([
    ['JSON', (hex) => JSON.stringify({ kind: 'countersign-key', version: 1, secretKey: hex })],
    ['hex', (hex) => `${hex}\n`],
    ['base64', (hex) => Buffer.from(hex, 'hex').toString('base64')],
  ])('should refuse to start on an unsealed key file: %s', async (_, write) => {
    const dir = tempFolder()
    const unlock = await unlockIn(dir)
    const path = join(dir, 'signer.key')
    writeFileSync(path, write(toHex(KeyPair.generate().exposeSecret())), { mode: 0o600 })
    await expect(openKeyFile(path, unlock)).rejects.toMatchObject({
      code: 'KEY_FILE_UNSEALED',
      message: expect.stringContaining(path),
    })
  })

  it('should keep shares sealed to the node that owns them, and refuse one that is not sealed', async () => {
    const root = tempFolder()
    const unlock = await unlockIn(root)
    const group = groupOf()
    const owner = group.members[0] as PublicKey
    await createKeyFile(join(root, 'signer.key'), KeyPair.generate(), unlock)
    const { sealer } = await openKeyFile(join(root, 'signer.key'), unlock)
    const init = { dir: join(root, 'shares'), sealer, owner, epochs: new FakeSpace(), logger: silentLogger }
    const share = group.share(owner)
    await (await openShareVault(init)).put(share)
    const file = join(init.dir, readdirSync(init.dir)[0] ?? '')
    const secret = Buffer.from(share.key.signingShare)
    expect(readFileSync(file, 'latin1').startsWith('age-encryption.org/v1\n-> X25519 ')).toBe(true)
    expect(readFileSync(file).includes(secret)).toBe(false)
    expect(await sealer.open(readFileSync(file)).then((p) => Buffer.from(p).includes(secret))).toBe(true)
    writeFileSync(file, await sealer.open(readFileSync(file)))
    await expect(openShareVault(init)).rejects.toMatchObject({ code: 'SHARE_UNREADABLE' })
  })
})
