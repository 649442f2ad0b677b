import type { Command } from 'commander'
import { CodedError } from '../base/index.ts'
import type { NodeConfig } from '../node/index.ts'
import type { AdminReply } from '../status/index.ts'
import type { Io } from './io.ts'

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
  const [{ loadConfig }, { METHOD_NAMES }] = await Promise.all([import('../node/index.ts'), import('../rpc/index.ts')])
  return await loadConfig(file, { methods: METHOD_NAMES })
}

export type NodeCall = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<AdminReply>

/** Options of `addNode`. */
export interface NodeOptions {
  readonly config: string
  readonly socket?: string
}

/** Calls to the running node, over its admin socket. Of the config only what names the socket is read (`findAdminSocket`). */
export async function nodeOf({ config, socket }: NodeOptions): Promise<NodeCall> {
  const socketPath = socket ?? (await findSocket(config))
  const { adminCall, checkSocketPath } = await import('../status/index.ts')
  checkSocketPath(socketPath)
  return (method, path, body) => adminCall({ socketPath, method, path, body })
}

async function findSocket(configFile: string): Promise<string> {
  const { findAdminSocket } = await import('../node/index.ts')
  return await findAdminSocket(configFile)
}

/** For `parseArg` of repeatable options. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** For `parseArg` of numbers. Throws `USAGE`. */
export const wholeNumber = (option: string) => (value: string) => {
  if (!/^\d{1,15}$/.test(value)) throw new CodedError('USAGE', `${option} must be a whole number`)
  return Number(value)
}
