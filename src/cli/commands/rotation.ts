import type { Command } from 'commander'
import { CodedError } from '../../base/index.ts'
import type { ApprovedSet } from '../../node/index.ts'
import { addConfig, addExamples, addJson, type CliContext, nodeOf, show } from '../context.ts'
import { rotationText } from '../status-view.ts'
import { at, facts, listAt, textAt } from '../view.ts'

interface StatusOptions {
  readonly config: string
  readonly json?: boolean
}
interface ApproveOptions extends StatusOptions {
  readonly set: string
  readonly yes?: boolean
  readonly replace?: boolean
}

export function registerRotation(program: Command, ctx: CliContext): void {
  const rotation = program.command('rotation').summary('approve a new signer set, and follow its rotation')
  rotation.description(
    'A rotation begins when every member of the new set, and of the current set at least as many as its threshold,\n' +
      'approved the same pending id.',
  )
  addExamples(
    addJson(addConfig(rotation.command('approve')))
      .description('Approves a signer set on the running node, after showing it.')
      .requiredOption('--set <file>', 'TOML file with keys, threshold and attempt')
      .option('--yes', "don't ask")
      .option('--replace', 'withdraw the approval of another pending set (not once this node has co-signed it)'),
    'countersign rotation approve --set next-set.toml',
    '',
    'next-set.toml:',
    '  keys = ["02…", "03…", "03…"]   # the whole new set, 66 hex digits each',
    '  threshold = 2                  # more than half',
    '  attempt = 1                    # the same for everyone; count up after a failed attempt',
  ).action((options: ApproveOptions) => approve(ctx, options))
  addExamples(
    addJson(addConfig(rotation.command('status'))).description('Shows the pending set, who approved it, and its step.'),
    'countersign rotation status',
  ).action(async (options: StatusOptions) => {
    const { json } = await (await nodeOf(options.config))('GET', '/rotation')
    show(ctx, options.json, json, () => rotationText(at(json, 'rotation') ?? json))
  })
}

async function approve(ctx: CliContext, options: ApproveOptions): Promise<void> {
  const { loadSetFile } = await import('../../node/index.ts')
  const set = await loadSetFile(options.set)
  const call = await nodeOf(options.config)

  const proposed = await call('POST', '/rotation/approve', { ...set, dry_run: true })
  const pendingId = textAt(proposed.json, 'pendingId')
  if (pendingId === undefined)
    throw new CodedError('ADMIN_ANSWER_MALFORMED', 'the node named no pending id: is it the same version?')
  const { json: status } = await call('GET', '/status')
  if (options.json !== true) ctx.io.stdout.write(`${setText(set, pendingId, status)}\n\n`)
  if (options.yes !== true && !(await confirmed(ctx, options.json))) {
    show(ctx, options.json, { approved: false, pendingId }, () => 'Not approved; nothing was changed.')
    ctx.exitWith(1)
    return
  }
  // The node refuses if the id is another one by now: what was shown is what is approved.
  const { json } = await call('POST', '/rotation/approve', {
    ...set,
    dry_run: false,
    pending_id: pendingId,
    replace: options.replace === true,
  })
  const result = { approved: true, pendingId, ...(typeof json === 'object' && json !== null ? json : {}) }
  show(ctx, options.json, result, () => 'Approved. `countersign rotation status` shows who else has.')
}

async function confirmed({ io }: CliContext, json: boolean | undefined): Promise<boolean> {
  if (io.ask === undefined || json === true)
    throw new CodedError('CONFIRMATION_NEEDED', 'nobody can be asked here: look at the set, then repeat with --yes')
  return (await io.ask('Approve this set? Type yes: ')).trim().toLowerCase() === 'yes'
}

/** What is about to be approved, next to the current set. */
function setText({ keys, threshold, attempt }: ApprovedSet, pendingId: string, status: unknown): string {
  const current = listAt(status, 'members')
    .filter((m) => at(m, 'role') === 'signer')
    .map((m) => textAt(m, 'publicKey'))
  const self = textAt(status, 'publicKey')
  const marks = (key: string) => [
    ...(current.length > 0 && !current.includes(key) ? ['new'] : []),
    ...(key === self ? ['this node'] : []),
  ]
  const row = (key: string) => [key, ...marks(key).map((mark) => `(${mark})`)].join(' ')
  const leaving = current.filter((key) => key !== undefined && !keys.some((k) => k === key))
  return facts([
    ['pending id', pendingId],
    ['threshold', `${threshold} of ${keys.length}`],
    ['attempt', String(attempt)],
    ['keys', keys.map(row).join('\n')],
    ['leaving', leaving.join('\n') || undefined],
  ])
}
