import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { generateSeed, openSeed, publicKeyOfSeed, sealSeed } from '../../../src/signer/index.ts'
import { copySeedFile, createKeyFile, readRawSeed, type Unlock, writeIdentityFile } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'

const folder = tempFolders()
const SEED = '195a61de8fdac38f9c97e493c03718c98a3c85a977b49192ceac32e429f6c409'
const PUBLIC = 'ac407ba319846e25d69c1c0cb2a845ab75ef93ad2e9e846cdc5cf6da766e00b2'
const owner = KeyPair.generate()

let dir: string
let path: string
let unlock: Unlock
beforeEach(async () => {
  dir = folder()
  path = join(dir, 's2.seed')
  unlock = { kind: 'identity', file: join(dir, 'identity') }
  await writeIdentityFile(unlock.file)
})
const seal = (seed = fromHex(SEED)) => sealSeed(path, seed, owner.publicKey, unlock)

describe('a sealed seed', () => {
  it('should be pinned by its published MuSig2 key', async () => {
    expect(await seal()).toBe(PUBLIC)
    const { seed, owner: of } = await openSeed(path, unlock, PUBLIC)
    expect([toHex(seed), of]).toEqual([SEED, owner.publicKey])
  })

  it('should lie sealed in a file of mode 0600', async () => {
    await seal()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const bytes = readFileSync(path)
    expect(bytes.includes(Buffer.from(SEED, 'hex')) || bytes.includes(SEED)).toBe(false)
    expect(bytes.subarray(0, 22).toString()).toBe('age-encryption.org/v1\n')
  })

  it('incident 20: should be an error where it is another one, naming expected and found', async () => {
    const other = generateSeed()
    const found = publicKeyOfSeed(other)
    await seal(other)
    const opened = openSeed(path, unlock, PUBLIC)
    await expect(opened).rejects.toMatchObject({ code: 'KEY_FILE_OTHER_KEY', data: { path, expected: PUBLIC, found } })
    await expect(opened).rejects.toThrow(
      new RegExp(`${path} holds the seed of ${found} but the config expects ${PUBLIC}`),
    )
  })

  it('should never be overwritten', async () => {
    await seal()
    const before = readFileSync(path)
    expect(await codeThrownBy(seal(generateSeed()))).toBe('KEY_FILE_EXISTS')
    expect(readFileSync(path)).toEqual(before)
  })

  it('should be copied byte for byte', async () => {
    await seal()
    await copySeedFile(path, join(dir, 'copy'))
    expect(readFileSync(join(dir, 'copy'))).toEqual(readFileSync(path))
    expect(await codeThrownBy(copySeedFile(path, join(dir, 'copy')))).toBe('KEY_FILE_EXISTS')
  })

  it.each([
    ['is missing', () => {}, 'KEY_FILE_MISSING'],
    ['is open to others', () => seal().then(() => chmodSync(path, 0o640)), 'FILE_TOO_OPEN'],
    ['is not sealed: incident 22', () => writeFileSync(path, SEED, { mode: 0o600 }), 'KEY_FILE_UNSEALED'],
    [
      'is damaged',
      () => seal().then(() => writeFileSync(path, readFileSync(path).subarray(0, -1))),
      'KEY_FILE_UNREADABLE',
    ],
    ['is a key file: R38', () => createKeyFile(path, KeyPair.generate(), unlock), 'KEY_FILE_UNREADABLE'],
  ])('should be refused if it %s', async (_, spoil, code) => {
    await spoil()
    expect(await codeThrownBy(openSeed(path, unlock, PUBLIC))).toBe(code)
  })

  it('should not be opened by another identity', async () => {
    await seal()
    const other: Unlock = { kind: 'identity', file: join(dir, 'other') }
    await writeIdentityFile(other.file)
    expect(await codeThrownBy(openSeed(path, other, PUBLIC))).toBe('KEY_FILE_WRONG_IDENTITY')
  })
})

describe('a raw seed', () => {
  const raw = (bytes: Uint8Array | string, mode = 0o600): string => {
    const file = join(dir, 'raw')
    writeFileSync(file, bytes, { mode })
    return file
  }

  it('should be 32 bytes as they are', async () => {
    expect(toHex(await readRawSeed(raw(fromHex(SEED))))).toBe(SEED)
  })

  it.each([
    ['31 bytes', fromHex(SEED).subarray(1), 'SEED_FILE_INVALID'],
    ['a line end behind it', Uint8Array.of(...fromHex(SEED), 0x0a), 'SEED_FILE_INVALID'],
    ['hex', SEED, 'SEED_FILE_INVALID'],
    ['nothing', '', 'SEED_FILE_INVALID'],
    ['32 zero bytes', new Uint8Array(32), 'SEED_FILE_INVALID'],
    ['another file', new Uint8Array(5_000), 'FILE_UNREADABLE'],
  ])('should not be %s', async (_, bytes, code) => {
    expect(await codeThrownBy(readRawSeed(raw(bytes)))).toBe(code)
  })

  it('should not be read from a file that others may read', async () => {
    const file = raw(fromHex(SEED), 0o644)
    chmodSync(file, 0o644)
    expect(await codeThrownBy(readRawSeed(file))).toBe('FILE_TOO_OPEN')
    expect(await codeThrownBy(readRawSeed(join(dir, 'none')))).toBe('KEY_FILE_MISSING')
  })
})
