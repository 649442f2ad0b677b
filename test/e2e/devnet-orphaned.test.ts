import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { jsonLines, temporaryFolder } from './countersign.ts'

const BINARY = resolve(import.meta.dirname, '../../bin/countersign.js')
const folder = temporaryFolder()
let shell: ChildProcess | undefined
afterEach(() => {
  folder.remove()
  try {
    // Its whole group: only what a failed test left is there still.
    if (shell?.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
  } catch {}
})

it('should stop a devnet whose shell was ended by npm, with all its signers', async () => {
  const devnet = `"${process.execPath}" "${BINARY}" devnet --json --signers 2 --dir "${folder.dir}/net"; true`
  shell = spawn('sh', ['-c', devnet], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, npm_lifecycle_event: 'devnet' },
    detached: true,
  })
  let stdout = ''
  shell.stdout?.on('data', (chunk) => {
    stdout += String(chunk)
    // As npm does with a SIGTERM of its own: the shell gets it, and the devnet does not.
    if (stdout.includes('"started"')) shell?.kill('SIGTERM')
  })
  // Its stdout is the devnet's, and closed only when that has ended, too.
  await once(shell, 'close')
  expect(shell.signalCode).toBe('SIGTERM')
  const lines = jsonLines(stdout)
  expect(lines.at(-1)).toMatchObject({ event: 'stopping' })
  const pids = lines.filter((l) => l.event === 'started').map((l) => Number(l.pid))
  expect(pids.length).toBeGreaterThan(0)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
