import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { CodedError } from '../../base/index.ts'
import { defaultConfirmations } from '../../registry/index.ts'
import { bridgesOf } from './bridge-rules.ts'
import { checkFile } from './check.ts'
import { checkCounted } from './counted.ts'
import * as rules from './rules.ts'
import { s2Of } from './s2-rules.ts'
import { settingsOf } from './settings.ts'
import type { NodeConfig } from './types.ts'

export interface ConfigContext {
  /** Names of the methods that the node serves; grants of anything else are refused. */
  readonly methods: readonly string[]
  /** Classes of methods that quotas are of; any name is taken if left out. */
  readonly quotaClasses?: readonly string[]
  /** For a node that runs: what would not be started with is taken all the same where it takes a right away. */
  readonly isReload?: boolean
}

/** A config with 128 bootstrap signers and 512 seeds is 80 KiB. */
const MAX_FILE_BYTES = 1024 * 1024

/** Throws `CONFIG_MISSING`, `CONFIG_UNREADABLE`, `CONFIG_INVALID`, `ADMIN_SOCKET_PATH_TOO_LONG`. Reads nothing but the file itself. */
export async function loadConfig(file: string, context: ConfigContext): Promise<NodeConfig> {
  const absolute = resolve(file)
  return parseConfig(await readToml(absolute, '`countersign init` makes one'), absolute, context)
}

/** As `loadConfig`, of a text. `file` is an absolute path: relative paths inside resolve against its folder. */
export function parseConfig(text: string, file: string, context: ConfigContext): NodeConfig {
  const checked = checkFile(parseToml(text, file), file)
  const { root, sections, lists } = checked
  const { identity, registry, p2p, signing, rotation, admin, s2, log } = sections
  const unlock = rules.unlockOf(identity, file)
  const next = rules.nextKeyOf(identity, unlock, file)
  const ownKeys = [identity.public_key, ...(next === undefined ? [] : [next.publicKey])]
  rules.checkNetwork(registry, file)
  const quorum = rules.quorumOf(registry, file)
  rules.checkMaxAge(registry, file)
  const bootstrap = rules.bootstrapOf(registry, file)
  rules.checkTransports(p2p, file)
  rules.checkDeny(p2p, ownKeys, file)
  const nat = rules.natOf(p2p, sections['p2p.nat'], ownKeys, file)
  rules.checkSigning(signing, registry, file)
  const consent = rules.consentOf(signing, file)
  const validator = rules.validatorOf(signing, sections['signing.http'], file)
  const signers = [...ownKeys, ...(bootstrap?.keys ?? [])]
  const bridges = bridgesOf(lists.bridge, signers, context, file)
  if (context.isReload !== true) checkCounted({ signing: { consent }, bridges }, file)
  const backups = rules.backupsOf(lists.backup, lists.bridge, signers, file)
  const socketPath = rules.socketPathOf(root.data_dir, admin.socket)
  rules.checkAdmin(admin, socketPath, file)
  return {
    file,
    dataDir: root.data_dir,
    identity: {
      keyFile: identity.key_file,
      publicKey: identity.public_key,
      unlock,
      next,
      exitOnRemoval: identity.exit_on_removal,
      exitOnRemovalAfterMs: identity.exit_on_removal_after,
    },
    registry: {
      id: { network: registry.network, chainId: registry.chain_id, contract: registry.contract },
      endpoints: registry.endpoints,
      quorum,
      pollIntervalMs: registry.poll_interval,
      maxAgeMs: registry.max_age,
      onStale: registry.on_stale,
      bootstrap,
      observerListen: registry.observer_listen,
      confirmations: registry.confirmations ?? defaultConfirmations(registry.chain_id),
    },
    p2p: {
      listen: p2p.listen.map((a) => a.text),
      announce: p2p.announce.map((a) => a.text),
      transports: p2p.transports,
      seeds: p2p.seeds.map(({ text: address, peerId }) => ({ address, peerId })),
      deny: p2p.deny,
      mdns: p2p.mdns,
      nat,
    },
    signing: {
      policy: signing.policy,
      requestTtlMs: signing.request_ttl,
      consent,
      validator,
      coordinatorDelayMs: signing.coordinator_delay,
    },
    s2: s2Of(s2, { registry, keyFile: identity.key_file, unlock, dataDir: root.data_dir }, file),
    bridges,
    backups,
    rotation: { approvalTtlMs: rotation.approval_ttl, feeUstx: rotation.fee_ustx },
    admin: { socketPath, listen: admin.listen, tokenFile: admin.token_file },
    log: { level: log.level },
    settings: settingsOf(checked),
  }
}

/** Text of a TOML file of bounded size. Throws `CONFIG_MISSING`, `CONFIG_UNREADABLE`. */
export async function readToml(file: string, remedy: string): Promise<string> {
  try {
    const info = await stat(file)
    if (!info.isFile() || info.size > MAX_FILE_BYTES)
      throw new CodedError('CONFIG_UNREADABLE', `${file} is not a file of at most ${MAX_FILE_BYTES} bytes`, { file })
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof CodedError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT')
      throw new CodedError('CONFIG_MISSING', `there is no file ${file}: ${remedy}`, { file }, { cause: error })
    const message = `${file} can't be read (${code}): check its owner and mode`
    throw new CodedError('CONFIG_UNREADABLE', message, { file }, { cause: error })
  }
}

/** Throws CONFIG_INVALID with line and column, and nothing of the text: it may be another file than was meant. */
export function parseToml(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [why = ''] = error.message.split('\n')
    const message = `${file}: line ${error.line}, column ${error.column} is not TOML (${why.replace(/^Invalid TOML document: /, '')})`
    throw new CodedError('CONFIG_INVALID', message, { file, line: error.line }, { cause: error })
  }
}
