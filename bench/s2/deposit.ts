/**
 * What one operator's bridge node asks for in a deposit of 15 operators: 379 one-time public keys, then for each operator's graph 67
 * nonces and as many partial signatures. Client and server are a process each; every binding, journal line and audit line is on
 * disk before its answer.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { aggregateNonces } from '../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes, xOnly } from '../../src/curve/index.ts'
import { type Client, connect } from '../../src/rpc/client/index.ts'
import { median } from '../rounds/measure.ts'
import type { Row } from '../rounds/row.ts'
import type { ServerSpent } from './deposit-server.ts'

const OPERATORS = 15
const INPUTS = 67
const RUNS = 5
const STEPS = ['379 one-time public keys', '1,005 nonces', '1,005 partial signatures'] as const

interface Spent extends ServerSpent {
  readonly wallMs: number
  readonly clientCpuMs: number
}

async function said(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  const ended = once(child, 'exit', { signal: over.signal }).then(() => {
    throw new Error('the server of the benchmark ended by itself')
  })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: over.signal }), ended])
    return message
  } finally {
    over.abort()
  }
}
async function serverSpent(server: ChildProcess): Promise<ServerSpent> {
  server.send('cpu')
  return (await said(server)) as ServerSpent
}

const freshKey = (): Uint8Array => curve.publicKeyOf(curve.randomScalar())

/** Each step of a deposit in turn. */
function deposit(client: Client, own: Uint8Array): readonly (() => Promise<unknown>)[] {
  const txid = randomBytes(32)
  const others = Array.from({ length: OPERATORS - 1 }, () => xOnly(freshKey()))
  const params = { orderedPubkeys: [own, ...others], tweak: { kind: 'key', merkleRoot: null } } as const
  const foreign = Uint8Array.of(...freshKey(), ...freshKey())
  const graphs = Array.from({ length: OPERATORS }, () => Array.from({ length: INPUTS }, () => randomBytes(32)))
  const aggNonces: Uint8Array[][] = graphs.map(() => [])
  const wots = { txid, vout: 0, firstIndex: 0 }
  return [
    () =>
      Promise.all([
        client.wots.get128PublicKeyBatch({ ...wots, count: 363 }),
        client.wots.get256PublicKeyBatch({ ...wots, count: 16 }),
      ]),
    () =>
      Promise.all(
        graphs.map(async (sighashes, graph) => {
          for (const one of await client.musig2.getPubNonceBatch({ ...params, sighashes })) {
            if (!one.ok) throw new Error('a nonce was refused')
            aggNonces[graph]?.push(aggregateNonces([one.pubNonce, foreign]))
          }
        }),
      ),
    () =>
      Promise.all(
        graphs.map(async (sighashes, graph) => {
          const items = sighashes.map((sighash, i) => ({ sighash, aggnonce: aggNonces[graph]?.[i] ?? foreign }))
          const partials = await client.musig2.getOurPartialSigBatch({ ...params, items })
          if (partials.some((one) => !one.ok)) throw new Error('a partial signature was refused')
        }),
      ),
  ]
}

async function measured(server: ChildProcess, step: () => Promise<unknown>): Promise<Spent> {
  await serverSpent(server)
  const [cpu, begin] = [process.cpuUsage(), performance.now()]
  await step()
  const wallMs = performance.now() - begin
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs, clientCpuMs: (user + system) / 1000, ...(await serverSpent(server)) }
}

export async function* depositRows(): AsyncIterable<Row> {
  const server = fork(join(import.meta.dirname, 'deposit-server.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    const client = await connect({ addresses: [String(await said(server))], key: KeyPair.generate() })
    const { publicKey: own } = await client.schnorr.publicKey({ target: 'musig2' })
    const taken = STEPS.map((): Spent[] => [])
    // The first deposit warms up.
    for (let run = 0; run <= RUNS; run++)
      for (const [i, step] of deposit(client, own).entries()) {
        const spent = await measured(server, step)
        if (run > 0) taken[i]?.push(spent)
      }
    await client.close()
    yield* rowsOf(taken)
  } finally {
    if (server.exitCode === null) {
      const ended = once(server, 'exit')
      server.send('stop')
      await ended
    }
  }
}

function* rowsOf(taken: readonly (readonly Spent[])[]): Generator<Row> {
  const of = (i: number, what: keyof Spent) => median((taken[i] ?? []).map((spent) => spent[what]))
  const sum = (what: keyof Spent) => STEPS.reduce((all, _, i) => all + of(i, what), 0)
  for (const [i, name] of STEPS.entries()) {
    yield { name, unit: 'ms wall', ours: of(i, 'wallMs') }
    yield { name: '  of the server', unit: 'ms CPU', ours: of(i, 'cpuMs') }
    yield { name: '  of the client', unit: 'ms CPU', ours: of(i, 'clientCpuMs') }
  }
  yield { name: 'a deposit of 15 operators, end to end', unit: 'ms wall', ours: sum('wallMs') }
  yield { name: '  of the server', unit: 'ms CPU', ours: sum('cpuMs') }
  yield { name: '  of the client', unit: 'ms CPU', ours: sum('clientCpuMs') }
  const longest = (what: keyof Spent) => Math.max(...taken.flatMap((step) => step.map((spent) => spent[what])))
  const name = "longest stretch of the server's event loop"
  yield { name, unit: 'ms CPU', ours: longest('longestStretchMs'), target: 50 }
  yield { name: '  longest delay of a timer there', unit: 'ms wall', ours: longest('longestBlockMs') }
}
