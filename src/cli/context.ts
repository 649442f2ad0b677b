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

/** Calls to the running node of a config, over its admin socket. */
export async function nodeOf(configFile: string): Promise<NodeCall> {
  const { admin } = await openConfig(configFile)
  const { adminCall } = await import('../status/index.ts')
  return (method, path, body) => adminCall({ socketPath: admin.socketPath, method, path, body })
}

/** For `parseArg` of repeatable options. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** For `parseArg` of numbers. Throws `USAGE`. */
export const wholeNumber = (option: string) => (value: string) => {
  if (!/^\d{1,15}$/.test(value)) throw new CodedError('USAGE', `${option} must be a whole number`)
  return Number(value)
}
