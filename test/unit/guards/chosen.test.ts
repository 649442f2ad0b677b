import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const run = (script: string, ...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, script), ...words], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

/** A slow run that was asked for nothing must not look like one that went well. */
describe.each(['test/guards/run.ts', 'test/crash/main.ts'])('the words of %s', (script) => {
  it('should end with 64 where they name nothing', () => {
    const { status, stdout, stderr } = run(script, 'nosuchname')
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
    expect(stderr).toContain('nosuchname')
  })
  it('should be explained by --help, which runs nothing', () => {
    const { status, stdout } = run(script, '--help')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^npm run test:\w+ \[words/)
    expect(stdout.split('\n').length).toBeGreaterThan(10)
  })
})

it('should end with 64 where only steps are named that no real process plays', () => {
  const { status, stdout } = run('test/crash/main.ts', 'sign_handoff')
  expect(status).toBe(64)
  expect(stdout).not.toContain('every key was made')
})
