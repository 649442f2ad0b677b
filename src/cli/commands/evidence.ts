import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { CodedError, describeError } from '../../base/index.ts'
import type { EvidenceEntry } from '../../rounds/index.ts'
import type { ReadChain } from '../../store/index.ts'
import { addConfig, addExamples, addJson, type CliContext, openConfig, show } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { facts } from '../view.ts'

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
    const { entries } = await openFile(await fileOf(options))
    show(ctx, options.json, { records: entries.map(summaryOf) }, () =>
      entries.length === 0 ? 'nothing was recorded' : entries.map(line).join('\n'),
    )
  })
  addExamples(
    file(command.command('show').argument('<id>', 'how its id begins').description('One record with all it holds.')),
    'countersign evidence show 1f0c',
  ).action(async (id: string, options: Options) => {
    const entry = oneOf(await openFile(await fileOf(options)), id)
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
            'recorded',
            `${new Date(entry.atMs).toISOString()}, ${entry.source === 'found' ? 'found by this node' : 'told by a member'}`,
          ],
          ['network', record && `${record.network} · ${record.contract}`],
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
    ctx.io.stdout.write(`${entryText(oneOf(await openFile(await fileOf(options)), id))}\n`)
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
  const { verifyEntry } = await import('../../rounds/index.ts')
  const { entries, unreadable, chain } = await openFile(path)
  const judged = entries.map((entry) => ({ ...summaryOf(entry), judgement: verifyEntry(entry) }))
  const failed = judged.filter((j) => j.judgement !== 'proven').length + unreadable
  const torn = (chain?.torn.length ?? 0) > 0
  const result = {
    ok: failed === 0,
    file: path,
    chain:
      chain === undefined
        ? null
        : { head: chain.head ?? null, writers: [...new Set(chain.records.map((r) => r.by))], torn },
    records: judged,
    unreadable,
  }
  show(ctx, json, result, () =>
    [
      chain === undefined
        ? 'one exported record: nothing stands before or behind it'
        : facts([
            ['chain', `whole, ${chain.records.length} records`],
            ['head', chain.head],
            ['written by', result.chain?.writers.join('\n') || undefined],
            ['cut off', torn ? 'a last record, by a crash: it is not counted' : undefined],
          ]),
      ...judged.map((j) => `${j.judgement === 'proven' ? 'proven' : `NOT PROVEN (${j.judgement})`}  ${line(j)}`),
      unreadable === 0 ? '' : `${unreadable} records can't be read`,
      failed === 0 ? 'everything holds' : `${failed} DO NOT HOLD`,
    ]
      .filter((text) => text !== '')
      .join('\n'),
  )
  if (failed > 0) ctx.exitWith(EXIT.failure)
}

interface EvidenceFile {
  /** undefined for one exported record. */
  readonly chain: ReadChain | undefined
  readonly entries: readonly EvidenceEntry[]
  readonly unreadable: number
}

/** Throws `FILE_UNREADABLE`, `JOURNAL_BROKEN`. A node may be writing to it: what it has not finished is not counted. */
async function openFile(path: string): Promise<EvidenceFile> {
  const [{ EVIDENCE_CHAIN, readChain }, { parseEntry }] = await Promise.all([
    import('../../store/index.ts'),
    import('../../rounds/index.ts'),
  ])
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new CodedError(
      'FILE_UNREADABLE',
      `${path} can't be read (${describeError(error)}); name the file with --file`,
      { path },
    )
  })
  const single = parseEntry(bytes.toString('utf8').trimEnd())
  if (single !== undefined) return { chain: undefined, entries: [single], unreadable: 0 }
  const chain = readChain(EVIDENCE_CHAIN, Uint8Array.from(bytes), path)
  // An empty file is no chain: nobody would notice that what was in it is gone.
  if (chain.head === undefined)
    throw new CodedError('JOURNAL_BROKEN', `${path} holds no evidence chain; name another file`, { path })
  const entries = chain.records.map((r) => parseEntry(r.payload)).filter((e) => e !== undefined)
  return { chain, entries, unreadable: chain.records.length - entries.length }
}

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
const line = ({ id, atMs, code, guilty, round, attempt }: Omit<EvidenceEntry, 'record'>): string =>
  `${id.slice(0, 12)}  ${new Date(atMs).toISOString()}  ${code}  ${guilty}  round ${round.slice(0, 12)}, attempt ${attempt}`
