import { isAbsolute, join, relative, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { CodedError, utf8 } from '../../base/index.ts'
import type { NewSeed } from '../../node/index.ts'
import type { Unlock } from '../../store/index.ts'
import { addExamples, addJson, type CliContext, collect, show, wholeNumber } from '../context.ts'
import { refuseExisting } from '../existing-file.ts'
import { draftConfig, type InitFlags } from '../init-draft.ts'
import { seedPlacesIn, seedSteps } from '../seed-steps.ts'
import { facts } from '../view.ts'

interface Options extends InitFlags {
  readonly dir: string
  readonly passphraseFile?: string
  readonly identityFile?: string
  readonly offlineCopy?: string
  readonly s2?: boolean
  readonly s2SeedFile?: string
  readonly s2SeedUnused?: boolean
  readonly json?: boolean
}

export function registerInit(program: Command, ctx: CliContext): void {
  const command = program
    .command('init')
    .summary('make a sealed signer key and a config')
    .description(
      'Makes a new signer key, sealed; an offline copy of it; and a config. Overwrites nothing.\n' +
        'Secrets are taken from files, never from the command line.',
    )
    .option('--dir <folder>', 'folder for everything that is made', '.')
    .option('--network <name>', 'mainnet, testnet, or another label', 'mainnet')
    .option(
      '--chain-id <id>',
      "the chain's own id (default: 1 for mainnet, else 2147483648)",
      wholeNumber('--chain-id'),
    )
    .option('--contract <id>', "the registry, <address>.<name> (default on mainnet: sBTC's)")
    .option('--endpoint <url>', 'Stacks node to read from; repeat for more (mainnet: at least 2)', collect)
    .option('--quorum <n>', 'endpoints that must agree (default: just over half)', wholeNumber('--quorum'))
    .option('--listen <multiaddr>', 'address to listen at; repeat for more (default: port 4700, TCP and QUIC)', collect)
    .option('--announce <multiaddr>', 'address at which others reach this node; repeat for more', collect)
    .option('--seed <multiaddr>', 'address of another signer, best with /p2p/PEERID; repeat for more', collect)
    .option('--bootstrap-signer <key>', 'key of the first signer set; repeat for each', collect)
    .option('--bootstrap-threshold <n>', 'threshold of the first set', wholeNumber('--bootstrap-threshold'))
    .option('--bridge <peer-id>', 'bridge node that may ask for signatures; repeat for more', collect)
    .option('--passphrase-file <file>', 'seal with the passphrase in this file')
    .option('--identity-file <file>', 'seal to the age identity in this file')
    .option('--offline-copy <file>', 'where the offline copy goes (default: signer.key.offline in --dir)')
    .option('--s2', 'make a secret-service seed, too (docs/S2.md)')
    .option('--s2-seed-file <file>', 'take the seed from this file of 32 raw bytes (mode 0600)')
    .option('--s2-seed-unused', 'nothing was ever made from the seed in --s2-seed-file')
    .addOption(
      new Option('--s2-nonce-mode <mode>', 'how MuSig2 nonces are made (default: native)').choices([
        'native',
        'reference',
      ]),
    )
  addExamples(
    addJson(command),
    'countersign init --dir /etc/countersign --endpoint https://a.example.org --endpoint https://b.example.org',
    'countersign init --network testnet --contract ST….sbtc-registry --endpoint https://t.example.org \\',
    '  --passphrase-file /run/secrets/signer-passphrase --offline-copy /media/usb/signer.key',
  ).action((options: Options) => init(ctx, options))
}

async function init(ctx: CliContext, options: Options): Promise<void> {
  const [node, store, { KeyPair }, { METHOD_NAMES }] = await Promise.all([
    import('../../node/index.ts'),
    import('../../store/index.ts'),
    import('../../curve/index.ts'),
    import('../../rpc/index.ts'),
  ])
  const dir = resolve(options.dir)
  const configFile = join(dir, 'signer.toml')
  const keyFile = join(dir, 'signer.key')
  const offlineCopy = resolve(options.offlineCopy ?? join(dir, 'signer.key.offline'))
  const unlock = unlockOf(options)
  const newPassphraseFile = unlock === undefined ? join(dir, 'signer.passphrase') : undefined
  const opensWith: Unlock = unlock ?? { kind: 'passphrase', file: join(dir, 'signer.passphrase') }
  const wantsSeed = options.s2 === true || options.s2SeedFile !== undefined
  if (!wantsSeed && (options.s2NonceMode !== undefined || options.s2SeedUnused === true))
    throw new CodedError('USAGE', '--s2-nonce-mode and --s2-seed-unused need --s2 or --s2-seed-file')
  const seedPlaces = seedPlacesIn(dir)
  const made = [configFile, keyFile, offlineCopy, ...(newPassphraseFile === undefined ? [] : [newPassphraseFile])]
  if (wantsSeed) made.push(...Object.values(seedPlaces))

  const seed = wantsSeed ? await node.newSeed(options.s2SeedFile, options.s2SeedUnused === true) : undefined
  const keyPair = KeyPair.generate()
  const text = node.renderConfig(
    draftConfig(options, {
      publicKey: keyPair.publicKey,
      keyFile: pathInConfig(dir, keyFile),
      unlock: { ...opensWith, file: pathInConfig(dir, opensWith.file) },
      s2: seed && { seedFile: pathInConfig(dir, seedPlaces.seedFile), publicKey: seed.publicKey },
    }),
  )
  // Everything is judged before anything is made.
  checkFlags(() => node.parseConfig(text, configFile, { methods: METHOD_NAMES }), configFile)
  for (const file of made) await refuseExisting(file, 'choose another --dir, or move it')

  if (newPassphraseFile !== undefined) {
    await store.ensurePrivateFolder(dir)
    await store.writePassphraseFile(newPassphraseFile)
  }
  await store.createKeyFile(keyFile, keyPair, opensWith)
  await store.writeOfflineCopy({ from: keyFile, to: offlineCopy })
  if (seed !== undefined) await node.makeSeed(seed, seedPlaces, keyPair.publicKey, opensWith)
  seed?.close()
  await store.writeFileAtomic(configFile, utf8(text), { overwrite: 'never' })
  const { publicKey, peerId } = keyPair
  keyPair.destroy()
  const result = {
    publicKey,
    peerId,
    keyFile,
    unlock: opensWith,
    newPassphraseFile,
    offlineCopy,
    configFile,
    s2: seedResult(seed, seedPlaces, options.s2SeedFile),
  }
  show(ctx, options.json, result, () => doneText(result))
}

/** Public values only. */
const seedResult = (
  seed: NewSeed | undefined,
  places: ReturnType<typeof seedPlacesIn>,
  rawFile: string | undefined,
): SeedMade | undefined => seed && { publicKey: seed.publicKey, isUnused: seed.isUnused, ...places, rawFile }

function unlockOf({ passphraseFile, identityFile }: Options): Unlock | undefined {
  if (passphraseFile !== undefined && identityFile !== undefined)
    throw new CodedError('USAGE', 'give --passphrase-file or --identity-file, not both')
  if (passphraseFile !== undefined) return { kind: 'passphrase', file: resolve(passphraseFile) }
  return identityFile === undefined ? undefined : { kind: 'identity', file: resolve(identityFile) }
}

/** Relative where it stays within the folder, so that the folder can be moved. */
function pathInConfig(dir: string, file: string): string {
  const path = relative(dir, file)
  return path.startsWith('..') || isAbsolute(path) ? file : path
}

/** What the validator says of the config is said of the flags: there is no such file yet. */
function checkFlags(parse: () => unknown, configFile: string): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const sentence = error.message.replace(`${configFile}: `, '')
    throw new CodedError('USAGE', `these flags make no valid config: ${sentence}`, error.data)
  }
}

type SeedMade = ReturnType<typeof seedPlacesIn> & {
  readonly publicKey: string
  readonly isUnused: boolean
  /** Where the seed still stands unsealed, if it was imported. */
  readonly rawFile: string | undefined
}

interface Made {
  readonly publicKey: string
  readonly peerId: string
  readonly keyFile: string
  readonly unlock: Unlock
  readonly newPassphraseFile: string | undefined
  readonly offlineCopy: string
  readonly configFile: string
  readonly s2: SeedMade | undefined
}

function doneText(made: Made): string {
  const { unlock } = made
  const steps = [
    `Move the offline copy off this machine, to a safe place; ${unlock.kind === 'passphrase' ? 'the same passphrase' : 'the same identity'} opens it.`,
    ...(made.newPassphraseFile === undefined
      ? []
      : [
          'Keep a copy of the passphrase apart from both, and move its file off this disk if you can ([identity] passphrase_file).',
        ]),
    ...(made.s2 === undefined ? [] : seedSteps(made.s2, made.s2.rawFile)),
    'Give the public key to the federation: it is what the registry lists.',
    `Read the config, then: countersign run --config ${made.configFile}`,
  ]
  return [
    'Made a signer key.',
    facts([
      ['public key', made.publicKey],
      ['PeerID', made.peerId],
      ['key file', `${made.keyFile} (sealed)`],
      [unlock.kind, `${unlock.file}${made.newPassphraseFile === undefined ? '' : ' (new, random)'}`],
      ['offline copy', `${made.offlineCopy} (sealed)`],
      ['seed', made.s2 && `${made.s2.seedFile} (sealed), its copy ${made.s2.offlineCopy}`],
      ['seed key', made.s2?.publicKey],
      ['config', made.configFile],
    ]),
    `Next:\n${steps.map((step, i) => `  ${i + 1}. ${step}`).join('\n')}`,
  ].join('\n\n')
}
