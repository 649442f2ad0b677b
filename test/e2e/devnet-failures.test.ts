import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { countersign, jsonLines, temporaryFolder } from './countersign.ts'

const folder = temporaryFolder()
const kept: string[] = []
afterEach(() => {
  folder.remove()
  for (const dir of kept.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** From the stop or the failure to the end of the process; a hang is what is tested, not speed. */
const END_MS = 30_000
const SMALL = ['--signers', '3', '--threshold', '2']

/** `finished`, or a kill and an error if it takes too long. */
async function ends(process: ReturnType<typeof countersign>) {
  const timer = setTimeout(() => process.child.kill('SIGKILL'), END_MS)
  const { code, stdout, stderr } = await process.finished
  clearTimeout(timer)
  const lines = jsonLines(stdout)
  const pids = lines.filter((l) => l.event === 'started').map((l) => Number(l.pid))
  return { code, stderr, lines, summary: lines.at(-1), pids }
}
const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('countersign devnet --json that fails', () => {
  it.each<readonly [string, readonly string[], string, RegExp]>([
    ['too many signers', ['--once', '--signers', '17', '--threshold', '9'], 'DEVNET_OPTIONS', /2 to 15/],
    ['too low a threshold', ['--once', '--signers', '9', '--threshold', '3'], 'DEVNET_OPTIONS', /5 to 9/],
    ['too many signers without --once', ['--signers', '17'], 'DEVNET_OPTIONS', /2 to 15/],
    ['a number that is none', ['--once', '--signers', 'x'], 'USAGE', /--signers/],
    ['an unknown option', ['--once', '--bogus'], 'USAGE', /--bogus/],
    ['an unknown transport', ['--once', '--transport', 'udp'], 'USAGE', /--transport/],
  ])('should end with a summary and start nothing: %s', async (_what, args, code, words) => {
    const ended = await ends(countersign('devnet', '--json', ...args))
    expect(ended).toMatchObject({ code: 1, stderr: '' })
    expect(ended.lines).toEqual([{ event: 'summary', ok: false, code, reason: expect.stringMatching(words) }])
  })

  it('should end with a summary when --dir is a file', async () => {
    mkdirSync(folder.dir, { recursive: true })
    const file = join(folder.dir, 'file')
    writeFileSync(file, 'mine')
    const ended = await ends(countersign('devnet', '--once', '--json', '--dir', file))
    expect(ended).toMatchObject({ code: 1, stderr: '' })
    expect(ended.summary).toMatchObject({ event: 'summary', ok: false, code: 'DEVNET_DIR' })
  })

  it('should read the seed first, and make nothing where there is none', async () => {
    const seed = join(folder.dir, 'none')
    const dir = join(folder.dir, 'net')
    const { code, stdout, stderr } = await countersign('devnet', '--dir', dir, '--s2-seed-file', seed).finished
    expect({ code, stdout }).toEqual({ code: 66, stdout: '' })
    expect(stderr).toContain(`there is no file ${seed}`)
    expect(existsSync(dir)).toBe(false)
  })

  it('should say which signer ended by itself and why, keep everything, and leave no process', async () => {
    // signer-1 runs by then, signer-3 is prepared and never launched.
    mkdirSync(join(folder.dir, 'signer-2', 'data'), { recursive: true })
    writeFileSync(join(folder.dir, 'signer-2', 'data', 'store'), 'not a folder')
    const ended = await ends(countersign('devnet', '--once', '--json', ...SMALL, '--dir', folder.dir))
    expect(ended.summary).toMatchObject({
      event: 'summary',
      ok: false,
      code: 'SIGNER_EXITED',
      reason: expect.stringMatching(/^signer-2 stopped by itself; .*data\/store/s),
      dir: folder.dir,
    })
    expect(ended.code).toBe(1)
    expect(ended.lines).toContainEqual(
      expect.objectContaining({ event: 'ended', name: 'signer-2', how: 'exit code 1' }),
    )
    expect(ended.pids).toHaveLength(1)
    expect(ended.pids.filter(alive)).toEqual([])
    expect(existsSync(join(folder.dir, 'signer-1', 'signer.key'))).toBe(true)
  })
})

describe('countersign devnet that is interrupted during its start', () => {
  it('should with --once fail as interrupted, keep its temporary folder and name it', async () => {
    const devnet = countersign('devnet', '--once', '--json', ...SMALL)
    const { dir } = await devnet.line((l) => l.event === 'start')
    kept.push(String(dir))
    await devnet.line((l) => l.event === 'started')
    devnet.child.kill('SIGINT')
    const ended = await ends(devnet)
    expect(ended.summary).toEqual({ event: 'summary', ok: false, reason: 'interrupted', dir })
    expect(ended.code).toBe(1)
    expect(ended.pids.filter(alive)).toEqual([])
    expect(readdirSync(String(dir))).toContain('signer-1')
  })

  it('should also stop before any signer has started', async () => {
    const devnet = countersign('devnet', '--once', '--json', ...SMALL)
    const { dir } = await devnet.line((l) => l.event === 'start')
    kept.push(String(dir))
    devnet.child.kill('SIGINT')
    const ended = await ends(devnet)
    expect(ended.summary).toEqual({ event: 'summary', ok: false, reason: 'interrupted', dir })
    expect(ended.code).toBe(1)
    expect(ended.pids).toEqual([])
  })

  it('should without --once succeed and remove its temporary folder', async () => {
    const devnet = countersign('devnet', '--json', ...SMALL)
    const { dir } = await devnet.line((l) => l.event === 'start')
    kept.push(String(dir))
    await devnet.line((l) => l.event === 'started')
    devnet.child.kill('SIGINT')
    const ended = await ends(devnet)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.pids.filter(alive)).toEqual([])
    expect(existsSync(String(dir))).toBe(false)
  })
})
