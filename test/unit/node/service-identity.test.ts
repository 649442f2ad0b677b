import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { openServiceIdentity } from '../../../src/node/service-identity.ts'
import { generateStorageIdentity, type OpenedKey, sealerOf } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'

const folder = tempFolders()
const opened = async (): Promise<OpenedKey> => ({
  keyPair: KeyPair.generate(),
  sealer: await sealerOf(await generateStorageIdentity()),
})

let dir: string
let own: OpenedKey
let next: OpenedKey
beforeEach(async () => {
  dir = folder()
  own = await opened()
  next = await opened()
})
const fileOf = ({ keyPair }: OpenedKey) => join(dir, `service-identity-of-${keyPair.publicKey.slice(0, 16)}.age`)
const sealed = async (keys: { own: OpenedKey; next: OpenedKey | undefined }) =>
  (await openServiceIdentity(dir, keys)).sealer.seal(utf8('a key'))
const opens = async (keys: { own: OpenedKey; next: OpenedKey | undefined }, box: Uint8Array) =>
  new TextDecoder().decode(await (await openServiceIdentity(dir, keys)).sealer.open(box))

describe('what keys of the key service are sealed with', () => {
  it('should be the same at every start, in a file of mode 0600', async () => {
    const box = await sealed({ own, next: undefined })
    expect(await opens({ own, next: undefined }, box)).toBe('a key')
    expect(statSync(fileOf(own)).mode & 0o777).toBe(0o600)
  })

  it('R7: should be the same when the next key has become the key', async () => {
    const box = await sealed({ own, next: undefined })
    await openServiceIdentity(dir, { own, next })
    const after = { own: next, next: undefined }
    expect(await opens(after, box)).toBe('a key')
    expect((await openServiceIdentity(dir, after)).owner).toBe(own.keyPair.publicKey)
  })

  it('incident 20: should not be made anew under a key that it was never sealed to', async () => {
    await sealed({ own, next: undefined })
    const before = readdirSync(dir)
    expect(await codeThrownBy(openServiceIdentity(dir, { own: next, next: undefined }))).toBe('SERVICE_KEYS_OTHER_KEY')
    expect(readdirSync(dir)).toEqual(before)
  })

  it('should be found by the key that was replaced, as the error says', async () => {
    const box = await sealed({ own, next: undefined })
    expect(await opens({ own, next }, box)).toBe('a key')
    rmSync(fileOf(own))
    expect(await opens({ own, next }, box)).toBe('a key')
  })

  it.each([
    ["another key's file", () => renameSync(fileOf(own), fileOf(next)), 'SEALED_RECORD_UNREADABLE'],
    [
      'what is sealed and is something else',
      async () => writeFileSync(fileOf(next), await next.sealer.seal(utf8('{}')), { mode: 0o600 }),
      'SERVICE_KEYS_OTHER_KEY',
    ],
    ['a damaged file', () => writeFileSync(fileOf(next), 'x', { mode: 0o600 }), 'SEALED_RECORD_UNREADABLE'],
  ])('R38: should not be read from %s', async (_, spoil, code) => {
    await sealed({ own, next: undefined })
    await spoil()
    expect(await codeThrownBy(openServiceIdentity(dir, { own: next, next: undefined }))).toBe(code)
  })
})
