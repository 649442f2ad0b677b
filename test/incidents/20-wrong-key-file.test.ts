import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { generateSeed, openSeed, publicKeyOfSeed, sealSeed } from '../../src/signer/index.ts'
import { createKeyFile, openKeyFile, type Unlock, writeIdentityFile } from '../../src/store/index.ts'

import { keyNode, openKeys, rawOf, SIGNING } from '../unit/signer/keys/support.ts'

import { homeIn, OWN_KEY, others, run } from '../unit/signer/s2/service-fixtures.ts'

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

  it('should make no key where the folder of the key service is not the one its list is of', async () => {
    const of = await keyNode(tempFolder())
    const keys = await openKeys(of)
    const before = await keys.generate(SIGNING)
    await keys.stop()
    const elsewhere = { ...of, dir: join(tempFolder(), 'mistyped') }
    const wrong = await openKeys(elsewhere)
    expect(wrong.troubles()).toMatchObject([{ name: SIGNING.name, version: 1, why: expect.stringContaining('gone') }])
    expect(wrong.list()).toEqual([before])
    expect(readdirSync(elsewhere.dir)).toEqual([])
    await expect(wrong.generate(SIGNING)).rejects.toMatchObject({ code: 'KEY_EXISTS' })
    await expect(wrong.sign({ name: SIGNING.name }, 'schnorr', rawOf(1))).rejects.toMatchObject({ code: 'KEY_BACKEND' })
    await wrong.stop()
  })

  it('should name the expected and the found key when the path leads to the seed of another', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
    await writeIdentityFile(unlock.file)
    const path = join(dir, 'other.seed')
    const found = await sealSeed(path, generateSeed(), KeyPair.generate().publicKey, unlock)
    const expected = publicKeyOfSeed(generateSeed())
    const opened = openSeed(path, unlock, expected)
    await expect(opened).rejects.toMatchObject({ code: 'KEY_FILE_OTHER_KEY', data: { path, expected, found } })
    for (const part of [path, expected, found])
      await expect(opened).rejects.toThrow(expect.objectContaining({ message: expect.stringContaining(part) }))
  })

  it('should make no seed where the path leads nowhere', async () => {
    const dir = tempFolder()
    const unlock: Unlock = { kind: 'identity', file: join(dir, 'identity') }
    await writeIdentityFile(unlock.file)
    const before = readdirSync(dir)
    const path = join(dir, 'mistyped.seed')
    await expect(openSeed(path, unlock, publicKeyOfSeed(generateSeed()))).rejects.toMatchObject({
      code: 'KEY_FILE_MISSING',
      message: expect.stringContaining(path),
    })
    expect(readdirSync(dir)).toEqual(before)
  })

  it('should not begin to serve a seed that is not the pinned one, and write nothing of it', async () => {
    const home = homeIn(tempFolder())
    const expectedPublicKey = others(1)[0] ?? OWN_KEY
    const started = run(home, { expectedPublicKey })
    await expect(started).rejects.toMatchObject({
      code: 'S2_SEED_OTHER_KEY',
      data: { expected: toHex(expectedPublicKey), found: toHex(OWN_KEY) },
    })
    expect(existsSync(home.instance)).toBe(false)
  })
})
