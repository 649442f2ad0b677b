import type { Command } from 'commander'
import { addExamples, addJson, addNode, type CliContext, type NodeOptions, nodeOf, show } from '../context.ts'
import { reloadText } from '../reload-view.ts'
import { at } from '../view.ts'

interface Options extends NodeOptions {
  readonly json?: boolean
}

export function registerReload(program: Command, ctx: CliContext): void {
  const command = program
    .command('reload')
    .summary('take over the changed config file in the running node')
    .description(
      'Takes over [p2p] seeds, [p2p] deny, [[bridge]] and [[backup]] without a restart, all or nothing: if the file is ' +
        'wrong, or any other key differs from what runs, nothing changes and the keys are named. The node does the same by itself when the ' +
        'file changes, and on SIGHUP.',
    )
  addExamples(
    addJson(addNode(command)),
    'countersign reload',
    'countersign reload --config /etc/countersign/signer.toml --json',
  ).action(async (options: Options) => {
    const { json } = await (await nodeOf(options))('POST', '/reload', {})
    show(ctx, options.json, json, () => reloadText(at(json, 'reload'), Date.now()))
  })
}
