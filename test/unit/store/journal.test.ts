import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileJournal } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n')

describe('journal', () => {
  it('should make its folder, and the file with mode 0600', async () => {
    const path = join(tempFolder(), 'data', 'journal')
    await fileJournal(path).append('one')
    expect(linesOf(path)).toEqual(['one', ''])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
  it('should take back the rights that somebody gave others', async () => {
    const path = join(tempFolder(), 'journal')
    writeFileSync(path, 'old\n')
    chmodSync(path, 0o644)
    await fileJournal(path).append('one')
    expect(linesOf(path)).toEqual(['old', 'one', ''])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
  it('should keep the order of calls', async () => {
    const path = join(tempFolder(), 'journal')
    const journal = fileJournal(path)
    await Promise.all(['a', 'b', 'c', 'd'].map((line) => journal.append(line)))
    expect(linesOf(path)).toEqual(['a', 'b', 'c', 'd', ''])
  })
  it('should begin a line of its own after one that was cut off', async () => {
    const path = join(tempFolder(), 'journal')
    const journal = fileJournal(path)
    await journal.append('one')
    appendFileSync(path, '{"cut')
    await journal.append('two')
    expect(linesOf(path)).toEqual(['one', '{"cut', 'two', ''])
  })
  it('should refuse a line end inside a line', async () => {
    const path = join(tempFolder(), 'journal')
    await expect(fileJournal(path).append('a\nb')).rejects.toThrow(TypeError)
  })
  it('should write through no link', async () => {
    const dir = tempFolder()
    writeFileSync(join(dir, 'victim'), '')
    symlinkSync(join(dir, 'victim'), join(dir, 'journal'))
    expect(await codeThrownBy(fileJournal(join(dir, 'journal')).append('x'))).toBe('FILE_WRITE_FAILED')
    expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('')
  })
  it('should go on after an append that failed', async () => {
    const dir = tempFolder()
    const path = join(dir, 'sub')
    mkdirSync(path)
    const journal = fileJournal(path)
    expect(await codeThrownBy(journal.append('x'))).toBe('FILE_WRITE_FAILED')
    rmdirSync(path)
    await journal.append('y')
    expect(linesOf(path)).toEqual(['y', ''])
  })
})
