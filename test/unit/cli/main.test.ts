import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, describe, expect, it } from 'vitest'
import { CodedError } from '../../../src/base/index.ts'
import { EXIT, EXIT_MEANINGS, exitCodeOf } from '../../../src/cli/exit-codes.ts'
import type { Io } from '../../../src/cli/io.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { STORE_ERRORS } from '../../../src/store/index.ts'
import { cli, tempDir } from './harness.ts'

const COMMANDS: readonly string[] = ['devnet', 'init', 'run', 'status', 'call', 'rotation approve', 'rotation status']

describe('countersign', () => {
  it('should say its version', async () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'))
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: `${manifest.version}\n` })
  })

  it('should list every command and exit code in its help', async () => {
    const { code, out } = await cli(['--help'])
    expect(code).toBe(EXIT.ok)
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command.split(' ')[0]}`, 'm'))
    for (const [exit, meaning] of Object.entries(EXIT_MEANINGS)) expect(out).toContain(`${exit}  ${meaning}`)
  })

  it.each(COMMANDS)('should teach by examples: %s', async (command) => {
    const { code, out } = await cli([...command.split(' '), '--help'])
    expect(code).toBe(EXIT.ok)
    expect(out).toContain('Examples:\n  countersign ')
    expect(out).toContain('--json')
  })

  it('should break no line of a help text in the middle of a sentence', () => {
    const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)]
    const io = { stdout: { write: () => {} }, stderr: { write: () => {} } } as unknown as Io
    const commands = all(createProgram({ io, exitWith: () => {} }))
    expect(commands.length).toBeGreaterThan(12)
    const lines = commands.flatMap((c) => c.description().split('\n'))
    expect(lines.filter((line) => line !== '' && !line.endsWith('.'))).toEqual([])
    // Beside each other in a list there is room for one line.
    expect(commands.map((c) => c.summary()).filter((summary) => summary.length > 60)).toEqual([])
  })

  it('should offer no option that takes a secret', async () => {
    for (const command of COMMANDS) {
      const { out } = await cli([...command.split(' '), '--help'])
      const options = [...out.matchAll(/--([a-z-]*(?:pass|secret|token|identity)[a-z-]*)/g)].map((m) => m[1])
      expect(options.filter((o) => o !== 'passphrase-file' && o !== 'identity-file')).toEqual([])
    }
  })

  it('should show its help when no command is named', async () => {
    const { code, out, err } = await cli([])
    expect({ code, out }).toEqual({ code: EXIT.usage, out: '' })
    expect(err).toContain('Start here:')
  })

  it('should refuse an unknown command in one sentence', async () => {
    expect(await cli(['sttus'])).toEqual(
      expect.objectContaining({
        code: EXIT.usage,
        out: '',
        err: "countersign: unknown command 'sttus' (Did you mean status?); see --help\n",
      }),
    )
  })

  it('should refuse an unknown option', async () => {
    const { code, err } = await cli(['status', '--confg', 'x'])
    expect(code).toBe(EXIT.usage)
    expect(err).toMatch(/^countersign: unknown option '--confg' \(Did you mean --config\?\)/)
  })

  it('should refuse a stray argument: it might have been meant as a value', async () => {
    expect((await cli(['status', 'signer.toml'])).code).toBe(EXIT.usage)
  })

  it('should refuse a missing required option', async () => {
    const { code, err } = await cli(['rotation', 'approve'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('--set')
  })

  it('should refuse a number that is none', async () => {
    expect(await cli(['devnet', '--signers', '5x'])).toMatchObject({
      code: EXIT.usage,
      err: 'countersign: --signers must be a whole number\n',
    })
  })

  it('should say errors as JSON on stdout when asked for JSON', async () => {
    const ran = await cli(['status', '--confg', 'x', '--json'])
    expect(ran).toMatchObject({ code: EXIT.usage, err: '' })
    expect(ran.json()).toEqual({ error: { code: 'USAGE', message: expect.stringContaining('--confg') } })
    expect(ran.out.split('\n')).toHaveLength(2)
  })
})

describe('countersign devnet --json', () => {
  it.each<readonly [string, readonly string[], string]>([
    ['wrong numbers', ['--signers', '17'], 'DEVNET_OPTIONS'],
    ['a number that is none', ['--signers', '5x'], 'USAGE'],
    ['an unknown option', ['--sigers', '5'], 'USAGE'],
  ])('should end %s with a summary line and 1', async (_what, options, code) => {
    const ran = await cli(['devnet', '--json', ...options])
    expect(ran).toMatchObject({ code: 1, err: '' })
    expect(ran.json()).toEqual({ event: 'summary', ok: false, code, reason: expect.any(String) })
  })

  it('should say wrong numbers as any other command does without --json', async () => {
    const ran = await cli(['devnet', '--signers', '9', '--threshold', '3'])
    expect(ran).toMatchObject({ code: EXIT.usage, out: '' })
    expect(ran.err).toMatch(/^countersign: --threshold must be more than half .*5 to 9/)
  })
})

describe('exit codes', () => {
  it.each([
    ['USAGE', 64],
    ['CONFIG_MISSING', 66],
    ['KEY_FILE_MISSING', 66],
    ['UNLOCK_FILE_MISSING', 66],
    ['ADMIN_TOKEN_MISSING', 66],
    ['POLICY_TOKEN_MISSING', 66],
    ['FILE_MISSING', 66],
    ['FILE_TOO_OPEN', 77],
    ['ADMIN_SOCKET_FORBIDDEN', 77],
    ['CONFIG_INVALID', 78],
    ['ADMIN_TOKEN_FILE', 78],
    ['POLICY_TOKEN_FILE', 78],
    ['KEY_FILE_OTHER_KEY', 78],
    ['KEY_FILE_WRONG_PASSPHRASE', 78],
    ['NODE_NOT_RUNNING', 1],
    ['SOMETHING_NEW', 1],
  ])('should end %s with %i', (code, exit) => {
    expect(exitCodeOf(new CodedError(code, 'x'))).toBe(exit)
  })

  it('should call what has no code a bug', () => {
    expect(exitCodeOf(new TypeError('x'))).toBe(EXIT.internal)
  })

  it('should file every key and unlock file error of the store under files, not failures', () => {
    for (const code of STORE_ERRORS.filter((c) => /^(KEY_FILE|UNLOCK_FILE)/.test(c) && c !== 'KEY_FILE_EXISTS'))
      expect(exitCodeOf(new CodedError(code, 'x')), code).not.toBe(EXIT.failure)
  })
})

describe('bad input', () => {
  const { dir, remove } = tempDir()
  afterAll(remove)

  it.each([['status'], ['run'], ['rotation status']])('should end %s without a config with 66', async (command) => {
    const file = join(dir, 'none.toml')
    const { code, out, err } = await cli([...command.split(' '), '--config', file])
    expect({ code, out }).toEqual({ code: EXIT.missingInput, out: '' })
    expect(err).toMatch(/^countersign: there is no file .*none\.toml: `countersign init` makes one/)
    expect(err.includes('--socket PATH')).toBe(command !== 'run')
  })
})
