import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Io } from '../../../src/cli/io.ts'
import { runCli } from '../../../src/cli/main.ts'

export const KEY_A = '02007311430123d4cad97f4f7e86e023b28143130a18099ecf094d36fef0f6135c'
export const KEY_B = '031a4d9f4903da97498945a4e01a5023a1d53bc96ad670bfe03adf8a06c52e6380'
export const KEY_C = '035249137286c077ccee65ecc43e724b9b9e5a588e3d7f51e3b62f9624c2a49e46'
export const CONTRACT = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** The last line of stdout, as JSON. */
  readonly json: () => Readonly<Record<string, unknown>>
}

export interface Terminal {
  /** What a person answers; left out: nobody can be asked. */
  readonly answer?: string
  readonly stdin?: string
  readonly stop?: AbortSignal
  /** Its `hangup` events are SIGHUPs. */
  readonly hangup?: EventTarget
}

/** One command in this process, its output captured. */
export async function cli(argv: readonly string[], { answer, stdin = '', stop, hangup }: Terminal = {}): Promise<Ran> {
  let out = ''
  let err = ''
  const io: Io = {
    stdout: {
      write: (text) => {
        out += text
      },
    },
    stderr: {
      write: (text) => {
        err += text
      },
    },
    ask: answer === undefined ? undefined : (question) => Promise.resolve(answer).finally(() => (out += question)),
    readStdin: async () => stdin,
    stopSignal: () => stop ?? AbortSignal.abort(),
    exitAtLatest: () => {},
    onHangup: (listener) => {
      hangup?.addEventListener('hangup', listener)
      return () => hangup?.removeEventListener('hangup', listener)
    },
  }
  const code = await runCli(argv, io)
  return { code, out, err, json: () => JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') }
}

export function tempDir(): { readonly dir: string; readonly remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'cs-cli-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

/** A config that any command accepts; its key file need not exist. */
export function writeConfig(dir: string): string {
  const file = join(dir, 'signer.toml')
  const text = `
[identity]
key_file = "signer.key"
public_key = "${KEY_A}"
passphrase_file = "signer.passphrase"
[registry]
network = "devnet"
chain_id = 2147483648
contract = "${CONTRACT}"
endpoints = ["http://127.0.0.1:20443"]
[p2p]
listen = ["/ip4/127.0.0.1/tcp/0"]
[admin]
socket = "admin.sock"
`
  writeFileSync(file, text)
  return file
}
