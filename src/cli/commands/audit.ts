import type { Command } from 'commander'
import type { AuditEntry } from '../../signer/index.ts'
import { type AuditCheck, auditDirOf, auditFilesOf, checkAuditFiles } from '../audit-files.ts'
import { followDecisions, lastDecisions } from '../audit-follow.ts'
import { addConfig, addExamples, addJson, type CliContext, show, wholeNumber } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { facts } from '../view.ts'

interface VerifyOptions {
  readonly config: string
  readonly json?: boolean
}
interface TailOptions extends VerifyOptions {
  readonly lines: number
  readonly follow?: boolean
}

const DEFAULT_LINES = 20

/** Reads files only, never the node: what was decided must be readable when it does not run. */
export function registerAudit(program: Command, ctx: CliContext): void {
  const command = program
    .command('audit')
    .summary("what was decided about clients' requests")
    .description("Shows and checks the audit log: one line for each decision about a client's request (docs/AUDIT.md).")
  addExamples(
    addJson(addConfig(command.command('verify').argument('[files...]', 'files of a log, oldest first'))).description(
      "Checks the chain of an audit log: the files that are named, or the config's node's. Ends with 1 where it breaks.",
    ),
    'countersign audit verify',
    'countersign audit verify /archive/audit-*.jsonl',
  ).action(async (files: readonly string[], { config, json }: VerifyOptions) => {
    const check = await checkAuditFiles(await auditFilesOf(files, config))
    show(ctx, json, { ok: check.breaks.length === 0, ...check }, () => checkText(check))
    if (check.breaks.length > 0) ctx.exitWith(EXIT.failure)
  })
  addExamples(
    addJson(addConfig(command.command('tail')))
      .description('The latest decisions of this node, oldest first.')
      .option('-n, --lines <n>', 'how many', wholeNumber('--lines'), DEFAULT_LINES)
      .option('--follow', 'go on with decisions as they are made, until Ctrl-C'),
    'countersign audit tail -n 50 --follow',
    'countersign audit tail --json --follow | jq \'select(.outcome != "ok")\'',
  ).action(async ({ config, json, lines, follow }: TailOptions) => {
    const dir = await auditDirOf(config)
    const tell = (entry: AuditEntry) => show(ctx, json, entry, () => lineOf(entry))
    if (follow !== true) await auditFilesOf([], config)
    const { entries, seq, broken } = await lastDecisions(dir, lines)
    for (const entry of entries) tell(entry)
    if (broken !== undefined) throw broken
    if (follow === true) await followDecisions(dir, seq, tell, ctx.io.stopSignal())
  })
}

function checkText(c: AuditCheck): string {
  const from = c.firstAtMs === undefined ? undefined : timeOf(c.firstAtMs)
  const to = c.lastAtMs === undefined ? undefined : timeOf(c.lastAtMs)
  return [
    facts([
      ['files', String(c.files.length)],
      [c.breaks.length === 0 ? 'decisions' : 'sound', String(c.decisions)],
      ['from', from],
      ['to', to],
      ['signed by', c.signedBy.join('\n') || undefined],
      ['head', c.head],
      ['begins', c.beginsAtFile === undefined ? undefined : `at file ${c.beginsAtFile}: what came before is elsewhere`],
      ['cut off', c.tornBytes === 0 ? undefined : `${c.tornBytes} bytes at the end, by a crash: they are not counted`],
    ]),
    ...c.breaks.map((sentence) => `BROKEN  ${sentence}`),
    c.breaks.length === 0 ? 'the chain is whole' : 'the chain is BROKEN: keep these files as they are',
  ].join('\n')
}

/** Whoever made a file may claim a time that no calendar has. */
const timeOf = (atMs: number): string =>
  Number.isNaN(new Date(atMs).getTime()) ? `${atMs} ms` : new Date(atMs).toISOString()

function lineOf(e: AuditEntry): string {
  const refused = Object.entries(e.refusedItems).map(([code, n]) => `${n} ${code}`)
  const parts = [
    timeOf(e.atMs),
    e.client,
    e.method,
    e.key ?? '-',
    e.items === 1 ? e.outcome : `${e.outcome} ×${e.items}`,
    ...(e.answered === false ? ['not answered'] : []),
    ...(refused.length === 0 ? [] : [`refused: ${refused.join(', ')}`]),
  ]
  return parts.join('  ').replace(/[\p{Cc}\p{Cf}]/gu, '�')
}
