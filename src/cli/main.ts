import { CommanderError } from 'commander'
import { CodedError } from '../base/index.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { type Io, processIo } from './io.ts'
import { createProgram } from './program.ts'

/** Entry of the binary: `argv` without node and script. Sets `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await runCli(argv, processIo())
}

/** Runs one command; resolves with the exit code, whatever happens. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok
  const program = createProgram({
    io,
    exitWith: (chosen) => {
      code = chosen
    },
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    return complain(asCoded(error), argv, io)
  }
}

function complain(error: unknown, argv: readonly string[], io: Io): number {
  // Whoever calls a method reads stdout, whatever goes wrong.
  const call = argv[0] === 'call'
  const json = argv.includes('--json') || call
  const devnetJson = json && argv[0] === 'devnet'
  const known = error instanceof CodedError
  const code = known ? error.code : 'INTERNAL'
  const message = known ? error.message : `internal error, please report it: ${String(error)}`
  // Programs that read a devnet's lines rely on the last one, wrong options or not.
  if (devnetJson) io.stdout.write(`${JSON.stringify({ event: 'summary', ok: false, code, reason: message })}\n`)
  else if (json)
    io.stdout.write(`${JSON.stringify({ error: { code, message, ...(call ? { request_id: null } : {}) } })}\n`)
  else io.stderr.write(`countersign: ${message}\n`)
  // Where a bug is, only the stack tells.
  if (!known && error instanceof Error) io.stderr.write(`${error.stack ?? ''}\n`)
  return devnetJson || call ? EXIT.failure : exitCodeOf(error)
}

/** Commander's complaints as one of our sentences. */
function asCoded(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error
  // Help was printed because no command was given.
  if (error.code === 'commander.help') return new CodedError('USAGE', 'name a command')
  const sentence = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  return new CodedError('USAGE', `${sentence}; see --help`)
}
