import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateHybridIdentity, identityToRecipient } from 'age-encryption'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/base/index.ts'
import { generateStorageIdentity, removeFile, sealerOf, sealTo } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()
const sealer = async () => sealerOf(await generateStorageIdentity())

describe('sealing to somebody else', () => {
  it('should be opened by the sealer whose recipient it is, and by no other', async () => {
    const [a, b] = [await sealer(), await sealer()]
    const box = await sealTo(a.recipient, utf8('for a'))
    expect(a.recipient).toMatch(/^age1[0-9a-z]{58}$/)
    expect(await a.open(box)).toEqual(utf8('for a'))
    expect(await codeThrownBy(b.open(box))).toBe('SEALED_RECORD_UNREADABLE')
  })
  it('should be refused to anything but a recipient of X25519', async () => {
    const identity = await generateStorageIdentity()
    const { recipient } = await sealerOf(identity)
    const bent = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`
    const hybrid = await identityToRecipient(await generateHybridIdentity())
    for (const bad of [
      '',
      'age1',
      identity,
      identity.slice(0, 62),
      bent,
      recipient.toUpperCase(),
      ` ${recipient}`,
      hybrid,
    ])
      expect(await codeThrownBy(sealTo(bad, utf8('x'))), bad.slice(0, 20)).toBe('RECIPIENT_INVALID')
  })
  it('should not quote what it was given', async () => {
    const identity = await generateStorageIdentity()
    const error = await sealTo(identity, utf8('x')).catch((e: Error) => e)
    expect(JSON.stringify(error)).not.toContain(identity.slice(20))
    expect(String(error)).not.toContain(identity.slice(20))
    expect(error).not.toHaveProperty('cause')
  })
})

describe('taking a file away', () => {
  it('should remove it, and take one that is not there for removed', async () => {
    const path = join(tempFolder(), 'a')
    writeFileSync(path, 'x')
    await removeFile(path)
    expect(existsSync(path)).toBe(false)
    await removeFile(path)
  })
  it('should say so where it can not', async () => {
    const path = join(tempFolder(), 'folder')
    mkdirSync(path)
    expect(await codeThrownBy(removeFile(path))).toBe('FILE_WRITE_FAILED')
    expect(await codeThrownBy(removeFile(join(tempFolder(), 'no/such/folder')))).toBe('FILE_WRITE_FAILED')
  })
})
