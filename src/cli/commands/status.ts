import type { Command } from 'commander'
import { addExamples, addJson, addNode, type CliContext, type NodeOptions, nodeOf, show } from '../context.ts'
import { statusText } from '../status-view.ts'

interface Options extends NodeOptions {
  readonly json?: boolean
  readonly wide?: boolean
}

export function registerStatus(program: Command, ctx: CliContext): void {
  const command = program
    .command('status')
    .summary('show what the running node is and how it is')
    .description('Shows the state, the set, the links and the health of the node that runs with this config.')
  addExamples(
    addJson(addNode(command)).option('--wide', 'keys, PeerIDs and addresses whole, on lines as long as they come'),
    'countersign status',
    'countersign status --config /etc/countersign/signer.toml',
    'countersign status --json | jq .health',
  ).action(async (options: Options) => {
    const { json } = await (await nodeOf(options))('GET', '/status')
    show(ctx, options.json, json, () => statusText(json, Date.now(), options.wide))
  })
}
