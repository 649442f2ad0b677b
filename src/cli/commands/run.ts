import type { Command } from 'commander'
import { CodedError, describeError, jsonLogger } from '../../base/index.ts'
import type { RunningNode } from '../../node/index.ts'
import { addConfig, addExamples, addJson, type CliContext, openConfig, show } from '../context.ts'
import { EXIT } from '../exit-codes.ts'

interface Options {
  readonly config: string
  readonly json?: boolean
}

export function registerRun(program: Command, ctx: CliContext): void {
  const command = program
    .command('run')
    .summary('run the signer node')
    .description(
      'Runs the node until it is stopped (Ctrl-C or SIGTERM). Logs are JSON lines on stderr. SIGHUP reloads the config file, ' +
        'as `countersign reload` does.',
    )
  addExamples(
    addJson(addConfig(command)),
    'countersign run',
    'countersign run --config /etc/countersign/signer.toml 2>> signer.log',
  ).action((options: Options) => run(ctx, options))
}

async function run(ctx: CliContext, options: Options): Promise<void> {
  const config = await openConfig(options.config)
  const { startNode } = await import('../../node/index.ts')
  const logger = jsonLogger({ level: config.log.level, write: (line) => ctx.io.stderr.write(`${line}\n`) })
  const told = ctx.io.stopSignal()
  const broken = new AbortController()
  let node: RunningNode | undefined
  // Before the node runs there is nothing to reload: it takes a look at the file itself once it does.
  const stopReloading = ctx.io.onHangup(() => void node?.reload())
  const removed = new AbortController()
  node = await startNode({
    config,
    logger,
    onFatal: (error) => broken.abort(error),
    onRemoved: () => removed.abort(),
  })
  const { publicKey } = config.identity
  show(
    ctx,
    options.json,
    { event: 'started', publicKey },
    () => `countersign runs with key ${publicKey}; Ctrl-C stops it`,
  )
  await aborted(AbortSignal.any([told, broken.signal, removed.signal]))
  // Whoever told it to stop sees to its end; otherwise nobody does.
  if (!told.aborted) ctx.io.exitAtLatest(broken.signal.aborted ? EXIT.failure : EXIT.removed)
  await node.stop()
  stopReloading()
  // R30: going on could answer twice where it may answer once.
  if (broken.signal.aborted)
    throw new CodedError(
      'NODE_BROKEN',
      `the node stopped itself: ${describeError(broken.signal.reason)}; look at its disk, then start it again`,
    )
  if (removed.signal.aborted)
    throw new CodedError(
      'OWN_KEY_REMOVED',
      `key ${publicKey} has left the signer set and [identity] exit_on_removal is true: the node has stopped. To take part again, set that to false, start it, and approve a rotation that includes the key, or recall a set that it was in`,
    )
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
