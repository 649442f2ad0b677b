import { resolve } from 'node:path'
import type { Command } from 'commander'
import { addExamples, addJson, addNode, type CliContext, type NodeOptions, nodeOf, show } from '../context.ts'
import { s2Text } from '../s2-view.ts'
import { numberAt, textAt } from '../view.ts'
import { registerS2Init } from './s2-init.ts'

interface Options extends NodeOptions {
  readonly json?: boolean
  readonly instance?: string
}

/** What an operator decides about the secret-service seed: all but `init` over the admin socket of the running node (R40). */
export function registerS2(program: Command, ctx: CliContext): void {
  const command = program
    .command('s2')
    .summary('the secret-service seed and its memory')
    .description('Makes a secret-service seed, and shows and mends the memory of what it was used for (docs/S2.md).')
  registerS2Init(command, ctx)
  addExamples(
    addJson(addNode(command.command('status').description('Whether this store can prove what its seed was used for.'))),
    'countersign s2 status',
  ).action(async (options: Options) => {
    const { json } = await (await nodeOf(options))('GET', '/s2')
    show(ctx, options.json, json, () => s2Text(json))
  })
  addExamples(
    addJson(
      addNode(command.command('accept'))
        .description(
          'Takes this store for all there is to remember of the seed. Only where nothing else was ever used with it, or its journal is ' +
            'lost for good and the seed is to be used all the same: docs/S2.md says what that can cost.',
        )
        .requiredOption('--instance <id>', 'what is accepted, as `s2 status` names it'),
    ),
    'countersign s2 accept --instance 5f0c3a91d2e4b678',
  ).action(async (options: Options) => {
    const { json } = await (await nodeOf(options))('POST', '/s2/accept', { instance: options.instance ?? '' })
    show(ctx, options.json, json, () => `Accepted.\n\n${s2Text(json)}`)
  })
  const journal = command.command('journal').description('What one-time secrets were used for, for another store.')
  addExamples(
    addJson(addNode(journal.command('import').argument('<file>', "a journal, on the node's machine"))).description(
      'Takes in what another store of this seed was used for: used only to refuse. The same file may be brought again.',
    ),
    'countersign s2 journal import /mnt/other/s2.journal',
  ).action(async (file: string, options: Options) => {
    const { json } = await (await nodeOf(options))('POST', '/s2/journal/import', { path: resolve(file) })
    show(ctx, options.json, json, () => importText(json))
  })
  addExamples(
    addJson(
      addNode(journal.command('export').argument('<file>', "a file that is not there yet, on the node's machine")),
    ).description('Writes all that this store knows into a new journal, as [s2] journal_file gets it continuously.'),
    'countersign s2 journal export /mnt/other/s2.journal',
  ).action(async (file: string, options: Options) => {
    const { json } = await (await nodeOf(options))('POST', '/s2/journal/export', { path: resolve(file) })
    show(ctx, options.json, json, () => `Wrote ${textAt(json, 'lines') ?? '?'} lines to ${resolve(file)}`)
  })
  addExamples(
    addJson(addNode(command.command('retire'))).description(
      'Closes the generation of MuSig2 records that is being written, and drops those of the one before. Native mode only.',
    ),
    'countersign s2 retire',
  ).action(async (options: Options) => {
    const { json } = await (await nodeOf(options))('POST', '/s2/retire', {})
    const [generation, dropped] = [textAt(json, 'generation'), textAt(json, 'dropped')]
    show(
      ctx,
      options.json,
      json,
      () => `Generation ${generation ?? '?'} begins; ${dropped ?? '?'} records were dropped.`,
    )
  })
}

function importText(json: unknown): string {
  const n = (name: string) => numberAt(json, 'report', name) ?? 0
  const torn = n('tornBytes') === 0 ? '' : `; ${n('tornBytes')} bytes at its end were cut off by a crash`
  const conflicts =
    n('conflicts') === 0
      ? ''
      : `\n${n('conflicts')} one-time keys were used differently by two stores: nothing is signed with them any more`
  return `Read ${n('lines')} lines, of which this store did not know ${n('added')}${torn}.${conflicts}\n\n${s2Text(json)}`
}
