import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ClassicLevel } from 'classic-level'
import { describe, expect, it, vi } from 'vitest'
import { fromUtf8, silentLogger, utf8 } from '../../../src/base/index.ts'
import { openStore } from '../../../src/store/index.ts'
import { codeThrownBy, tempFolders } from './temp-folder.ts'

const tempFolder = tempFolders()
const storeIn = (dir: string) => openStore({ dir, logger: silentLogger })

/** A store with `count` entries in its write-ahead log, closed again; returns the log's path. */
async function closedStoreWith(dir: string, count: number): Promise<string> {
  const store = storeIn(dir)
  await store.start()
  for (let i = 0; i < count; i++) await store.space('a').put(`key ${i}`, new Uint8Array(1000).fill(i))
  await store.stop()
  const log = readdirSync(dir).find((name) => name.endsWith('.log'))
  return join(dir, log ?? 'none')
}

describe('store', () => {
  it('should keep what was put over a restart, in the order of keys', async () => {
    const dir = tempFolder()
    const store = storeIn(dir)
    await store.start()
    await store.space('a').put('k2', utf8('two'))
    await store.space('a').put('k1', utf8('one'))
    await store.stop()
    await store.start()
    expect(fromUtf8((await store.space('a').get('k2')) ?? utf8(''))).toBe('two')
    expect((await store.space('a').entries()).map(([k, v]) => [k, fromUtf8(v)])).toEqual([
      ['k1', 'one'],
      ['k2', 'two'],
    ])
    await store.stop()
  })

  it('should keep spaces apart, also when one name begins another', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    await store.space('a').put('k', utf8('a'))
    await store.space('ab').put('k', utf8('ab'))
    await store.space('a-b').put('k', utf8('a-b'))
    expect((await store.space('a').entries()).map(([k]) => k)).toEqual(['k'])
    await store.space('a').delete('k')
    expect(await store.space('a').get('k')).toBeUndefined()
    expect(await store.space('ab').get('k')).toEqual(utf8('ab'))
    await store.stop()
  })

  it('should write what it was given, not what the caller made of it later', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    const value = Uint8Array.of(7)
    const put = store.space('a').put('k', value)
    value.fill(0)
    await put
    expect(await store.space('a').get('k')).toEqual(Uint8Array.of(7))
    await store.stop()
  })

  it('should perform writes of one key in the order they were asked for', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    const space = store.space('a')
    await Promise.all([space.put('k', utf8('1')), space.delete('k'), space.put('k', utf8('2'))])
    expect(await space.get('k')).toEqual(utf8('2'))
    await store.stop()
  })

  it('should read many keys at once in their order, of its own space alone', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    await Promise.all([
      store.space('a').put('k', utf8('1')),
      store.space('a').put('m', utf8('2')),
      store.space('b').put('n', utf8('3')),
    ])
    expect(await store.space('a').getMany(['m', 'n', 'k', 'k'])).toEqual([utf8('2'), undefined, utf8('1'), utf8('1')])
    expect(await store.space('a').getMany([])).toEqual([])
    await store.stop()
  })

  it('should give a space in pages, each once and no other space', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    const names = Array.from({ length: 7 }, (_, i) => `k${i}`)
    for (const space of ['a', 'b', 'aa']) await Promise.all(names.map((k) => store.space(space).put(k, utf8(space))))
    const seen: string[] = []
    for (let after = ''; ; ) {
      const page = await store.space('a').page(after, 3)
      expect(page.length).toBeLessThanOrEqual(3)
      const last = page.at(-1)
      if (last === undefined) break
      seen.push(...page.map(([key, value]) => `${key}${fromUtf8(value)}`))
      after = last[0]
    }
    expect(seen).toEqual(names.map((k) => `${k}a`))
    await store.stop()
  })

  it('should ask LevelDB to sync every write, because a kill does not show whether it did', async () => {
    const batch = vi.spyOn(ClassicLevel.prototype, 'batch')
    const store = storeIn(tempFolder())
    await store.start()
    await store.space('a').put('k', utf8('v'))
    await store.space('a').delete('k')
    await store.stop()
    expect(batch.mock.calls.map((call: readonly unknown[]) => call[1])).toEqual([{ sync: true }, { sync: true }])
    batch.mockRestore()
  })

  it('should finish waiting writes before it stops', async () => {
    const store = storeIn(tempFolder())
    await store.start()
    const put = store.space('a').put('k', utf8('v'))
    await store.stop()
    await put
    await store.start()
    expect(await store.space('a').get('k')).toEqual(utf8('v'))
    await store.stop()
  })

  it('should make its folder with mode 0700', async () => {
    const dir = join(tempFolder(), 'deep', 'data')
    const store = storeIn(dir)
    await store.start()
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    await store.stop()
  })

  it('should refuse a name that could reach into another space', () => {
    const store = storeIn(tempFolder())
    expect(() => store.space('a/b')).toThrow(TypeError)
  })

  it('should refuse to be used before it is started and after it is stopped', async () => {
    const store = storeIn(tempFolder())
    expect(await codeThrownBy(store.space('a').get('k'))).toBe('STORE_NOT_OPEN')
    await store.start()
    await store.stop()
    expect(await codeThrownBy(store.space('a').put('k', utf8('v')))).toBe('STORE_NOT_OPEN')
  })

  it('should refuse a second opener and name the folder', async () => {
    const dir = tempFolder()
    const [first, second] = [storeIn(dir), storeIn(dir)]
    await first.start()
    await expect(second.start()).rejects.toMatchObject({ code: 'STORE_LOCKED', message: expect.stringContaining(dir) })
    await first.stop()
    await second.start()
    await second.stop()
  })

  it('should hold every acknowledged write after kill -9', async () => {
    const dir = tempFolder()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/write-until-killed.ts'), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let acknowledged = -1
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Math.max(acknowledged, Number(line))
      if (acknowledged >= 200 && !child.killed) child.kill('SIGKILL')
    }
    await exited
    const store = storeIn(dir)
    await store.start()
    const entries = await store.space('numbers').entries()
    await store.stop()
    expect(acknowledged).toBeGreaterThanOrEqual(200)
    expect(entries.length).toBeGreaterThan(acknowledged)
  })
})

describe('damaged store', () => {
  it('should refuse a damaged log, which LevelDB drops without a word', async () => {
    const dir = tempFolder()
    const log = await closedStoreWith(dir, 100)
    const bytes = readFileSync(log)
    bytes[50_000] = (bytes[50_000] ?? 0) ^ 0xff
    writeFileSync(log, bytes)
    await expect(storeIn(dir).start()).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
      message: expect.stringContaining(dir),
    })
  })

  it('should open a log whose last write was cut off, which nobody was told had been made', async () => {
    const dir = tempFolder()
    const log = await closedStoreWith(dir, 100)
    const bytes = readFileSync(log)
    writeFileSync(log, bytes.subarray(0, bytes.length - 10))
    const store = storeIn(dir)
    await store.start()
    expect(await store.space('a').entries()).toHaveLength(99)
    await store.stop()
  })

  it('should refuse to begin anew where CURRENT is lost', async () => {
    const dir = tempFolder()
    await closedStoreWith(dir, 1)
    rmSync(join(dir, 'CURRENT'))
    expect(await codeThrownBy(storeIn(dir).start())).toBe('STORE_UNREADABLE')
  })

  it('should refuse garbage in CURRENT', async () => {
    const dir = tempFolder()
    await closedStoreWith(dir, 1)
    writeFileSync(join(dir, 'CURRENT'), 'garbage')
    expect(await codeThrownBy(storeIn(dir).start())).toBe('STORE_UNREADABLE')
  })

  it('should refuse a file where the folder should be', async () => {
    const path = join(tempFolder(), 'file')
    writeFileSync(path, 'x')
    expect(await codeThrownBy(storeIn(path).start())).toBe('FILE_WRITE_FAILED')
  })
})
