import type { Command } from 'commander'
import { CodedError, type PublicKey } from '../base/index.ts'
import type { FoundNode, NodeConfig } from '../node/index.ts'
import type { AdminReply } from '../status/index.ts'
import type { Io } from './io.ts'
import { textAt } from './view.ts'

/** What every command gets. */
export interface CliContext {
  readonly io: Io
  /** For commands that end with a code of their own without an error (the devnet). */
  exitWith(code: number): void
}

export const DEFAULT_CONFIG_FILE = 'signer.toml'

export const addJson = (command: Command): Command => command.option('--json', 'print JSON for programs')
export const addConfig = (command: Command): Command =>
  command.option('--config <file>', 'config of the node', DEFAULT_CONFIG_FILE)

/** For commands that talk to the running node. */
export const addNode = (command: Command): Command =>
  addConfig(command).option(
    '--socket <path>',
    "admin socket of the node; --config is not read then (for when that file is broken, or the node's has moved)",
  )

/** Lines under a command's `--help`. */
export const addExamples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)

/** One result: an object for programs, words for people. */
export function show(ctx: CliContext, json: boolean | undefined, value: unknown, words: () => string): void {
  ctx.io.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${words()}\n`)
}

/** A checked config. Rooms are loaded when a command needs them, so that `--help` answers at once. */
export async function openConfig(file: string): Promise<NodeConfig> {
  const [{ loadConfig }, { METHOD_NAMES, QUOTA_NAMES }] = await Promise.all([
    import('../node/index.ts'),
    import('../rpc/index.ts'),
  ])
  return await loadConfig(file, { methods: METHOD_NAMES, quotaClasses: QUOTA_NAMES })
}

export type NodeCall = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<AdminReply>

/** Options of `addNode`. */
export interface NodeOptions {
  readonly config: string
  readonly socket?: string
}

/**
 * Calls to the running node, over its admin socket. Of the config only what finds the node is read (`findNode`), and nothing
 * is changed on a node whose key is not the config's. Throws as `findNode`; calls also `OTHER_NODE`.
 */
export async function nodeOf({ config, socket }: NodeOptions): Promise<NodeCall> {
  const { socketPath, publicKeys } = socket === undefined ? await find(config) : { socketPath: socket, publicKeys: [] }
  const { adminCall, checkSocketPath } = await import('../status/index.ts')
  checkSocketPath(socketPath)
  const call: NodeCall = (method, path, body) => adminCall({ socketPath, method, path, body })
  if (publicKeys.length === 0) return call
  return async (method, path, body) => {
    if (method === 'POST') await requireKeyOf(call, publicKeys, socketPath)
    return await call(method, path, body)
  }
}

async function find(configFile: string): Promise<FoundNode> {
  const { findNode } = await import('../node/index.ts')
  return await findNode(configFile)
}

/** Two configs may name one socket by mistake: an approval must not become another operator's, or another network's. */
async function requireKeyOf(call: NodeCall, publicKeys: readonly PublicKey[], socketPath: string): Promise<void> {
  const key = textAt((await call('GET', '/status')).json, 'publicKey')
  if (publicKeys.some((pinned) => pinned === key)) return
  throw new CodedError(
    'OTHER_NODE',
    `the node that answers at ${socketPath} has the key ${key ?? '(none told)'}, and the config pins ${publicKeys.join(' or ')}; nothing was changed: name the right config with --config, or, if that node is meant, its socket with --socket`,
  )
}

/** For `parseArg` of repeatable options. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** For `parseArg` of numbers. Throws `USAGE`. */
export const wholeNumber = (option: string) => (value: string) => {
  if (!/^\d{1,15}$/.test(value)) throw new CodedError('USAGE', `${option} must be a whole number`)
  return Number(value)
}
