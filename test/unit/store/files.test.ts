import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger, utf8 } from '../../../src/base/index.ts'
import { fileKeeper, nextBoot, openStore, readPrivateFile, writeFileAtomic } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()

describe('atomic file', () => {
  it('should write with mode 0600 and leave nothing else behind', async () => {
    const dir = tempFolder()
    const path = join(dir, 'file')
    await writeFileAtomic(path, utf8('one'), { overwrite: 'never' })
    await writeFileAtomic(path, utf8('two'), { overwrite: 'always' })
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['file'])
  })
  it('should refuse to overwrite unless told, and leave the file as it was', async () => {
    const dir = tempFolder()
    const path = join(dir, 'file')
    writeFileSync(path, 'mine')
    expect(await codeThrownBy(writeFileAtomic(path, utf8('other'), { overwrite: 'never' }))).toBe('FILE_EXISTS')
    expect(readFileSync(path, 'utf8')).toBe('mine')
    expect(readdirSync(dir)).toEqual(['file'])
  })
  it('should let one of two concurrent writers win', async () => {
    const path = join(tempFolder(), 'file')
    const write = (text: string) => codeThrownBy(writeFileAtomic(path, utf8(text), { overwrite: 'never' }))
    const codes = await Promise.all([write('a'), write('b')])
    expect(codes.toSorted()).toEqual(['FILE_EXISTS', undefined])
  })
  it('should name a folder that is not there', async () => {
    const path = join(tempFolder(), 'no', 'file')
    await expect(writeFileAtomic(path, utf8('x'), { overwrite: 'always' })).rejects.toMatchObject({
      code: 'FILE_WRITE_FAILED',
      message: expect.stringContaining(path),
    })
  })
})

describe('private file', () => {
  it('should be undefined where there is none', async () => {
    expect(await readPrivateFile(join(tempFolder(), 'none'), 10)).toBeUndefined()
  })
  it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601])('should refuse mode %o and name the remedy', async (mode) => {
    const path = join(tempFolder(), 'file')
    writeFileSync(path, 'x')
    chmodSync(path, mode)
    await expect(readPrivateFile(path, 10)).rejects.toMatchObject({
      code: 'FILE_TOO_OPEN',
      message: expect.stringMatching(/chmod 600/),
      data: { path, mode: `0${mode.toString(8)}` },
    })
  })
  it('should refuse a file beyond its limit', async () => {
    const path = join(tempFolder(), 'file')
    writeFileSync(path, 'x'.repeat(11), { mode: 0o600 })
    expect(await codeThrownBy(readPrivateFile(path, 10))).toBe('FILE_UNREADABLE')
  })
  it('should refuse a folder', async () => {
    const path = join(tempFolder(), 'folder')
    mkdirSync(path, { mode: 0o700 })
    expect(await codeThrownBy(readPrivateFile(path, 10))).toBe('FILE_UNREADABLE')
  })
})

describe('file keeper', () => {
  it('should load nothing before the first save', async () => {
    expect(await fileKeeper(join(tempFolder(), 'snapshot')).load()).toBeUndefined()
  })
  it('should load the last of several saves, from another keeper too', async () => {
    const path = join(tempFolder(), 'made', 'snapshot')
    const keeper = fileKeeper(path)
    await Promise.all(['1', '2', '3'].map((n) => keeper.save(utf8(n))))
    expect(await fileKeeper(path).load()).toEqual(utf8('3'))
  })
  it('should save again after a save that failed', async () => {
    const dir = join(tempFolder(), 'taken')
    writeFileSync(dir, 'a file where the folder should be')
    const keeper = fileKeeper(join(dir, 'snapshot'))
    const codes = [keeper.save(utf8('1')), keeper.save(utf8('2'))].map(codeThrownBy)
    expect(await Promise.all(codes)).toEqual(['FILE_WRITE_FAILED', 'FILE_WRITE_FAILED'])
  })
  it('should say that it can not read', async () => {
    expect(await codeThrownBy(fileKeeper(tempFolder()).load())).toBe('FILE_UNREADABLE')
  })
})

describe('boot number', () => {
  it('R16: should be the time, and rise when the clock stands or goes back, over restarts', async () => {
    const dir = tempFolder()
    const boots: number[] = []
    for (const nowMs of [1000, 1000, 500, 5000]) {
      const store = openStore({ dir, logger: silentLogger })
      await store.start()
      boots.push(await nextBoot(store.space('node'), nowMs))
      await store.stop()
    }
    expect(boots).toEqual([1000, 1001, 1002, 5000])
  })
  it('R16: should refuse a stored number that is none', async () => {
    const store = openStore({ dir: tempFolder(), logger: silentLogger })
    await store.start()
    await store.space('node').put('boot', utf8('soon'))
    expect(await codeThrownBy(nextBoot(store.space('node'), 1))).toBe('STORE_UNREADABLE')
    await store.stop()
  })
})
