import { dirname, relative } from 'node:path'
import type { Command } from 'commander'
import { CodedError } from '../../base/index.ts'
import { addConfig, addExamples, addJson, type CliContext, openConfig, show } from '../context.ts'
import { refuseExisting } from '../existing-file.ts'
import { seedPlacesIn, seedSteps } from '../seed-steps.ts'
import { facts } from '../view.ts'

interface Options {
  readonly config: string
  readonly seedFile?: string
  readonly seedUnused?: boolean
  readonly json?: boolean
}

const DESCRIPTION =
  'Makes a secret-service seed beside the config, sealed as the signer key is, with an offline copy. Prints what to add to the config, and leaves that as it is. Overwrites nothing.'

/** For a node that is there already; `countersign init --s2` makes one with everything else. */
export function registerS2Init(s2: Command, ctx: CliContext): void {
  addExamples(
    addJson(addConfig(s2.command('init')))
      .description(DESCRIPTION)
      .option('--seed-file <file>', 'take the seed from this file of 32 raw bytes (mode 0600)')
      .option('--seed-unused', 'nothing was ever made from that seed'),
    'countersign s2 init --config /etc/countersign/signer.toml',
    'countersign s2 init --seed-file /run/secrets/seed',
  ).action((options: Options) => init(ctx, options))
}

async function init(ctx: CliContext, { config: file, seedFile, seedUnused, json }: Options): Promise<void> {
  const [config, { makeSeed, newSeed }] = await Promise.all([openConfig(file), import('../../node/index.ts')])
  if (config.s2 !== undefined)
    throw new CodedError('S2_SEED_EXISTS', `${config.file} names a seed already: ${config.s2.seedFile}`)
  if (seedUnused === true && seedFile === undefined) throw new CodedError('USAGE', '--seed-unused needs --seed-file')
  const dir = dirname(config.file)
  const places = seedPlacesIn(dir)
  for (const path of Object.values(places))
    await refuseExisting(path, 'move it away, or use the config of another folder')
  const seed = await newSeed(seedFile, seedUnused === true)
  try {
    const { identity } = config
    await makeSeed(seed, places, identity.publicKey, identity.unlock)
  } finally {
    seed.close()
  }
  const { publicKey, isUnused } = seed
  const section = `[s2]\nseed_file = "${relative(dir, places.seedFile)}"\npublic_key = "${publicKey}"\n`
  show(ctx, json, { publicKey, isUnused, ...places, rawFile: seedFile, section }, () =>
    [
      'Made a secret-service seed.',
      facts([
        ['seed file', `${places.seedFile} (sealed)`],
        ['offline copy', `${places.offlineCopy} (sealed)`],
        ['instance', places.instanceFile],
        ['seed key', publicKey],
      ]),
      `Put this in the place of [s2] in ${config.file}, and start the node again:\n\n${section}`,
      `Next:\n${seedSteps(seed, seedFile)
        .map((step, i) => `  ${i + 1}. ${step}`)
        .join('\n')}`,
    ].join('\n\n'),
  )
}
