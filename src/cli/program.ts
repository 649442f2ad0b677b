import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { registerAudit } from './commands/audit.ts'
import { registerCall } from './commands/call.ts'
import { registerDevnet } from './commands/devnet.ts'
import { registerEvidence } from './commands/evidence.ts'
import { registerInit } from './commands/init.ts'
import { registerReload } from './commands/reload.ts'
import { registerRotation } from './commands/rotation.ts'
import { registerRun } from './commands/run.ts'
import { registerS2 } from './commands/s2.ts'
import { registerStatus } from './commands/status.ts'
import type { CliContext } from './context.ts'
import { EXIT_MEANINGS } from './exit-codes.ts'

/** One list: the order of `--help`. */
const COMMANDS = [
  registerDevnet,
  registerInit,
  registerRun,
  registerStatus,
  registerCall,
  registerReload,
  registerRotation,
  registerEvidence,
  registerAudit,
  registerS2,
]

/** Commander's tree; errors are thrown, output goes through `ctx.io`. */
export function createProgram(ctx: CliContext): Command {
  const program = new Command('countersign')
    .description(
      'A signer network node: admits only keys of the on-chain registry, signs with a key nobody holds alone.',
    )
    .version(version(), '--version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => ctx.io.stdout.write(text),
      writeErr: (text) => ctx.io.stderr.write(text),
      // `runCli` says it, in our form.
      outputError: () => {},
    })
    .addHelpText('after', `\n${START}\n\nExit codes:\n${exitCodes()}`)
  for (const register of COMMANDS) register(program, ctx)
  return program
}

const START = `Start here:
  countersign devnet --once          see the whole idea work, on this machine, in a minute
  countersign init --help            make a key and a config
  countersign run --config FILE      run a signer
  countersign COMMAND --help         examples of each command`

function exitCodes(): string {
  return Object.entries(EXIT_MEANINGS)
    .map(([code, meaning]) => `  ${code.padStart(2)}  ${meaning}`)
    .join('\n')
}

/** The package's own: two folders up from `src/cli` and from `dist/cli` alike. */
function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown'
}
