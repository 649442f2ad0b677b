import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LIMITS, toHex } from '../../../../src/base/index.ts'
import { KeyPair } from '../../../../src/curve/index.ts'
import { decodeVersion, encodeBackup, encodeVersion } from '../../../../src/signer/keys/key-records.ts'
import { sealTo } from '../../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../../store/temp-folder.ts'
import { type KeyNode, keptLog, keyNode, openKeys, rawOf, SIGNING, specOf } from './support.ts'

const tempFolder = tempFolders()
const { logger, lines } = keptLog()
const node = () => keyNode(tempFolder(), logger)
const filesOf = ({ dir }: KeyNode) => (existsSync(dir) ? readdirSync(dir).sort() : []).map((name) => join(dir, name))
const fileOf = (of: KeyNode, id: string, version = 1) =>
  filesOf(of).find((f) => f.includes(`${id}-${version}-`)) ?? 'none'
const sign = (keys: Awaited<ReturnType<typeof openKeys>>, name: string, version?: number) =>
  keys.sign(version === undefined ? { name } : { name, version }, 'schnorr', rawOf(1))

/** A node with two keys, one of them rotated, stopped: what happens to its files happens between two runs. */
async function stopped() {
  const of = await node()
  const keys = await openKeys(of)
  const [a, b] = [await keys.generate(specOf('a')), await keys.generate(specOf('b'))]
  await keys.rotate('a')
  await keys.stop()
  return { of, a, b, fileA: fileOf(of, a.id, 2), oldA: fileOf(of, a.id, 1), fileB: fileOf(of, b.id) }
}
/** Key a can't be used, and is named with the file; b goes on. */
async function expectOnlyB(of: KeyNode, why: RegExp, path: string) {
  lines.length = 0
  const keys = await openKeys(of)
  expect(keys.troubles()).toMatchObject([{ name: 'a', version: 2, why: expect.stringMatching(why) }])
  expect(lines.filter((l) => l.startsWith('error'))).toHaveLength(1)
  expect(await codeThrownBy(sign(keys, 'a'))).toBe('KEY_BACKEND')
  const error = await sign(keys, 'a').catch((e: Error) => e)
  expect(error).toMatchObject({ message: expect.stringContaining(path), data: { key: 'a', version: 2 } })
  expect(await sign(keys, 'b')).toHaveLength(64)
  expect(await sign(keys, 'a', 1)).toHaveLength(64)
  expect(keys.list()).toHaveLength(2)
  await keys.stop()
}

describe('R38: a key file', () => {
  it('should be sealed, of mode 0600 in a folder of 0700, one for each version', async () => {
    const { of } = await stopped()
    expect(filesOf(of)).toHaveLength(3)
    expect(statSync(of.dir).mode & 0o777).toBe(0o700)
    for (const file of filesOf(of)) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const bytes = readFileSync(file)
      expect(bytes.toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> X25519 /)
      expect(bytes.toString('latin1')).not.toMatch(/consensus|secp256k1/)
      const opened = decodeVersion(await of.sealer.open(Uint8Array.from(bytes)))
      expect(toHex(Uint8Array.from(bytes))).not.toContain(toHex(opened?.secret ?? new Uint8Array(1)))
    }
  })
  it('R38: should be refused with the contents of another key', async () => {
    const { of, fileA, fileB } = await stopped()
    copyFileSync(fileB, fileA)
    await expectOnlyB(of, /another id/, fileA)
  })
  it('R38: should be refused with an older version in it', async () => {
    const { of, fileA, oldA } = await stopped()
    copyFileSync(oldA, fileA)
    await expectOnlyB(of, /another version/, fileA)
  })
  it('R38: should be refused with another key under the same labels', async () => {
    const { of, fileA } = await stopped()
    const opened = decodeVersion(await of.sealer.open(Uint8Array.from(readFileSync(fileA))))
    if (opened === undefined) throw new Error('no record')
    const other = KeyPair.generate()
    const forged = { ...opened, publicKey: other.exposeSecret(), secret: other.exposeSecret() }
    const { publicKey } = await publicPart(other)
    writeFileSync(fileA, await of.sealer.seal(encodeVersion(of.owner, { ...forged, publicKey })))
    await expectOnlyB(of, /another key of that name/, fileA)
  })
  it('R38: should be refused with another owner inside', async () => {
    const { of, fileA } = await stopped()
    const opened = decodeVersion(await of.sealer.open(Uint8Array.from(readFileSync(fileA))))
    if (opened === undefined) throw new Error('no record')
    writeFileSync(fileA, await of.sealer.seal(encodeVersion(KeyPair.generate().publicKey, opened)))
    await expectOnlyB(of, /it belongs to/, fileA)
  })
  it('R38: should be refused with a changed role or capability inside', async () => {
    for (const change of [{ role: 'other' }, { capabilities: ['sign'] as const }, { name: 'b2' }]) {
      const { of, fileA } = await stopped()
      const opened = decodeVersion(await of.sealer.open(Uint8Array.from(readFileSync(fileA))))
      if (opened === undefined) throw new Error('no record')
      const changed = { ...opened, label: { ...opened.label, ...change } }
      writeFileSync(fileA, await of.sealer.seal(encodeVersion(of.owner, changed)))
      await expectOnlyB(of, /another (role|capabilities|name)/, fileA)
    }
  })
  it('should be refused with a backup in it, which anybody can seal to this node', async () => {
    const { of, fileA } = await stopped()
    const opened = decodeVersion(await of.sealer.open(Uint8Array.from(readFileSync(fileA))))
    if (opened === undefined) throw new Error('no record')
    writeFileSync(fileA, await sealTo(of.sealer.recipient, encodeBackup(of.owner, [opened])))
    await expectOnlyB(of, /it holds no key/, fileA)
  })
  it('should be named when it is damaged, too open, too large or gone', async () => {
    for (const [harm, why] of [
      [(f: string) => writeFileSync(f, readFileSync(f).subarray(0, 150)), /damaged/],
      [(f: string) => writeFileSync(f, ''), /damaged/],
      [(f: string) => chmodSync(f, 0o644), /FILE_TOO_OPEN/],
      [(f: string) => writeFileSync(f, Buffer.alloc(5000)), /larger/],
      [(f: string) => rmSync(f), /gone/],
    ] as const) {
      const { of, fileA } = await stopped()
      harm(fileA)
      await expectOnlyB(of, why, fileA)
    }
  })
  it('should be told of when an older version is gone, which nobody else notices', async () => {
    const { of, oldA } = await stopped()
    rmSync(oldA)
    const keys = await openKeys(of)
    expect(keys.troubles()).toMatchObject([{ name: 'a', version: 1 }])
    expect(await sign(keys, 'a')).toHaveLength(64)
    expect(await codeThrownBy(sign(keys, 'a', 1))).toBe('KEY_BACKEND')
    expect(await codeThrownBy(keys.backup('a', of.sealer.recipient))).toBe('KEY_BACKEND')
    await keys.stop()
  })
  it('should be of use again once it is put back, and the trouble forgotten', async () => {
    const { of, fileA } = await stopped()
    const away = join(tempFolder(), 'away')
    renameSync(fileA, away)
    const keys = await openKeys(of)
    expect(keys.troubles()).toHaveLength(1)
    renameSync(away, fileA)
    expect(await sign(keys, 'a')).toHaveLength(64)
    expect(keys.troubles()).toEqual([])
    await keys.stop()
  })
  it('should say once what is wrong, however often a client asks', async () => {
    const { of, fileA } = await stopped()
    rmSync(fileA)
    const keys = await openKeys(of)
    await codeThrownBy(sign(keys, 'a'))
    lines.length = 0
    for (let i = 0; i < 5; i++) expect(await codeThrownBy(sign(keys, 'a'))).toBe('KEY_BACKEND')
    expect(lines).toEqual([])
    await keys.stop()
  })
  it('should be left alone where nobody lists it, and not taken in', async () => {
    const { of, fileB } = await stopped()
    const planted = join(of.dir, `${'ab'.repeat(16)}-1-00000000.key.age`)
    copyFileSync(fileB, planted)
    writeFileSync(join(of.dir, 'notes.txt'), 'x')
    lines.length = 0
    const keys = await openKeys(of)
    expect(keys.list()).toHaveLength(2)
    expect(lines.filter((l) => l.startsWith('warn'))).toHaveLength(2)
    expect(existsSync(planted)).toBe(true)
    await keys.stop()
  })
  it('should be gone after a drop, all versions of it', async () => {
    const { of, a, b } = await stopped()
    const keys = await openKeys(of)
    const { token } = await keys.drop('a')
    await keys.drop('a', token)
    expect(filesOf(of).filter((f) => f.includes(a.id))).toEqual([])
    expect(filesOf(of).filter((f) => f.includes(b.id))).toHaveLength(1)
    expect([...of.space.values.keys()]).toEqual([b.id])
    await keys.stop()
  })
  it('should not count as another key of a role when it is lost', async () => {
    const { of, fileB } = await stopped()
    rmSync(fileB)
    const keys = await openKeys(of)
    expect(await codeThrownBy(keys.drop('a'))).toBe('KEY_LAST_OF_ROLE')
    expect(await keys.drop('b')).toMatchObject({ dropped: false })
    await keys.stop()
  })
})

const publicPart = async (pair: KeyPair) => ({
  publicKey: Uint8Array.from(Buffer.from(pair.publicKey, 'hex')),
})

describe('the file of a folder that nobody may write', () => {
  it('should make generate fail, and nothing be listed', async () => {
    const of = await node()
    const keys = await openKeys(of)
    rmSync(of.dir, { recursive: true })
    writeFileSync(of.dir, '')
    expect(await codeThrownBy(keys.generate(SIGNING))).toBe('KEY_BACKEND')
    expect(keys.list()).toEqual([])
    expect(of.space.values.size).toBe(0)
    rmSync(of.dir)
    await keys.stop()
  })
})

it('should take a backup of the most versions a key can have', async () => {
  const of = await node()
  const there = await node()
  const [keys, other] = [await openKeys(of), await openKeys(there)]
  const long = { name: 'n'.repeat(64), role: 'r'.repeat(64) }
  await keys.generate({ ...SIGNING, ...long })
  for (let i = 1; i < LIMITS.maxKeyVersions; i++) await keys.rotate(long.name)
  expect(await codeThrownBy(keys.rotate(long.name))).toBe('TOO_MANY_KEYS')
  const sealed = await keys.backup(long.name, there.sealer.recipient)
  expect(sealed.length).toBeLessThan(LIMITS.maxKeyBackupBytes)
  expect((await other.provision(sealed)).versions).toHaveLength(LIMITS.maxKeyVersions)
  await Promise.all([keys.stop(), other.stop()])
  expect((await openKeys(there)).list()[0]?.versions).toHaveLength(LIMITS.maxKeyVersions)
})
