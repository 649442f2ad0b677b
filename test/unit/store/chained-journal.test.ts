import { appendFileSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromHex, utf8 } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { CHAIN_SIGNATURE_TAG, hashOf, lineOf, NO_HASH } from '../../../src/store/chain-format.ts'
import { type ChainedJournalInit, openChainedJournal, readChain, StoreError } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()
const signer = KeyPair.generate()
const CHAIN = 'evidence'

const initOf = (path: string, more: Partial<ChainedJournalInit> = {}): ChainedJournalInit => ({
  path,
  chain: CHAIN,
  signer,
  ...more,
})
/** A closed chain of these payloads. */
async function chainOf(...payloads: readonly string[]): Promise<string> {
  const path = join(tempFolder(), 'data', 'chain.jsonl')
  const { journal } = await openChainedJournal(initOf(path))
  for (const payload of payloads) await journal.append(payload)
  await journal.close()
  return path
}
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)
const writeLines = (path: string, lines: readonly string[]) => writeFileSync(path, `${lines.join('\n')}\n`)
const reopened = async (path: string) => {
  const opened = await openChainedJournal(initOf(path))
  await opened.journal.close()
  return opened
}
/** The record that `JOURNAL_BROKEN` names. */
async function brokenRecord(path: string): Promise<unknown> {
  try {
    await reopened(path)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'JOURNAL_BROKEN') return error.data.record
    throw error
  }
  return undefined
}

describe('a chained journal', () => {
  it('should keep records in order over restarts, each following the one before', async () => {
    const path = await chainOf('{"a":1}', '{"b":2}')
    const first = await reopened(path)
    expect(first.records.map((r) => [r.seq, r.payload])).toEqual([
      [1, '{"a":1}'],
      [2, '{"b":2}'],
    ])
    const { journal } = await openChainedJournal(initOf(path))
    const third = await journal.append('{"c":3}')
    expect(third.seq).toBe(3)
    expect(journal.head()).toBe(third.hash)
    await journal.close()
    expect((await reopened(path)).records).toHaveLength(3)
  })
  it('should name its chain in the first record, stand in mode 0600, and be JSON line by line', async () => {
    const path = await chainOf('{"a":1}')
    expect(linesOf(path).map((line) => JSON.parse(line).payload)).toEqual([{ chain: CHAIN }, { a: 1 }])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
  it('should keep the order of calls that were not waited for', async () => {
    const path = join(tempFolder(), 'chain.jsonl')
    const { journal } = await openChainedJournal(initOf(path))
    await Promise.all(['1', '2', '3', '4'].map((payload) => journal.append(payload)))
    await journal.close()
    expect((await reopened(path)).records.map((r) => r.payload)).toEqual(['1', '2', '3', '4'])
  })
  it('should refuse what is not JSON on one line', async () => {
    const { journal } = await openChainedJournal(initOf(join(tempFolder(), 'chain.jsonl')))
    for (const payload of ['', 'x', '{"a":\n1}', '{} {}'])
      await expect(journal.append(payload)).rejects.toThrow(TypeError)
    await journal.append('{}')
    await journal.close()
  })
  it('should write through no link', async () => {
    const dir = tempFolder()
    writeFileSync(join(dir, 'victim'), '')
    symlinkSync(join(dir, 'victim'), join(dir, 'chain.jsonl'))
    expect(await codeThrownBy(openChainedJournal(initOf(join(dir, 'chain.jsonl'))))).toBe('FILE_WRITE_FAILED')
  })
})

describe('a chain that is not as it was written', () => {
  const three = () => chainOf('{"a":1}', '{"a":2}', '{"a":3}')

  it('should be refused at the record whose payload was changed', async () => {
    const path = await three()
    writeLines(
      path,
      linesOf(path).map((line) => line.replace('{"a":2}', '{"a":7}')),
    )
    expect(await brokenRecord(path)).toBe(2)
  })
  it('should tell the node to be stopped first: a running one would not notice that its file was moved', async () => {
    const path = await three()
    writeLines(path, linesOf(path).toReversed())
    await expect(reopened(path)).rejects.toThrow(/stop the node, move the file .*start the node again/)
  })
  it('should be refused where a record was taken out, doubled or moved', async () => {
    for (const order of [
      [0, 1, 3],
      [0, 1, 1, 2, 3],
      [0, 2, 1, 3],
      [1, 2, 3],
    ]) {
      const path = await three()
      const lines = linesOf(path)
      writeLines(
        path,
        order.map((i) => lines[i] ?? ''),
      )
      expect(await brokenRecord(path), String(order)).toBe(order.findIndex((n, i) => n !== i))
    }
  })
  it('should be refused where a whole record of another chain was put in', async () => {
    const path = await three()
    const other = join(tempFolder(), 'other.jsonl')
    const { journal } = await openChainedJournal(initOf(other, { chain: 'audit' }))
    await journal.append('{"a":1}')
    await journal.close()
    writeLines(path, [linesOf(path)[0] ?? '', linesOf(other)[1] ?? ''])
    expect(await brokenRecord(path)).toBe(1)
    expect(await brokenRecord(other)).toBe(0)
  })
  it('should be refused where somebody without the writer’s key made the hashes right', async () => {
    const forger = KeyPair.generate()
    const path = join(tempFolder(), 'forged.jsonl')
    const { journal } = await openChainedJournal(initOf(path, { signer: forger }))
    await journal.append('{"a":1}')
    await journal.close()
    // The forger's hashes, under the honest writer's name.
    writeLines(
      path,
      linesOf(path).map((line) => line.replace(forger.publicKey, signer.publicKey)),
    )
    expect(await brokenRecord(path)).toBe(0)
    const swapped = await three()
    const signatures = linesOf(swapped).map((line) => JSON.parse(line).signature as string)
    writeLines(
      swapped,
      linesOf(swapped).map((line, i) => (i === 2 ? line.replace(signatures[2] ?? '', signatures[1] ?? '') : line)),
    )
    expect(await brokenRecord(swapped)).toBe(2)
  })
  it('should be refused where something was added inside a record, or a second spelling used', async () => {
    for (const change of [
      (line: string) => line.replace('"payload":', '"x":1,"payload":'),
      (line: string) => line.replace('{"seq"', '{ "seq"'),
      (line: string) => line.replace('"seq":2', '"seq":02'),
      (line: string) => `${line} `,
      (line: string) => line.replace('"seq":2', '"seq":3'),
      (line: string) => line.replace(/"prev":"[0-9a-f]{8}/, '"prev":"00000000'),
    ]) {
      const path = await three()
      writeLines(
        path,
        linesOf(path).map((line, i) => (i === 2 ? change(line) : line)),
      )
      expect(await brokenRecord(path)).toBe(2)
    }
  })
  it('should be refused where its first record names no chain', () => {
    const body = { seq: 0, by: signer.publicKey, payload: '{"chain":"audit"}' }
    const record = { ...body, hash: hashOf(CHAIN, NO_HASH, body) }
    const line = lineOf(record, NO_HASH, signer.sign(CHAIN_SIGNATURE_TAG, fromHex(record.hash)))
    expect(() => readChain(CHAIN, utf8(`${line}\n`), 'f')).toThrow('begins another chain')
  })
  it('should be refused, not taken for torn, where its last whole record was changed', async () => {
    const path = await three()
    writeLines(
      path,
      linesOf(path).map((line) => line.replace('{"a":3}', '{"a":9}')),
    )
    expect(await brokenRecord(path)).toBe(3)
  })
  it('should be refused where zeros stand in the middle', async () => {
    const path = await three()
    writeLines(
      path,
      linesOf(path).map((line, i) => (i === 2 ? '\0'.repeat(line.length) : line)),
    )
    expect(await brokenRecord(path)).toBe(2)
  })
  it('should show a cut end to whoever noted the head', async () => {
    const path = await three()
    const { journal } = await openChainedJournal(initOf(path))
    const noted = journal.head()
    await journal.close()
    writeLines(path, linesOf(path).slice(0, -1))
    expect(readChain(CHAIN, readFileSync(path), path).head).not.toBe(noted)
  })
})

describe('a record that a crash cut off', () => {
  it('should be kept aside and reported at every length, and the chain go on', async () => {
    const whole = await chainOf('{"a":1}')
    const line = `${linesOf(whole)[1]}\n`
    for (const bytes of [1, 20, line.length - 1]) {
      const path = await chainOf('{"a":1}')
      appendFileSync(path, line.slice(0, bytes))
      const { journal, records, tornTo } = await openChainedJournal(initOf(path))
      expect(records).toHaveLength(1)
      expect(tornTo && readFileSync(tornTo, 'utf8')).toBe(line.slice(0, bytes))
      await journal.append('{"a":2}')
      await journal.close()
      expect((await reopened(path)).records.map((r) => r.payload)).toEqual(['{"a":1}', '{"a":2}'])
    }
  })
  it('should be kept aside where only its length reached the disk', async () => {
    const path = await chainOf('{"a":1}')
    appendFileSync(path, `${'\0'.repeat(100)}"}\n`)
    const { records, tornTo } = await reopened(path)
    expect(records).toHaveLength(1)
    expect(tornTo).toBeDefined()
  })
  it('should be kept aside where it was the very first one', async () => {
    const path = await chainOf()
    truncateSync(path, 30)
    const { records, tornTo } = await reopened(path)
    expect(records).toEqual([])
    expect(tornTo && readFileSync(tornTo).length).toBe(30)
  })
  it('should not be reported twice', async () => {
    const path = await chainOf('{"a":1}')
    appendFileSync(path, '{"seq"')
    expect((await reopened(path)).tornTo).toBeDefined()
    expect((await reopened(path)).tornTo).toBeUndefined()
    expect(readdirSync(join(path, '..'))).toHaveLength(2)
  })
})

describe('the bounds of a chained journal', () => {
  it('should refuse a record beyond its size, write nothing, and stay usable', async () => {
    const path = join(tempFolder(), 'chain.jsonl')
    const { journal } = await openChainedJournal(initOf(path, { maxRecordBytes: 600 }))
    const before = statSync(path).size
    expect(await codeThrownBy(journal.append(JSON.stringify('x'.repeat(600))))).toBe('JOURNAL_RECORD_TOO_LARGE')
    expect(statSync(path).size).toBe(before)
    await journal.append('{}')
    await journal.close()
  })
  it('should refuse what goes beyond the file’s size, write nothing, and still be whole', async () => {
    const path = join(tempFolder(), 'chain.jsonl')
    const { journal } = await openChainedJournal(initOf(path, { maxBytes: 1_500 }))
    const payload = JSON.stringify('x'.repeat(300))
    let code: unknown
    for (let i = 0; i < 10 && code === undefined; i++) code = await codeThrownBy(journal.append(payload))
    expect(code).toBe('JOURNAL_FULL')
    expect(statSync(path).size).toBeLessThanOrEqual(1_500)
    await journal.close()
    expect((await reopened(path)).records.length).toBeGreaterThan(0)
  })
  it('should refuse every append once another hand has written to the file', async () => {
    const path = join(tempFolder(), 'chain.jsonl')
    const { journal } = await openChainedJournal(initOf(path))
    appendFileSync(path, 'x')
    for (let i = 0; i < 2; i++) expect(await codeThrownBy(journal.append('{}'))).toBe('JOURNAL_CHANGED')
    await journal.close()
    expect((await reopened(path)).tornTo).toBeDefined()
  })
})
