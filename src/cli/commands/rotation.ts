import type { Command } from 'commander'
import { CodedError } from '../../base/index.ts'
import type { ApprovedSet } from '../../node/index.ts'
import { addExamples, addJson, addNode, type CliContext, type NodeOptions, nodeOf, show } from '../context.ts'
import { rotationText } from '../rotation-view.ts'
import { recalledText } from '../status-view.ts'
import { at, facts, listAt, numberAt, textAt } from '../view.ts'
import { registerHandoff } from './handoff.ts'

interface StatusOptions extends NodeOptions {
  readonly json?: boolean
}
interface ApproveOptions extends StatusOptions {
  readonly set: string
  readonly yes?: boolean
  readonly replace?: boolean
}

interface RecallOptions extends StatusOptions {
  readonly withdraw?: boolean
}

export function registerRotation(program: Command, ctx: CliContext): void {
  const rotation = program.command('rotation').summary('approve a new signer set, and follow its rotation')
  rotation.description(
    'A rotation begins when every member of the new set, and of the current set at least as many as its threshold, ' +
      'approved the same pending id.',
  )
  addExamples(
    addJson(addNode(rotation.command('approve')))
      .summary('approve a signer set')
      .description('Approves a signer set on the running node, after showing it.')
      .requiredOption('--set <file>', 'TOML file with keys, threshold and approval attempt')
      .option('--yes', "don't ask")
      .option('--replace', 'withdraw the approval of another pending set (not once this node has co-signed it)'),
    'countersign rotation approve --set next-set.toml',
    '',
    'next-set.toml:',
    '  keys = ["02…", "03…", "03…"]   # the whole new set, 66 hex digits each',
    '  threshold = 2                  # more than half',
    '  attempt = 1                    # approval attempt, the same for everyone; one more after it failed',
  ).action((options: ApproveOptions) => approve(ctx, options))
  addExamples(
    addJson(addNode(rotation.command('status')))
      .summary('show the pending set and its step')
      .description('Shows the pending set, who approved it, and its step.'),
    'countersign rotation status',
  ).action(async (options: StatusOptions) => {
    const { json } = await (await nodeOf(options))('GET', '/rotation')
    show(ctx, options.json, json, () => rotationText(at(json, 'rotation') ?? json))
  })
  registerHandoff(rotation, ctx)
  addExamples(
    addJson(addNode(rotation.command('recall [set-hash]')))
      .summary('sign with the key of a replaced set once more')
      .description(
        'Recalls a replaced signer set, so that its members can sign with its key once more (a late deposit, a stuck sweep).\n' +
          'Enough of its operators must do so, those of removed nodes too. The first 8 digits of the hash or more will do.\n' +
          'Without a hash: lists replaced and recalled sets.',
      )
      .option('--withdraw', 'end the recall now; by itself it ends after [rotation] approval_ttl'),
    'countersign rotation recall',
    'countersign rotation recall 5b3f08c1',
    'countersign rotation recall 5b3f08c1 --withdraw',
  ).action((hash: string | undefined, options: RecallOptions) => recall(ctx, hash, options))
}

async function recall(ctx: CliContext, hash: string | undefined, options: RecallOptions): Promise<void> {
  const withdraw = options.withdraw === true
  if (hash === undefined && withdraw)
    throw new CodedError(
      'USAGE',
      'name the set whose recall is to be withdrawn: its hash, as `rotation recall` lists it',
    )
  const call = await nodeOf(options)
  if (hash === undefined) {
    const { json } = await call('GET', '/rotation/recalled')
    show(ctx, options.json, json, () => recalledText(json))
    return
  }
  const { json } = await call('POST', '/rotation/recall', { set_hash: hash, withdraw })
  const until = new Date(numberAt(json, 'expiresAtMs') ?? 0).toISOString()
  const set = textAt(json, 'setHash') ?? hash
  show(ctx, options.json, json, () =>
    withdraw
      ? `Withdrawn: set ${set}. Members that are in no other set are cut off.`
      : `Recalled until ${until}: set ${set}. Its members are admitted here to sign with its key, and with nothing else.`,
  )
}

async function approve(ctx: CliContext, options: ApproveOptions): Promise<void> {
  const { loadSetFile } = await import('../../node/index.ts')
  const set = await loadSetFile(options.set)
  const call = await nodeOf(options)

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
  // Of the set as the chain has it: members whom this node refuses are in it all the same. An older node does not say.
  const ofSet = listAt(status, 'set', 'keys').map((key) => textAt(key))
  const signers = listAt(status, 'members').filter((m) => at(m, 'role') === 'signer')
  const current = ofSet.length > 0 ? ofSet : signers.map((m) => textAt(m, 'publicKey'))
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
    ['approval attempt', String(attempt)],
    ['keys', keys.map(row).join('\n')],
    ['leaving', leaving.join('\n') || undefined],
  ])
}
