import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { connect, type Trusted } from 'countersign/client'
import { openClientKey } from 'countersign/key-file'
import { runDeposit } from './deposit.ts'

const { values } = parseArgs({
  options: {
    to: { type: 'string', multiple: true },
    key: { type: 'string' },
    state: { type: 'string' },
    deposit: { type: 'string', default: 'deposit-1' },
    operators: { type: 'string', default: '15' },
    inputs: { type: 'string', default: '67' },
  },
})

/** Where the signer was last time, and under which key: it may have moved to its next one since `--to` was written (README.md). */
function stored(file: string | undefined): Trusted | undefined {
  return file !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

function store(file: string | undefined, trusted: Trusted): void {
  if (file === undefined) return
  writeFileSync(`${file}.new`, JSON.stringify(trusted))
  renameSync(`${file}.new`, file)
}

async function main(): Promise<object> {
  const { to: addresses, key: keyFile, state, deposit } = values
  if (addresses === undefined || keyFile === undefined) throw new Error('usage: --to MULTIADDR --key FILE')
  const key = await openClientKey(keyFile)
  const client = await connect({
    ...(stored(state) ?? { addresses }),
    key,
    onSignerChanged: ({ trusted }) => store(state, trusted),
  })
  try {
    const { peerId, ready, waitingFor } = await client.hello()
    if (!ready) throw new Error(`the signer is not ready; it waits for ${waitingFor.join(', ')}`)
    const size = { operators: Number(values.operators), inputs: Number(values.inputs) }
    return { ok: true, deposit, signer: peerId, ...(await runDeposit(client, deposit, size)) }
  } finally {
    await client.close()
    key.destroy()
  }
}

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

// One line for whoever started this. Everything may be asked for again: run it again with the same --deposit.
try {
  print(await main())
} catch (error) {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  print({ ok: false, error: { code: code ?? 'FAILED', message: message ?? String(error) } })
  process.exitCode = 1
}
