import { appendFileSync, chmodSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  findGap,
  type GroupJournal,
  journalFilesIn,
  openGroupJournal,
  readJournalFile,
} from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const folder = tempFolders()
const signer = KeyPair.generate()
const opened: GroupJournal[] = []
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close().catch(() => {})
})
async function open(dir: string, more: { readonly maxFileBytes?: number; readonly onFailure?: () => void } = {}) {
  const result = await openGroupJournal({ dir, journal: 'audit', signer, ...more })
  opened.push(result.journal)
  return result
}
const read = (path: string) => readJournalFile('audit', Uint8Array.from(readFileSync(path)), path)
const entry = (n: number) => JSON.stringify({ n })
/** A line for each number, each in a sync of its own. */
async function written(dir: string, count: number, more = {}): Promise<GroupJournal> {
  const { journal } = await open(dir, more)
  for (let n = 0; n < count; n++) await journal.append(entry(n))
  return journal
}
const firstFile = (dir: string) => join(dir, 'audit-00000001.jsonl')
const payloads = (path: string) =>
  read(path)
    .lines.slice(1)
    .map((l) => l.payload)
const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')
const rewrite = (path: string, lines: readonly string[]) => writeFileSync(path, `${lines.join('\n')}\n`)

describe('a group journal', () => {
  it('should hold what was appended, in order, in a file of mode 0600', async () => {
    const dir = folder()
    await (await written(dir, 3)).close()
    expect(payloads(firstFile(dir))).toEqual([0, 1, 2].map(entry))
    expect(statSync(firstFile(dir)).mode & 0o777).toBe(0o600)
  })

  it('should go on where it ended', async () => {
    const dir = folder()
    await (await written(dir, 2)).close()
    const { journal, tornTo } = await open(dir)
    await journal.append(entry(2))
    expect(tornTo).toBeUndefined()
    expect(payloads(firstFile(dir))).toEqual([0, 1, 2].map(entry))
    expect(journal.view()).toMatchObject({ lines: 4, fileNumber: 1, head: read(firstFile(dir)).lines.at(-1)?.hash })
  })

  it('should write what is asked for at once with one signature, over all of it', async () => {
    const dir = folder()
    const { journal } = await open(dir)
    await Promise.all(Array.from({ length: 50 }, (_, n) => journal.append(entry(n))))
    const { lines } = read(firstFile(dir))
    expect(lines.map((l) => l.signedBy !== undefined)).toEqual([true, ...Array(49).fill(false), true])
    expect(payloads(firstFile(dir))).toEqual(Array.from({ length: 50 }, (_, n) => entry(n)))
  })

  it('should resolve only when the line is in the file', async () => {
    const dir = folder()
    const { journal } = await open(dir)
    await journal.append(entry(7))
    expect(readFileSync(firstFile(dir), 'utf8')).toContain('"payload":{"n":7}}\n')
  })

  it('should go on in numbered files that keep the chain, and leave finished ones alone', async () => {
    const dir = folder()
    await (await written(dir, 12, { maxFileBytes: 1_000 })).close()
    const files = await journalFilesIn(dir, 'audit')
    expect(files.length).toBeGreaterThan(2)
    expect(files.flatMap(payloads)).toEqual(Array.from({ length: 12 }, (_, n) => entry(n)))
    const all = files.map(read)
    for (const [i, file] of all.slice(1).entries()) expect(findGap(all[i] as never, file)).toBeUndefined()
    for (const path of files) expect(statSync(path).size).toBeLessThan(1_600)
    const before = readFileSync(files[0] as string)
    await (await written(dir, 3, { maxFileBytes: 1_000 })).close()
    expect(readFileSync(files[0] as string)).toEqual(before)
  })

  it.each([
    ['JSON on two lines', '{\n}'],
    ['no JSON', '{n}'],
  ])('should refuse %s', async (_, payload) => {
    const { journal } = await open(folder())
    await expect(journal.append(payload)).rejects.toThrow(TypeError)
  })

  it('should refuse a line that is too long, and stay usable', async () => {
    const { journal } = await open(folder())
    expect(await codeThrownBy(journal.append(JSON.stringify('x'.repeat(5_000))))).toBe('JOURNAL_RECORD_TOO_LARGE')
    await journal.append(entry(1))
  })

  it('should refuse everything after a close', async () => {
    const journal = await written(folder(), 1)
    await journal.close()
    expect(await codeThrownBy(journal.append(entry(1)))).toBe('FILE_WRITE_FAILED')
  })
})

describe('a disk that takes nothing', () => {
  it('should refuse the line, every later one, and say so once', async () => {
    const dir = folder()
    let told = 0
    const { journal } = await open(dir, { maxFileBytes: 10, onFailure: () => told++ })
    // The next file can't be made: as on a full disk, but under any user.
    writeFileSync(join(dir, 'audit-00000002.jsonl'), '')
    expect(await codeThrownBy(journal.append(entry(0)))).toBe('FILE_EXISTS')
    expect(await codeThrownBy(journal.append(entry(1)))).toBe('FILE_EXISTS')
    expect(told).toBe(1)
    expect(payloads(firstFile(dir))).toEqual([])
  })

  it('should refuse all that wait with the one that failed', async () => {
    const dir = folder()
    const { journal } = await open(dir)
    appendFileSync(firstFile(dir), 'x')
    const all = await Promise.allSettled([journal.append(entry(0)), journal.append(entry(1))])
    expect(all.map((r) => r.status)).toEqual(['rejected', 'rejected'])
    expect(await codeThrownBy(journal.append(entry(2)))).toBe('JOURNAL_CHANGED')
  })

  it('should not begin where it may not write', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'file'), '')
    expect(await codeThrownBy(open(join(dir, 'file')))).toBe('FILE_WRITE_FAILED')
  })
})

describe('what a crash leaves', () => {
  const torn = (dir: string) => readdirSync(dir).filter((name) => name.includes('.torn-'))

  it.each([
    ['half a line', (path: string) => truncateSync(path, statSync(path).size - 20), 2],
    ['all but the line end', (path: string) => truncateSync(path, statSync(path).size - 1), 2],
    ['zeros', (path: string) => appendFileSync(path, new Uint8Array(100)), 3],
    ['zeros with a line end', (path: string) => appendFileSync(path, Uint8Array.of(0, 0, 0x0a, 0)), 3],
    ['a begun line', (path: string) => appendFileSync(path, '{"seq":4,"ha'), 3],
  ])('should be set aside: %s', async (_, spoil, left) => {
    const dir = folder()
    await (await written(dir, 3)).close()
    spoil(firstFile(dir))
    const { journal, tornTo } = await open(dir)
    expect(torn(dir)).toEqual([tornTo?.slice(dir.length + 1)])
    await journal.append(entry(9))
    expect(payloads(firstFile(dir))).toEqual([...[0, 1, 2].slice(0, left), 9].map(entry))
  })

  it('should be set aside with the whole sync that it was part of: nobody was told of any of it', async () => {
    const dir = folder()
    const { journal } = await open(dir)
    await journal.append(entry(0))
    await Promise.all([1, 2, 3].map((n) => journal.append(entry(n))))
    await journal.close()
    truncateSync(firstFile(dir), statSync(firstFile(dir)).size - 30)
    expect(payloads(firstFile(dir))).toEqual([entry(0)])
    const again = await open(dir)
    expect(readFileSync(again.tornTo ?? '', 'utf8')).toContain('{"n":2}')
    await again.journal.append(entry(9))
    expect(payloads(firstFile(dir))).toEqual([entry(0), entry(9)])
  })
})

describe('a file that somebody changed', () => {
  async function changed(change: (lines: string[]) => readonly string[]): Promise<string> {
    const dir = folder()
    const { journal } = await open(dir)
    await Promise.all([0, 1, 2].map((n) => journal.append(entry(n))))
    await Promise.all([3, 4].map((n) => journal.append(entry(n))))
    await journal.close()
    rewrite(firstFile(dir), change(linesOf(firstFile(dir))))
    return dir
  }
  const without = (i: number) => (lines: string[]) => lines.filter((_, at) => at !== i)

  it.each([
    ['a decision is another', (l: string[]) => l.map((line) => line.replace('{"n":1}', '{"n":7}')), 3],
    ['a decision of the last sync is another', (l: string[]) => l.map((line) => line.replace('{"n":3}', '{"n":7}')), 5],
    ['the last decision is another', (l: string[]) => l.map((line) => line.replace('{"n":4}', '{"n":7}')), 6],
    ['a line is gone', without(2), 3],
    ['the first line is gone', without(0), 1],
    ['a signed line is gone', without(3), 4],
    ['two lines changed places', (l: string[]) => [l[0], l[2], l[1], ...l.slice(3)] as string[], 2],
    [
      'a signature is taken out',
      (l: string[]) => l.map((line, i) => (i === 3 ? line.replace(/,"by".*"signature":"\w+"/, '') : line)),
      undefined,
    ],
    [
      'a signature is of another key',
      (l: string[]) =>
        l.map((line, i) => (i === 3 ? line.replace(signer.publicKey, KeyPair.generate().publicKey) : line)),
      4,
    ],
  ])('should be refused: %s', async (_, change, line) => {
    const dir = await changed(change)
    if (line === undefined) {
      // Signatures say who wrote; what a sync that lost its own still has over it is the next one's.
      expect(payloads(firstFile(dir))).toHaveLength(5)
      return
    }
    expect(await codeThrownBy(open(dir))).toBe('JOURNAL_BROKEN')
    expect(() => read(firstFile(dir))).toThrow(new RegExp(`line ${line} `))
  })

  it('should be refused as a file of another journal', async () => {
    const dir = folder()
    await (await written(dir, 1)).close()
    const bytes = utf8(readFileSync(firstFile(dir), 'utf8'))
    expect(() => readJournalFile('other', bytes, 'x')).toThrow(/line 1 /)
  })

  it.each([
    ['is missing', 1, /file 3, and file 2 was to follow/],
    ['lost its end', 0, /does not follow the end/],
  ])('should show between files: one %s', async (_, kind, words) => {
    const dir = folder()
    await (await written(dir, 12, { maxFileBytes: 1_000 })).close()
    const [a = '', b = '', c = ''] = await journalFilesIn(dir, 'audit')
    if (kind === 1) expect(findGap(read(a), read(c))).toMatch(words)
    else {
      rewrite(a, linesOf(a).slice(0, -1))
      expect(findGap(read(a), read(b))).toMatch(words)
    }
  })

  it('should show between files: an end that was written anew by the same key', async () => {
    const [dir, other] = [folder(), folder()]
    await (await written(dir, 12, { maxFileBytes: 1_000 })).close()
    const [, second = ''] = await journalFilesIn(dir, 'audit')
    rewrite(firstFile(other), linesOf(firstFile(dir)).slice(0, -1))
    const { journal } = await open(other)
    await journal.append(entry(99))
    expect(read(firstFile(other)).lines).toHaveLength(read(firstFile(dir)).lines.length)
    expect(findGap(read(firstFile(other)), read(second))).toMatch(/does not follow the end/)
  })

  it('should show between files: two chains of one writer', async () => {
    const [a, b] = [folder(), folder()]
    await (await written(a, 1)).close()
    await (await written(b, 12, { maxFileBytes: 1_000 })).close()
    expect(findGap(read(firstFile(a)), read(join(b, 'audit-00000002.jsonl')))).toBe('is of another chain')
  })

  it('should not be opened by whom it is not for', async () => {
    const dir = folder()
    await (await written(dir, 1)).close()
    rewrite(firstFile(dir), ['no journal at all'])
    chmodSync(firstFile(dir), 0o600)
    expect(await codeThrownBy(open(dir))).toBe('JOURNAL_BROKEN')
  })
})
