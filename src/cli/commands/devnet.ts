import { type Command, Option } from 'commander'
import type { TransportChoice } from '../../devnet/index.ts'
import { addExamples, addJson, type CliContext, wholeNumber } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { parentGone } from '../parent-gone.ts'

interface Options {
  readonly signers: number
  readonly threshold?: number
  readonly transport: TransportChoice
  readonly dir?: string
  readonly once?: boolean
  readonly s2SeedFile?: string
  readonly nonceMode: 'native' | 'reference'
  readonly json?: boolean
}

const BLOCK_INTERVAL_MS = 2_000

export function registerDevnet(program: Command, ctx: CliContext): void {
  const command = program
    .command('devnet')
    .summary('run a whole signer network on this machine')
    .description(
      'Starts an embedded chain and real signer nodes as separate processes, all on loopback. Ctrl-C or SIGTERM stops them all.',
    )
    .option('--signers <n>', 'number of signers', wholeNumber('--signers'), 5)
    .option('--threshold <n>', 'signatures needed (default: just over half)', wholeNumber('--threshold'))
    .addOption(new Option('--transport <which>', 'tcp, quic or both').choices(['tcp', 'quic', 'both']).default('tcp'))
    .option('--dir <folder>', 'where everything is kept (default: a temporary folder)')
    .option('--s2-seed-file <file>', 'secret-service seed of the first signer, 32 raw bytes (default: a new one)')
    .addOption(
      new Option('--nonce-mode <mode>', 'how its MuSig2 nonces are made')
        .choices(['native', 'reference'])
        .default('native'),
    )
    .option('--once', 'tell the whole story, then exit')
  addExamples(
    addJson(command),
    'countersign devnet',
    'countersign devnet --once --json',
    'countersign devnet --s2-seed-file seed.bin --nonce-mode reference',
    'countersign devnet --signers 9 --threshold 6 --transport quic',
  ).action(async (options: Options) => {
    const { runDevnet } = await import('../../devnet/index.ts')
    ctx.exitWith(
      await runDevnet({
        signers: options.signers,
        threshold: options.threshold ?? Math.floor(options.signers / 2) + 1,
        transport: options.transport,
        dir: options.dir,
        s2SeedFile: options.s2SeedFile,
        nonceMode: options.nonceMode,
        once: options.once === true,
        json: options.json === true,
        live: process.stdout.isTTY === true,
        blockIntervalMs: BLOCK_INTERVAL_MS,
        stdout: (text) => ctx.io.stdout.write(text),
        signal: stopSignal(ctx),
      }),
    )
  })
}

/**
 * npm runs a script in a shell, and sends that shell the SIGTERM it gets itself: the shell ends, and nobody tells the devnet. Only
 * below npm: a devnet that was put into the background with its shell gone is meant to go on.
 */
function stopSignal(ctx: CliContext): AbortSignal {
  const stop = ctx.io.stopSignal()
  if (process.env.npm_lifecycle_event === undefined) return stop
  const gone = parentGone()
  gone.addEventListener('abort', () => ctx.io.exitAtLatest(EXIT.failure))
  return AbortSignal.any([stop, gone])
}
