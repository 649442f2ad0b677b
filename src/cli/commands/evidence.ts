import { join } from 'node:path'
import type { Command } from 'commander'
import { CodedError } from '../../base/index.ts'
import type { EvidenceEntry } from '../../rounds/index.ts'
import { addConfig, addExamples, addJson, type CliContext, openConfig, show } from '../context.ts'
import { type EvidenceFile, openEvidenceFile } from '../evidence-file.ts'
import { EXIT } from '../exit-codes.ts'
import { dotted, facts, textAt } from '../view.ts'

interface Options {
  readonly config: string
  readonly file?: string
  readonly json?: boolean
}

/** Reads the file only, never the node: a record proves itself wherever it lies. */
export function registerEvidence(program: Command, ctx: CliContext): void {
  const command = program
    .command('evidence')
    .summary('what members are proven to have done wrong')
    .description('Shows and checks the evidence that this node keeps: provable faults of members, each with its proof.')
  const file = (c: Command) =>
    addJson(addConfig(c).option('--file <file>', 'evidence file (default: evidence.jsonl in data_dir)'))

  addExamples(
    file(command.command('list').description('One line for each record.')),
    'countersign evidence list',
  ).action(async (options: Options) => {
    const { entries, chain } = await openFile(options)
    show(ctx, options.json, { records: entries.map(summaryOf) }, () =>
      entries.length === 0
        ? 'nothing was recorded'
        : entries.map((entry) => line(entry, chain !== undefined)).join('\n'),
    )
  })
  addExamples(
    file(command.command('show').argument('<id>', 'how its id begins').description('One record with all it holds.')),
    'countersign evidence show 1f0c',
  ).action(async (id: string, options: Options) => {
    const file = await openFile(options)
    const entry = oneOf(file, id)
    const { recordOfEntry, verifyEntry } = await import('../../rounds/index.ts')
    const record = recordOfEntry(entry)
    const judgement = verifyEntry(entry)
    const scope = record?.scope
    show(
      ctx,
      options.json,
      { ...summaryOf(entry), judgement, network: record?.network, contract: record?.contract, scope },
      () =>
        facts([
          ['id', entry.id],
          ['judgement', judgement],
          ['guilty', entry.guilty],
          ['fault', entry.code],
          ['round', `${entry.round}, attempt ${entry.attempt}`],
          [
            file.chain === undefined ? 'claimed (unsigned)' : 'recorded',
            `${timeOf(entry)}, ${entry.source === 'found' ? 'found by its writer' : 'told by a member'}`,
          ],
          ['network', networkOf(entry, recordOfEntry)],
          ['set', scope && `${scope.threshold} of ${scope.keys.length}${scope.kind === 'pending' ? ', pending' : ''}`],
          ['members', scope?.keys.join('\n')],
          ['envelopes', record && String(record.wires.length)],
        ]),
    )
  })
  addExamples(
    file(
      command
        .command('export')
        .argument('<id>', 'how its id begins')
        .description('One record, to be given to somebody who checks it.'),
    ),
    'countersign evidence export 1f0c > fault.json',
  ).action(async (id: string, options: Options) => {
    const { entryText } = await import('../../rounds/index.ts')
    ctx.io.stdout.write(`${entryText(oneOf(await openFile(options), id))}\n`)
  })
  addExamples(
    addJson(
      command
        .command('verify')
        .argument('<file>', 'an evidence file, or one exported record')
        .description(
          'Checks the chain and every record of a file, with no node and no chain. Ends with 1 if anything does not hold.',
        ),
    ),
    'countersign evidence verify evidence.jsonl',
  ).action(async (path: string, options: { readonly json?: boolean }) => verify(ctx, path, options.json))
}

async function verify(ctx: CliContext, path: string, json: boolean | undefined): Promise<void> {
  const { recordOfEntry, verifyEntry } = await import('../../rounds/index.ts')
  const { entries, unreadable, chain } = await openEvidenceFile(path, 'name an evidence file, or one exported record')
  const judged = entries.map((entry) => {
    const { network, contract } = recordOfEntry(entry) ?? {}
    return { ...summaryOf(entry), network, contract, judgement: verifyEntry(entry) }
  })
  const networks = [...new Set(entries.map((entry) => networkOf(entry, recordOfEntry) ?? '?'))]
  const failed = judged.filter((j) => j.judgement !== 'proven').length + unreadable
  const torn = (chain?.torn.length ?? 0) > 0
  const result = {
    ok: failed === 0,
    file: path,
    chain:
      chain === undefined
        ? null
        : { head: chain.head ?? null, writers: [...new Set(chain.records.map((r) => r.by))], torn },
    /** Fields of a record that nobody signed: by the word of whoever gave the file. */
    unsigned: chain === undefined ? UNSIGNED_ALONE : [],
    records: judged,
    unreadable,
  }
  show(ctx, json, result, () =>
    [
      facts([
        ['chain', chain === undefined ? 'none: one exported record' : `whole, ${chain.records.length} records`],
        ['head', chain?.head],
        ['written by', result.chain?.writers.join('\n') || undefined],
        ['network', networks.join('\n') || undefined],
        ['unsigned', chain === undefined ? 'when it was recorded, and whether found or told: claims' : undefined],
        ['cut off', torn ? 'a last record, by a crash: it is not counted' : undefined],
      ]),
      ...judged.map(
        (j) =>
          `${j.judgement === 'proven' ? 'proven' : `NOT PROVEN (${j.judgement})`}  ${line(j, chain !== undefined)}`,
      ),
      unreadable === 0 ? '' : `${unreadable} records can't be read`,
      failed === 0
        ? 'everything holds'
        : `${failed} DO NOT HOLD: docs/ROUNDS.md, "Evidence", says what each word means`,
    ]
      .filter((text) => text !== '')
      .join('\n'),
  )
  if (failed > 0) ctx.exitWith(EXIT.failure)
}

/** The chain's writer signs its whole records; alone, a record is proven by its envelopes, which say nothing of these. */
const UNSIGNED_ALONE: readonly (keyof EvidenceEntry)[] = ['atMs', 'source']

/** Of the node's own file there is none before its first start. */
const openFile = async (options: Options): Promise<EvidenceFile> =>
  openEvidenceFile(await fileOf(options), 'name another with --file, or start the node, which begins it')

async function fileOf({ config, file }: Options): Promise<string> {
  return file ?? join((await openConfig(config)).dataDir, 'evidence.jsonl')
}

function oneOf({ entries }: EvidenceFile, id: string): EvidenceEntry {
  const found = entries.filter((e) => id !== '' && e.id.startsWith(id))
  const [entry] = found
  if (entry === undefined || found.length > 1)
    throw new CodedError(
      'USAGE',
      `${found.length === 0 ? 'no record' : 'more than one record'} has an id that begins with ${JSON.stringify(id)}; see evidence list`,
    )
  return entry
}

const summaryOf = ({ record: _, ...summary }: EvidenceEntry): Omit<EvidenceEntry, 'record'> => summary
/** Whoever made the file may claim a time that no calendar has. */
const timeOf = ({ atMs }: Pick<EvidenceEntry, 'atMs'>): string =>
  Number.isNaN(new Date(atMs).getTime()) ? `${atMs} ms` : new Date(atMs).toISOString()
const networkOf = (entry: EvidenceEntry, recordOfEntry: (of: EvidenceEntry) => unknown): string | undefined => {
  const record = recordOfEntry(entry)
  return dotted(textAt(record, 'network'), textAt(record, 'contract'))
}
const line = (entry: Omit<EvidenceEntry, 'record'>, isSigned: boolean): string => {
  const { id, code, guilty, round, attempt } = entry
  const when = isSigned ? timeOf(entry) : `claimed ${timeOf(entry)}`
  return `${id.slice(0, 12)}  ${when}  ${code}  ${guilty}  round ${round.slice(0, 12)}, attempt ${attempt}`
}
