import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeFields, type PublicKey, silentLogger, toHex, utf8 } from '../../../src/base/index.ts'
import { encodeKeyPackage } from '../../../src/crypto/index.ts'
import { openShareVault, type StoredShare } from '../../../src/signer/index.ts'
import { generateStorageIdentity, type Sealer, sealerOf } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from '../store/temp-folder.ts'
import { FakeSpace, groupOf } from './fixtures.ts'

const tempFolder = tempFolders()

interface Node {
  readonly dir: string
  readonly sealer: Sealer
  readonly owner: PublicKey
  readonly epochs: FakeSpace
}
const nodeOf = async (owner: PublicKey): Promise<Node> => ({
  dir: join(tempFolder(), 'shares'),
  sealer: await sealerOf(await generateStorageIdentity()),
  owner,
  epochs: new FakeSpace(),
})
const open = (node: Node, isCertified?: (share: StoredShare) => boolean) =>
  openShareVault({ ...node, logger: silentLogger, ...(isCertified === undefined ? {} : { isCertified }) })

/** A node that holds one share. */
async function nodeWithShare() {
  const group = groupOf()
  const owner = group.members[0] as PublicKey
  const node = await nodeOf(owner)
  const share = group.share(owner)
  await (await open(node)).put(share)
  const file = join(node.dir, readdirSync(node.dir)[0] ?? '')
  return { group, node, share, file }
}
const staged = (share: StoredShare): StoredShare => ({ ...share, certificate: new Uint8Array(0) })
const plaintextOf = (s: StoredShare, owner: string = s.key.owner, groupKey: string = s.key.public.groupKey) =>
  encodeFields('countersign-share-v1', groupKey, s.epoch, s.transcript, owner, encodeKeyPackage(s.key), s.certificate)

describe('share vault', () => {
  it('should give back what was put after a restart, from a sealed file of mode 0600 in a folder of mode 0700', async () => {
    const { node, share, file } = await nodeWithShare()
    const vault = await open(node)
    expect(vault.byTranscript(share.transcript)).toEqual(share)
    expect(vault.byGroupKey(share.key.public.groupKey)).toEqual(share)
    expect(vault.list()).toHaveLength(1)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(node.dir).mode & 0o777).toBe(0o700)
    expect(toHex(readFileSync(file))).not.toContain(toHex(share.key.signingShare))
  })

  it('should keep its own copy of the secret', async () => {
    const { group, node } = await nodeWithShare()
    const vault = await open(node)
    const other = group.share(node.owner, 1)
    const before = toHex(other.key.signingShare)
    await vault.put(other)
    other.key.signingShare.fill(0)
    expect(toHex(vault.byTranscript(other.transcript)?.key.signingShare ?? utf8(''))).toBe(before)
  })

  it('should be named by key and transcript', async () => {
    const { share, file } = await nodeWithShare()
    const [key, transcript] = [share.key.public.groupKey, share.transcript].map((s) => s.slice(0, 16))
    expect(file.endsWith(`/${key}-${transcript}.share.age`)).toBe(true)
  })

  it('should take the same share again, and change nothing', async () => {
    const { node, share, file } = await nodeWithShare()
    const before = readFileSync(file)
    const vault = await open(node)
    await Promise.all([vault.put(share), vault.put(share)])
    expect(readFileSync(file)).toEqual(before)
  })

  it('should refuse another share for a transcript it holds', async () => {
    const { group, node, share } = await nodeWithShare()
    const other = { ...groupOf(3, group.secret, [...group.members]).share(node.owner), transcript: share.transcript }
    const vault = await open(node)
    expect(await codeThrownBy(vault.put(other))).toBe('SHARE_CONFLICT')
    expect(vault.byTranscript(share.transcript)).toEqual(share)
  })

  it('should let one of two different shares of one transcript pass when both come at once', async () => {
    const group = groupOf()
    const owner = group.members[0] as PublicKey
    const vault = await open(await nodeOf(owner))
    const a = group.share(owner)
    const b = { ...groupOf(3, group.secret, [...group.members]).share(owner), transcript: a.transcript }
    expect(await Promise.all([vault.put(a), vault.put(b)].map(codeThrownBy))).toEqual([undefined, 'SHARE_CONFLICT'])
  })

  it('should refuse a share of another member', async () => {
    const { group, node } = await nodeWithShare()
    const foreign = group.share(group.members[1] as PublicKey)
    expect(await codeThrownBy((await open(node)).put(foreign))).toBe('SHARE_FOREIGN')
  })

  it("should refuse a secret that is not its owner's verifying share, before anything is written", async () => {
    const { group, node } = await nodeWithShare()
    const good = group.share(node.owner)
    const bad = { ...good, key: { ...good.key, signingShare: group.secret } }
    expect(await codeThrownBy((await open(node)).put(bad))).toBe('SHARE_INVALID')
    expect(readdirSync(node.dir)).toHaveLength(1)
  })

  it('R20: should stage a share without a certificate, and complete it with one', async () => {
    const group = groupOf()
    const owner = group.members[0] as PublicKey
    const node = await nodeOf(owner)
    const share = group.share(owner)
    const vault = await open(node)
    await vault.put(staged(share))
    expect((await open(node)).byTranscript(share.transcript)).toEqual(staged(share))
    await vault.put(share)
    await vault.put(staged(share))
    expect((await open(node)).byTranscript(share.transcript)).toEqual(share)
    expect(readdirSync(node.dir)).toHaveLength(1)
  })

  it('R21: should not offer a staged share under its group key', async () => {
    const { group, node, share } = await nodeWithShare()
    const vault = await open(node)
    const next = groupOf(3, group.secret, [...group.members]).share(node.owner, 1)
    await vault.put(staged(next))
    expect(vault.byGroupKey(share.key.public.groupKey)).toEqual(share)
    await vault.put(next)
    expect(vault.byGroupKey(share.key.public.groupKey)).toEqual(next)
  })
})

describe('R38: a share file', () => {
  it('R38: should be refused under another name', async () => {
    const { node, file } = await nodeWithShare()
    const renamed = join(node.dir, `${'0'.repeat(16)}-${'0'.repeat(16)}.share.age`)
    renameSync(file, renamed)
    await expect(open(node)).rejects.toMatchObject({
      code: 'SHARE_MISPLACED',
      message: expect.stringContaining(renamed),
    })
    expect(readdirSync(node.dir)).toHaveLength(1)
  })

  it("R38: should be refused when swapped with another node's", async () => {
    const { group, node, share, file } = await nodeWithShare()
    const other = await nodeOf(group.members[1] as PublicKey)
    await (await open(other)).put({ ...group.share(other.owner), transcript: share.transcript })
    writeFileSync(file, readFileSync(join(other.dir, readdirSync(other.dir)[0] ?? '')))
    await expect(open(node)).rejects.toMatchObject({ code: 'SHARE_UNREADABLE', message: expect.stringContaining(file) })
  })

  it("R38: should be refused as another member's even if it was sealed to this node", async () => {
    const { group, node, share, file } = await nodeWithShare()
    const foreign = { ...group.share(group.members[1] as PublicKey), transcript: share.transcript }
    writeFileSync(file, await node.sealer.seal(plaintextOf(foreign)))
    expect(await codeThrownBy(open(node))).toBe('SHARE_FOREIGN')
    writeFileSync(file, await node.sealer.seal(plaintextOf(foreign, node.owner)))
    expect(await codeThrownBy(open(node))).toBe('SHARE_INVALID')
  })

  it('R38: should be refused when its key package is of another group key than it says', async () => {
    const { group, node, share, file } = await nodeWithShare()
    const other = groupOf(3, undefined, [...group.members]).share(node.owner)
    writeFileSync(file, await node.sealer.seal(plaintextOf(other, node.owner, share.key.public.groupKey)))
    expect(await codeThrownBy(open(node))).toBe('SHARE_INVALID')
  })

  it('R38: should be refused when its certificate does not stand for it', async () => {
    const { node, share } = await nodeWithShare()
    expect(await codeThrownBy(open(node, () => false))).toBe('SHARE_INVALID')
    expect((await open(node, (s) => s.transcript === share.transcript)).list()).toHaveLength(1)
  })

  it('R38: should be refused when an older epoch was put back in its place', async () => {
    const { group, node, share, file } = await nodeWithShare()
    const old = readFileSync(file)
    await (await open(node)).put(groupOf(3, group.secret, [...group.members]).share(node.owner, 1))
    for (const name of readdirSync(node.dir)) rmSync(join(node.dir, name))
    writeFileSync(file, old, { mode: 0o600 })
    await expect(open(node)).rejects.toMatchObject({
      code: 'SHARE_OLD_EPOCH',
      message: expect.stringContaining(share.key.public.groupKey),
    })
  })

  it('R38: should be missed when it is gone', async () => {
    const { node, file } = await nodeWithShare()
    rmSync(file)
    expect(await codeThrownBy(open(node))).toBe('SHARE_MISSING')
  })

  it.each(['first', 'middle', 'last'])('should be refused with its %s byte changed', async (which) => {
    const { node, file } = await nodeWithShare()
    const bytes = readFileSync(file)
    const at = { first: 0, middle: bytes.length >> 1, last: bytes.length - 1 }[which] ?? 0
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect(await codeThrownBy(open(node))).toBe('SHARE_UNREADABLE')
    expect(readFileSync(file)).toEqual(bytes)
  })

  it.each([
    ['empty', new Uint8Array(0)],
    ['of another kind', encodeFields('x', '', 0, '', '', '', '')],
    ['short', encodeFields('countersign-share-v1')],
    ['not even fields', Uint8Array.of(0, 0, 0, 9, 1)],
    ['without names', encodeFields('countersign-share-v1', 'key', 0, 'transcript', 'owner', '', '')],
  ])('should be refused when the sealed record is %s', async (_, plaintext) => {
    const { node, file } = await nodeWithShare()
    writeFileSync(file, await node.sealer.seal(plaintext))
    expect(await codeThrownBy(open(node))).toBe('SHARE_UNREADABLE')
  })

  it('should be refused when others may read it', async () => {
    const { node, file } = await nodeWithShare()
    chmodSync(file, 0o644)
    expect(await codeThrownBy(open(node))).toBe('FILE_TOO_OPEN')
  })

  it('should not be confused with the leftover of an interrupted write', async () => {
    const { node, file } = await nodeWithShare()
    writeFileSync(`${file}.0011.tmp`, 'half', { mode: 0o600 })
    expect((await open(node)).list()).toHaveLength(1)
  })

  it('should be refused when the record of its epoch is malformed', async () => {
    const { node, share } = await nodeWithShare()
    node.epochs.values.set(share.key.public.groupKey, utf8('x'))
    expect(await codeThrownBy(open(node))).toBe('SHARE_UNREADABLE')
  })
})
