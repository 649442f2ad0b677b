import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../../../src/base/index.ts'
import { EXIT } from '../../../src/cli/exit-codes.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { type AuditEntry, openAuditLog } from '../../../src/signer/index.ts'
import { cli, tempDir, writeConfig } from './harness.ts'

// The log is read from its files: no network.
vi.mock('../../../src/node/node.ts', () => ({ startNode: undefined }))

const signer = KeyPair.generate()
const entry = (n: number): AuditEntry => ({
  atMs: 1_800_000_000_000 + n,
  client: signer.peerId,
  method: 'wots.get_128_signature',
  key: 's2/wots',
  items: 1,
  requestHash: '0'.repeat(64),
  outcome: n % 5 === 4 ? 'EQUIVOCATION' : 'ok',
  refusedItems: {},
})

let temp: ReturnType<typeof tempDir>
let dir: string
let config: string
beforeEach(() => {
  temp = tempDir()
  config = writeConfig(temp.dir)
  dir = join(temp.dir, 'data', 'audit')
})
afterEach(() => temp.remove())

async function decide(count: number, from = 0, maxFileBytes = 3_000): Promise<void> {
  const log = await openAuditLog({ dir, signer, logger: silentLogger, maxFileBytes })
  for (let n = from; n < from + count; n++) await log.append(entry(n))
  await log.close()
}
const file = (n: number) => join(dir, `audit-0000000${n}.jsonl`)
const change = (path: string, from: string, to: string) =>
  writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
const verify = (...more: readonly string[]) => cli(['audit', 'verify', '--config', config, ...more])

describe('countersign audit verify', () => {
  it('should say how many decisions there are, from when to when, and who signed them', async () => {
    await decide(20)
    const { code, out } = await verify()
    expect(code).toBe(0)
    for (const words of [
      /decisions +20\n/,
      /from +2027-01-15T08:00:00.000Z/,
      /to +2027-01-15T08:00:00.019Z/,
      signer.publicKey,
    ])
      expect(out).toMatch(words)
    expect(out).toContain('the chain is whole')
    expect((await verify('--json')).json()).toMatchObject({ ok: true, decisions: 20, breaks: [], tornBytes: 0 })
  })

  it('should need no config for files that are named', async () => {
    await decide(20)
    const ran = await cli(['audit', 'verify', '--json', file(2), file(3)])
    expect(ran.json()).toMatchObject({ ok: true, beginsAtFile: 2 })
  })

  it.each([
    [
      'a changed decision',
      () => change(file(2), '"EQUIVOCATION"', '"ok"'),
      /audit-00000002.jsonl: line \d+ was changed/,
    ],
    [
      'a file that is gone',
      () => renameSync(file(2), join(temp.dir, 'gone')),
      /audit-00000003.jsonl: is file 3, and file 2/,
    ],
    [
      'a cut end of a finished file',
      () => writeFileSync(file(1), readFileSync(file(1)).subarray(0, -20)),
      /audit-00000001.jsonl: its end/,
    ],
    ['what is no log', () => writeFileSync(file(1), 'hello\n'), /audit-00000001.jsonl: line 1 is no line/],
  ])('should end with 1 and name the place of %s', async (_, spoil, words) => {
    await decide(20)
    spoil()
    const { code, out } = await verify()
    expect(code).toBe(EXIT.failure)
    expect(out).toMatch(words)
    expect(out).toContain('BROKEN')
    expect((await verify('--json')).json().ok).toBe(false)
  })

  it('should count and date what is sound before a break, and say which line was to follow', async () => {
    await decide(6, 0, 30_000)
    const lines = readFileSync(file(1), 'utf8').split('\n')
    // The head is line 1; line 6 is gone, the fifth decision.
    writeFileSync(file(1), [...lines.slice(0, 5), ...lines.slice(6)].join('\n'))
    const { code, out } = await verify()
    expect(code).toBe(EXIT.failure)
    expect(out).toMatch(/sound +4\n/)
    expect(out).toMatch(/to +2027-01-15T08:00:00.003Z/)
    expect(out).toContain('line 6 has seq 6, and seq 5 was to follow')
    expect((await verify('--json')).json()).toMatchObject({ ok: false, decisions: 4, tornBytes: 0 })
  })

  it('should name a break once, and hold what follows it against nothing', async () => {
    await decide(20)
    change(file(2), '"EQUIVOCATION"', '"ok"')
    const { breaks, head } = (await verify('--json')).json()
    expect(breaks).toHaveLength(1)
    expect(head).toMatch(/^[0-9a-f]{64}$/)
    renameSync(file(3), join(temp.dir, 'gone'))
    expect((await verify('--json', file(1), file(2))).json()).not.toHaveProperty('head')
  })

  it('should count what a crash cut off as no decision', async () => {
    await decide(3)
    writeFileSync(file(1), readFileSync(file(1)).subarray(0, -20))
    expect((await verify('--json')).json()).toMatchObject({ ok: true, decisions: 2, tornBytes: expect.any(Number) })
    expect((await verify()).out).toMatch(/cut off +\d+ bytes/)
  })

  it('should say what to do where there is no log, or no such file', async () => {
    expect(await verify()).toMatchObject({ code: EXIT.missingInput, err: expect.stringMatching(/start the node/) })
    expect((await verify(join(temp.dir, 'none'))).code).toBe(EXIT.missingInput)
  })
})

describe('countersign audit tail', () => {
  const tail = (...more: readonly string[]) => cli(['audit', 'tail', '--config', config, ...more])

  it('should print the last decisions, oldest first, over the ends of files', async () => {
    await decide(20)
    const { out } = await tail('-n', '12', '--json')
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).atMs - 1_800_000_000_000),
    ).toEqual(Array.from({ length: 12 }, (_, i) => i + 8))
  })

  it('should print words for people', async () => {
    await decide(5)
    const { out } = await tail('-n', '1')
    expect(out).toBe(`2027-01-15T08:00:00.004Z  ${signer.peerId}  wots.get_128_signature  s2/wots  EQUIVOCATION\n`)
  })

  it('should print all there are if more are asked for, and none for 0', async () => {
    await decide(2)
    expect((await tail()).out.trim().split('\n')).toHaveLength(2)
    expect((await tail('-n', '0')).out).toBe('')
  })

  it('should go on with what is decided while it follows', async () => {
    await decide(3)
    const stop = new AbortController()
    const following = cli(['audit', 'tail', '--config', config, '-n', '1', '--json', '--follow'], { stop: stop.signal })
    await decide(17, 3)
    setTimeout(() => stop.abort(), 1_500)
    const { code, out } = await following
    expect(code).toBe(0)
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).atMs - 1_800_000_000_000)
        .at(-1),
    ).toBe(19)
  })

  it('should refuse a log that is broken', async () => {
    await decide(3)
    change(file(1), '"ok"', '"no"')
    expect(await tail()).toMatchObject({ code: EXIT.failure, err: expect.stringContaining('line 2 was changed') })
  })

  it('should show what follows a break in later files, and nothing of earlier ones, before the error', async () => {
    await decide(6)
    change(file(1), '"EQUIVOCATION"', '"ok"')
    const { out, err } = await tail('-n', '2')
    expect(out.match(/T08:00:00\.00\dZ/g)).toEqual(['T08:00:00.003Z', 'T08:00:00.005Z'])
    expect(err).toContain('audit-00000001.jsonl: line 6 was changed')
  })

  it('should show what is sound before a break, then the error', async () => {
    await decide(6, 0, 30_000)
    change(file(1), '"EQUIVOCATION"', '"ok"')
    const { code, out, err } = await tail('-n', '2')
    expect(code).toBe(EXIT.failure)
    expect(out.match(/T08:00:00\.00\dZ/g)).toEqual(['T08:00:00.002Z', 'T08:00:00.003Z'])
    expect(err).toContain('line 6 was changed')
    expect((await tail('--follow')).code).toBe(EXIT.failure)
  })
})
