import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export type Contender = 'own' | 'own-quic' | 'own-per-stream' | 'bare' | 'bare-quic' | 'grpc'
/** What a client is asked for, and what it says. */
export interface Order {
  readonly inFlight: number
  readonly forMs: number
}
export interface Answered {
  readonly perSecond: number
  readonly calls: number
  /** Of the client's process, for the whole order. */
  readonly cpuMs: number
}
/** Of one slice. */
export interface Measured {
  readonly perSecond: number
  /** CPU of one call, µs, of both sides: on a shared machine the clock on the wall measures the neighbours, too. */
  readonly cpuMicros: number
  /** Of that, the client's. */
  readonly clientMicros: number
}

/** Two processes of one contender. */
export class Pair {
  readonly #server: ChildProcess
  readonly #client: ChildProcess
  private constructor(server: ChildProcess, client: ChildProcess) {
    this.#server = server
    this.#client = client
  }

  static async start(contender: Contender): Promise<Pair> {
    const server = side('server', contender)
    const at = (await said(server)) as readonly string[]
    const client = side('client', contender, ...at)
    await said(client)
    return new Pair(server, client)
  }

  async measure(order: Order): Promise<Measured> {
    const before = await this.#serverCpuMs()
    this.#client.send(order)
    const { perSecond, calls, cpuMs } = (await said(this.#client)) as Answered
    const serverMs = (await this.#serverCpuMs()) - before
    return { perSecond, cpuMicros: ((cpuMs + serverMs) * 1000) / calls, clientMicros: (cpuMs * 1000) / calls }
  }

  async #serverCpuMs(): Promise<number> {
    this.#server.send('cpu')
    return (await said(this.#server)) as number
  }

  stop(): void {
    for (const child of [this.#server, this.#client]) child.kill()
  }
}

const side = (...args: readonly string[]): ChildProcess =>
  fork(join(import.meta.dirname, 'side.ts'), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })

async function said(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  try {
    const exited = once(child, 'exit', { signal: over.signal }).then(() => {
      throw new Error('a side of the benchmark ended by itself')
    })
    const message = once(child, 'message', { signal: over.signal })
    const [first] = await Promise.race([message, exited])
    return first
  } finally {
    over.abort()
  }
}
