import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { CodedError } from '../../base/index.ts'
import type { KeyPair } from '../../curve/index.ts'
import type { RpcError } from '../../rpc/index.ts'
import type { Unlock } from '../../store/index.ts'
import { methodList, methodsText, methodText } from '../call-list.ts'
import { addExamples, addJson, type CliContext, collect, show, wholeNumber } from '../context.ts'
import { EXIT } from '../exit-codes.ts'
import { readInput, textOf as utf8TextOf } from '../read-input.ts'

interface Options {
  readonly to?: readonly string[]
  readonly signer?: readonly string[]
  readonly key?: string
  readonly passphraseFile?: string
  readonly identityFile?: string
  readonly timeout?: number
  readonly list?: boolean
  readonly json?: boolean
}

export function registerCall(program: Command, ctx: CliContext): void {
  const command = program
    .command('call')
    .summary('call any method of a signer node, as a bridge does')
    .description(
      'Calls one method of the rpc protocol (docs/PROTOCOL.md) and prints the result as one line of JSON: snake_case names, bytes as lower-case hex.\n' +
        'An error is one line, too: {"error":{"code","message","request_id"}}, exit code 1, whatever went wrong.\n' +
        'Whoever else is on this machine sees the arguments of a command: give PARAMS that are secret as - or @FILE.',
    )
    .argument('[method]', 'its name, like preimages.get_preimage')
    .argument('[params]', 'JSON; - reads it from stdin, @FILE from a file (default: {})')
    .option('--to <multiaddr>', 'where the node listens, ending in /p2p/PEERID; repeat for more addresses', collect)
    .option('--signer <key>', 'public key or PeerID of the node, where --to does not say it; repeat for more', collect)
    .option('--key <file>', 'sealed key of the client, whose PeerID stands under [[bridge]] of the node')
    .option('--passphrase-file <file>', 'opens the key (default: the .passphrase file beside it)')
    .option('--identity-file <file>', 'opens the key, if it is sealed to an age identity')
    .addOption(
      new Option('--timeout <ms>', "how long to wait for the answer (default: the method's)").argParser(
        wholeNumber('--timeout'),
      ),
    )
    .option('--list', 'show every method, or all there is to know of the named one')
  addExamples(
    addJson(command),
    'countersign call --list',
    'countersign call --list preimages.get_preimage',
    'countersign call --to /ip4/10.0.0.7/tcp/4700/p2p/16Uiu2HA… --key bridge.key hello',
    `countersign call --to … --key bridge.key schnorr.public_key '{"target":"general"}'`,
    'countersign call --to … --key bridge.key keys.provision @sealed-key.json',
  ).action((method: string | undefined, params: string | undefined, options: Options) =>
    options.list === true ? list(ctx, method, options) : call(ctx, method, params, options),
  )
}

async function list(ctx: CliContext, method: string | undefined, { json }: Options): Promise<void> {
  const { isMethod, METHODS } = await import('../../rpc/index.ts')
  if (method === undefined) return show(ctx, json, methodList(METHODS), () => methodsText(METHODS))
  if (!isMethod(method)) throw new CodedError('USAGE', `there is no method ${JSON.stringify(method)}; see call --list`)
  const [row] = methodList({ [method]: METHODS[method] })
  show(ctx, json, row, () => methodText(method, METHODS[method]))
}

async function call(
  ctx: CliContext,
  method: string | undefined,
  params: string | undefined,
  options: Options,
): Promise<void> {
  const { to: addresses, signer: signers, key: keyFile, timeout: timeoutMs } = options
  if (method === undefined) throw new CodedError('USAGE', 'name a method; countersign call --list shows them')
  if (addresses === undefined) throw new CodedError('USAGE', 'say with --to where the node listens')
  if (keyFile === undefined) throw new CodedError('USAGE', 'name with --key the sealed key that the node knows you by')
  if (timeoutMs === 0) throw new CodedError('USAGE', '--timeout must be above 0')
  const { checkCall, connect, RpcError } = await import('../../rpc/client/index.ts')
  try {
    // Before the key is opened and anybody is dialled: most mistakes are here.
    const checked = checkCall(method, jsonOf(await textOf(ctx, params), RpcError))
    const wait = timeoutMs === undefined ? {} : { timeoutMs }
    const key = await openKey(options, keyFile)
    const client = await connect({ addresses, ...(signers === undefined ? {} : { signers }), key, ...wait })
    try {
      ctx.io.stdout.write(`${JSON.stringify(await client.call(checked.method, checked.params, wait))}\n`)
    } finally {
      await client.close()
      key.destroy()
    }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    ctx.io.stdout.write(`${JSON.stringify({ error })}\n`)
    ctx.exitWith(EXIT.failure)
  }
}

/** The largest params are those of a batch: 1,024 items, and their hex is twice as long. */
const MAX_PARAMS_BYTES = 4 * 1024 * 1024

async function textOf(ctx: CliContext, params = '{}'): Promise<string> {
  if (params === '-') return await ctx.io.readStdin(MAX_PARAMS_BYTES)
  if (!params.startsWith('@')) return params
  const bytes = await readInput(params.slice(1), 'name a file with the params after @')
  if (bytes.length > MAX_PARAMS_BYTES) throw new CodedError('USAGE', `${params.slice(1)} is too large for params`)
  return utf8TextOf(bytes, params.slice(1))
}

/** The text itself is never repeated: it may hold a secret. */
function jsonOf(text: string, Rpc: typeof RpcError): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Rpc('BAD_REQUEST', { field: 'params', expected: 'JSON' })
  }
}

async function openKey(options: Options, keyFile: string): Promise<KeyPair> {
  const { openKeyFile, unlockBeside } = await import('../../store/index.ts')
  if (!existsSync(keyFile))
    throw new CodedError('KEY_FILE_MISSING', `there is no key file ${keyFile}: make one with countersign init`)
  const { keyPair } = await openKeyFile(keyFile, unlockOf(options) ?? unlockBeside(keyFile))
  return keyPair
}

function unlockOf({ passphraseFile, identityFile }: Options): Unlock | undefined {
  if (passphraseFile !== undefined && identityFile !== undefined)
    throw new CodedError('USAGE', 'give --passphrase-file or --identity-file, not both')
  if (passphraseFile !== undefined) return { kind: 'passphrase', file: resolve(passphraseFile) }
  return identityFile === undefined ? undefined : { kind: 'identity', file: resolve(identityFile) }
}
