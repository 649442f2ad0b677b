import type { Command } from 'commander'
import { CodedError } from '../../base/index.ts'
import { addExamples, addJson, addNode, type CliContext, type NodeOptions, nodeOf, show } from '../context.ts'
import { DigestOptions, readDigestFile } from '../handoff-list.ts'
import { handoffText } from '../handoff-view.ts'
import { textAt } from '../view.ts'

interface HandoffOptions extends NodeOptions {
  readonly json?: boolean
  readonly file?: string
  readonly hold?: boolean
  readonly withdraw?: boolean
}

/** `rotation handoff`: what the old key is to sign before it is replaced (R29). */
export function registerHandoff(rotation: Command, ctx: CliContext): void {
  const options = new DigestOptions()
  addExamples(
    addJson(addNode(rotation.command('handoff')))
      .summary('list digests that the old key is to sign')
      .description(
        'Lists digests that the old key is to sign before this node co-signs rotate-keys, as the sweep of its funds. At least as ' +
          'many operators of the current set as its threshold must list the same. A new list takes the place of the one before, ' +
          'until this node has co-signed. Without options: prints what is listed, by whom, and the signatures.',
      )
      .option('--digest <hex>', 'digest to be signed, 32 bytes; repeatable', options.digest)
      .option(
        '--merkle-root <root>',
        'BIP341 tweak for the digest before it: 64 hex digits, empty, or none (default)',
        options.merkleRoot,
      )
      .option('--file <path>', 'list with one digest per line, its merkle root behind it')
      .option('--hold', 'more will be listed: do not co-sign before')
      .option('--withdraw', 'nothing is listed any more'),
    'countersign rotation handoff --hold',
    'countersign rotation handoff --digest 5b3f… --merkle-root empty --digest 77c1…',
    'countersign rotation handoff --file sweep.txt',
    'countersign rotation handoff --json',
  ).action((given: HandoffOptions) => handOff(ctx, options, given))
}

async function handOff(ctx: CliContext, { listed }: DigestOptions, options: HandoffOptions): Promise<void> {
  const { json, file, hold = false, withdraw = false } = options
  const items = [...listed, ...(file === undefined ? [] : await readDigestFile(file))]
  if (file !== undefined && items.length === 0)
    throw new CodedError(
      'HANDOFF_FILE_INVALID',
      `${file} lists no digest: --withdraw says that nothing is to be signed`,
    )
  if (withdraw && (items.length > 0 || hold))
    throw new CodedError('USAGE', '--withdraw ends the list: it goes with no digest, and not with --hold')
  const call = await nodeOf(options)
  if (items.length === 0 && !hold && !withdraw) {
    const { json: answer } = await call('GET', '/rotation/handoff')
    show(ctx, json, answer, () => handoffText(answer))
    return
  }
  const { json: answer } = await call('POST', '/rotation/handoff', { items, hold, withdraw })
  const id = textAt(answer, 'pendingId') ?? '?'
  show(ctx, json, answer, () => {
    if (withdraw) return `Withdrawn: the rotation to pending set ${id} waits for nothing listed here.`
    const what = items.length === 1 ? '1 digest' : `${items.length} digests`
    const more = hold
      ? ' This node does not co-sign until you list again without --hold, or --withdraw.'
      : ' This node co-signs as soon as these are signed; nothing can be listed after that (use --hold while more is to come).'
    return `Listed for the old key, before pending set ${id}: ${what}.${more} \`countersign rotation handoff\` shows who lists the same.`
  })
}
