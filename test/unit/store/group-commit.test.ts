import { describe, expect, it } from 'vitest'
import { GroupCommit, type Write } from '../../../src/store/group-commit.ts'
import { codeThrownBy } from './temp-folder.ts'

const write = (key: string): Write => ({ type: 'put', key, value: Uint8Array.of(1) })

describe('group commit', () => {
  it('should sync many writes of one tick once', async () => {
    const groups: number[] = []
    const commits = new GroupCommit(async (writes) => void groups.push(writes.length), 'dir')
    await Promise.all(Array.from({ length: 50 }, (_, i) => commits.add(write(`k${i}`))))
    expect(groups).toEqual([50])
  })

  it('should not resolve a write before its sync is done', async () => {
    const sync = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    const commits = new GroupCommit(async () => {
      started.resolve()
      await sync.promise
    }, 'dir')
    let resolved = false
    const done = commits.add(write('k')).then(() => {
      resolved = true
    })
    await started.promise
    expect(resolved).toBe(false)
    sync.resolve()
    await done
    expect(resolved).toBe(true)
  })

  it('should put what comes during a sync into the next one', async () => {
    const groups: string[][] = []
    const commits: GroupCommit = new GroupCommit(async (writes) => {
      groups.push(writes.map((w) => w.key))
      if (groups.length === 1) late = commits.add(write('late'))
    }, 'dir')
    let late: Promise<void> | undefined
    await commits.add(write('early'))
    await late
    expect(groups).toEqual([['early'], ['late']])
  })

  it('R30: should refuse everything after one failed sync, and say so once', async () => {
    let works = true
    const fatal: string[] = []
    const reported = Promise.withResolvers<void>()
    const commits = new GroupCommit(
      async () => {
        if (!works) throw new Error('no space left')
      },
      'dir',
      (error) => {
        fatal.push(error.code)
        reported.resolve()
      },
    )
    await commits.add(write('good'))
    works = false
    const both = [commits.add(write('a')), commits.add(write('b'))]
    expect(await Promise.all(both.map(codeThrownBy))).toEqual(['STORE_WRITE_FAILED', 'STORE_WRITE_FAILED'])
    works = true
    expect(await codeThrownBy(commits.add(write('later')))).toBe('STORE_WRITE_FAILED')
    await reported.promise
    expect(fatal).toEqual(['STORE_WRITE_FAILED'])
  })

  it('R30: should refuse writes that were waiting behind the failed sync, unwritten', async () => {
    const written: string[] = []
    let late: Promise<unknown> | undefined
    const commits: GroupCommit = new GroupCommit(async (writes) => {
      written.push(...writes.map((w) => w.key))
      late ??= codeThrownBy(commits.add(write('late')))
      throw new Error('I/O error')
    }, 'dir')
    expect(await codeThrownBy(commits.add(write('early')))).toBe('STORE_WRITE_FAILED')
    expect(await late).toBe('STORE_WRITE_FAILED')
    expect(written).toEqual(['early'])
  })

  it('incident 41: should say since when a sync has been under way, and take one that does not end for failed', async () => {
    const fatal = Promise.withResolvers<string>()
    const hang = Promise.withResolvers<void>()
    const commits = new GroupCommit(
      () => hang.promise,
      'dir',
      (error) => fatal.resolve(error.message),
      200,
    )
    expect(commits.syncingSinceMs()).toBeUndefined()
    const refused = codeThrownBy(commits.add(write('k')))
    await expect.poll(() => commits.syncingSinceMs()).toBeGreaterThan(Date.now() - 10_000)
    expect(await refused).toBe('STORE_WRITE_FAILED')
    expect(await fatal.promise).toMatch(/writing to the disk took longer than 200 ms/)
    await commits.idle()
    expect(commits.syncingSinceMs()).toBeUndefined()
    // That it ends after all changes nothing: it was said to have failed.
    hang.resolve()
    expect(await codeThrownBy(commits.add(write('later')))).toBe('STORE_WRITE_FAILED')
  })
})
