import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { equalBytes, toHex, utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  createKeyFile,
  generateStorageIdentity,
  openKeyFile,
  sealerOf,
  type Unlock,
  writeIdentityFile,
  writeOfflineCopy,
  writePassphraseFile,
} from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()

/** A folder with a key file sealed to an age identity, which costs no scrypt. */
async function sealedKey() {
  const dir = tempFolder()
  const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
  const path = join(dir, 'signer.key')
  const keyPair = KeyPair.generate()
  await writeIdentityFile(unlock.file)
  await createKeyFile(path, keyPair, unlock)
  return { dir, unlock, path, keyPair }
}

// Each opening by passphrase is scrypt's whole cost, seconds of it on a machine with other work.
vi.setConfig({ testTimeout: 120_000 })

describe('key file', () => {
  it('should give back the key and one and the same sealer, with mode 0600', async () => {
    const { path, unlock, keyPair } = await sealedKey()
    const [a, b] = [await openKeyFile(path, unlock, keyPair.publicKey), await openKeyFile(path, unlock)]
    expect(toHex(a.keyPair.exposeSecret())).toBe(toHex(keyPair.exposeSecret()))
    expect(await b.sealer.open(await a.sealer.seal(utf8('record')))).toEqual(utf8('record'))
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('should be a binary age file that shows nothing of the key', async () => {
    const { path, keyPair } = await sealedKey()
    const text = readFileSync(path, 'latin1')
    expect(text.startsWith('age-encryption.org/v1\n-> X25519 ')).toBe(true)
    expect(text).not.toContain(toHex(keyPair.exposeSecret()))
    expect(text).not.toContain(keyPair.publicKey)
  })

  it('should open with the passphrase whose file ends in a newline or not, and with no other', async () => {
    const dir = tempFolder()
    const files = { plain: 'correct horse', newline: 'correct horse\n', wrong: 'correct horse ' }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o600 })
    const unlock = (name: string): Unlock => ({ kind: 'passphrase', file: join(dir, name) })
    const path = join(dir, 'signer.key')
    const keyPair = KeyPair.generate()
    await createKeyFile(path, keyPair, unlock('plain'))
    expect((await openKeyFile(path, unlock('newline'))).keyPair.publicKey).toBe(keyPair.publicKey)
    await expect(openKeyFile(path, unlock('wrong'))).rejects.toMatchObject({
      code: 'KEY_FILE_WRONG_PASSPHRASE',
      message: expect.stringContaining(path),
    })
  })

  it('should never overwrite a key file', async () => {
    const { path, unlock, dir } = await sealedKey()
    const before = readFileSync(path)
    expect(await codeThrownBy(createKeyFile(path, KeyPair.generate(), unlock))).toBe('KEY_FILE_EXISTS')
    expect(equalBytes(readFileSync(path), before)).toBe(true)
    expect(readdirSync(dir).toSorted()).toEqual(['identity', 'signer.key'])
  })

  it('should say that it is missing', async () => {
    const { path, unlock } = await sealedKey()
    await expect(openKeyFile(`${path}x`, unlock)).rejects.toMatchObject({
      code: 'KEY_FILE_MISSING',
      message: expect.stringContaining(`${path}x`),
    })
  })

  it('should refuse a key file that others may read', async () => {
    const { path, unlock } = await sealedKey()
    chmodSync(path, 0o640)
    await expect(openKeyFile(path, unlock)).rejects.toMatchObject({ code: 'FILE_TOO_OPEN', data: { path } })
  })

  it('should refuse an unlock file that others may read', async () => {
    const { path, unlock } = await sealedKey()
    chmodSync(unlock.file, 0o644)
    await expect(openKeyFile(path, unlock)).rejects.toMatchObject({
      code: 'FILE_TOO_OPEN',
      data: { path: unlock.file },
    })
  })

  it('should refuse another identity', async () => {
    const { path, dir } = await sealedKey()
    const other: Unlock = { kind: 'identity', file: join(dir, 'other') }
    await writeIdentityFile(other.file)
    expect(await codeThrownBy(openKeyFile(path, other))).toBe('KEY_FILE_WRONG_IDENTITY')
  })

  it('should say that a passphrase is not what it is sealed to', async () => {
    const { path, dir } = await sealedKey()
    const unlock: Unlock = { kind: 'passphrase', file: join(dir, 'passphrase') }
    await writePassphraseFile(unlock.file)
    await expect(openKeyFile(path, unlock)).rejects.toMatchObject({
      code: 'KEY_FILE_WRONG_PASSPHRASE',
      message: expect.stringContaining('identity'),
    })
  })

  it.each(['header', 'body'])('should refuse a flipped byte in its %s', async (where) => {
    const { path, unlock } = await sealedKey()
    const bytes = readFileSync(path)
    const at = where === 'header' ? 60 : bytes.length - 1
    bytes[at] = (bytes[at] ?? 0) ^ 0x01
    writeFileSync(path, bytes)
    expect(await codeThrownBy(openKeyFile(path, unlock))).toMatch(/^KEY_FILE_(UNREADABLE|WRONG_IDENTITY)$/)
  })

  it('should refuse a file that is no age file', async () => {
    const { path, unlock } = await sealedKey()
    writeFileSync(path, 'shopping list')
    expect(await codeThrownBy(openKeyFile(path, unlock))).toBe('KEY_FILE_UNREADABLE')
  })

  it('should refuse a sealed record that is no key, or whose public key is another', async () => {
    const dir = tempFolder()
    const identity = await generateStorageIdentity()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
    writeFileSync(unlock.file, identity, { mode: 0o600 })
    const good = {
      kind: 'countersign-key',
      version: 1,
      publicKey: KeyPair.generate().publicKey,
      secretKey: toHex(KeyPair.generate().exposeSecret()),
      storageIdentity: identity,
    }
    const records = [good, { ...good, kind: 'x' }, { ...good, version: 2 }, { ...good, secretKey: '00'.repeat(32) }, []]
    for (const [i, record] of records.entries()) {
      const path = join(dir, `key ${i}`)
      const box = await (await sealerOf(identity)).seal(utf8(JSON.stringify(record)))
      writeFileSync(path, box, { mode: 0o600 })
      expect(await codeThrownBy(openKeyFile(path, unlock)), JSON.stringify(Object.keys(record))).toBe(
        'KEY_FILE_UNREADABLE',
      )
    }
  })
})

describe('unlock file', () => {
  const opened = async (kind: Unlock['kind'], text: string) => {
    const { path, dir } = await sealedKey()
    const file = join(dir, 'unlock')
    writeFileSync(file, text, { mode: 0o600 })
    // Sealing anew asks for the unlock file whatever the key file is sealed to.
    return codeThrownBy(createKeyFile(`${path}2`, KeyPair.generate(), { kind, file }))
  }
  it.each(['', '\n', ' \r\n'])('should refuse the empty passphrase %j', async (text) => {
    expect(await opened('passphrase', text)).toBe('UNLOCK_FILE_EMPTY')
  })
  it('should refuse a passphrase that is not UTF-8', async () => {
    const { path, dir } = await sealedKey()
    const file = join(dir, 'unlock')
    writeFileSync(file, Uint8Array.of(0xff, 0xfe), { mode: 0o600 })
    const made = createKeyFile(`${path}2`, KeyPair.generate(), { kind: 'passphrase', file })
    expect(await codeThrownBy(made)).toBe('UNLOCK_FILE_UNREADABLE')
  })
  it('should say that it is missing', async () => {
    const { path, dir } = await sealedKey()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'none') }
    expect(await codeThrownBy(openKeyFile(path, unlock))).toBe('UNLOCK_FILE_MISSING')
  })
  it('should take an identity file with comments, as age-keygen writes it', async () => {
    expect(await opened('identity', `# created: today\n\n${await generateStorageIdentity()}\n`)).toBeUndefined()
  })
  it('should refuse two identities', async () => {
    const [a, b] = [await generateStorageIdentity(), await generateStorageIdentity()]
    expect(await opened('identity', `${a}\n${b}\n`)).toBe('UNLOCK_FILE_UNREADABLE')
  })
  it.each(['# nothing', 'age1recipient', 'AGE-SECRET-KEY-1BROKEN'])('should refuse the identity %j', async (text) => {
    expect(await opened('identity', text)).toBe('UNLOCK_FILE_UNREADABLE')
  })
  it('should not quote a broken identity', async () => {
    const { path, dir } = await sealedKey()
    const file = join(dir, 'unlock')
    writeFileSync(file, 'AGE-SECRET-KEY-1BROKEN', { mode: 0o600 })
    const error = await openKeyFile(path, { kind: 'identity', file }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(Error)
    expect(String(error instanceof Error ? error.stack : '')).not.toContain('BROKEN')
    expect(error).not.toHaveProperty('cause')
  })
  it('should make a random passphrase of 32 bytes with mode 0600, once', async () => {
    const path = join(tempFolder(), 'passphrase')
    await writePassphraseFile(path)
    expect(Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url')).toHaveLength(32)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await codeThrownBy(writePassphraseFile(path))).toBe('FILE_EXISTS')
  })
})

describe('offline copy', () => {
  it('R1: should be the same sealed bytes with mode 0600', async () => {
    const { path, dir } = await sealedKey()
    const to = join(dir, 'usb', 'copy.key')
    await writeOfflineCopy({ from: path, to })
    expect(equalBytes(readFileSync(to), readFileSync(path))).toBe(true)
    expect(statSync(to).mode & 0o777).toBe(0o600)
  })
  it('R1: should open with what it was resealed to, to the same key and sealer', async () => {
    const { path, dir, unlock, keyPair } = await sealedKey()
    const to = join(dir, 'copy.key')
    const as: Unlock = { kind: 'identity', file: join(dir, 'other') }
    await writeIdentityFile(as.file)
    await writeOfflineCopy({ from: path, to, reseal: { unlock, as } })
    expect(await codeThrownBy(openKeyFile(to, unlock))).toBe('KEY_FILE_WRONG_IDENTITY')
    const [original, copy] = [await openKeyFile(path, unlock), await openKeyFile(to, as, keyPair.publicKey)]
    expect(await copy.sealer.open(await original.sealer.seal(utf8('record')))).toEqual(utf8('record'))
  })
  it('should not overwrite', async () => {
    const { path } = await sealedKey()
    expect(await codeThrownBy(writeOfflineCopy({ from: path, to: path }))).toBe('KEY_FILE_EXISTS')
  })
  it('should not copy what is not sealed', async () => {
    const { path, dir } = await sealedKey()
    writeFileSync(path, '{}')
    expect(await codeThrownBy(writeOfflineCopy({ from: path, to: join(dir, 'copy') }))).toBe('KEY_FILE_UNSEALED')
  })
})

describe('sealer', () => {
  it('should not open what was sealed to another node, or was changed', async () => {
    const [mine, theirs] = [
      await sealerOf(await generateStorageIdentity()),
      await sealerOf(await generateStorageIdentity()),
    ]
    const box = await theirs.seal(utf8('record'))
    expect(await codeThrownBy(mine.open(box))).toBe('SEALED_RECORD_UNREADABLE')
    box[box.length - 1] = (box[box.length - 1] ?? 0) ^ 1
    expect(await codeThrownBy(theirs.open(box))).toBe('SEALED_RECORD_UNREADABLE')
    expect(await codeThrownBy(theirs.open(new Uint8Array(0)))).toBe('SEALED_RECORD_UNREADABLE')
  })
})
