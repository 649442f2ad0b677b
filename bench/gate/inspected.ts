import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export interface Memory {
  /** JS heap and what hangs on it outside, bytes, after collections. */
  readonly heapBytes: number
  /** Whole process, bytes: with native code (QUIC), and as noisy as allocators are. */
  readonly rssBytes: number
}

const COLLECTIONS = 4

/**
 * A node process looked at through V8's inspector, which the process opens when it is sent SIGUSR1: nothing in the node is
 * made for it. The port is in its log; start it with NODE_OPTIONS=--inspect-port=0.
 */
export class InspectedProcess {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (result: Readonly<Record<string, unknown>>) => void>()
  #nextId = 1

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data))
      this.#waiting.get(id)?.(result)
      this.#waiting.delete(id)
    })
  }

  static async open(pid: number, logFile: string): Promise<InspectedProcess> {
    process.kill(pid, 'SIGUSR1')
    for (let tries = 0; tries < 100; tries++) {
      const url = [...readFileSync(logFile, 'utf8').matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1]
      if (url !== undefined) {
        const socket = new WebSocket(url)
        await new Promise((resolve, reject) => {
          socket.addEventListener('open', resolve)
          socket.addEventListener('error', () => reject(new Error('the inspector does not answer')))
        })
        return new InspectedProcess(socket)
      }
      await delay(100)
    }
    throw new Error('the process opened no inspector')
  }

  async memory(): Promise<Memory> {
    for (let i = 0; i < COLLECTIONS; i++) {
      await this.#call('HeapProfiler.collectGarbage')
      await delay(250)
    }
    const { heapUsed, external, rss } = (await this.#evaluate('process.memoryUsage()')) as NodeJS.MemoryUsage
    return { heapBytes: heapUsed + external, rssBytes: rss }
  }

  /** CPU time that the process has used, of all its threads. */
  async cpuMs(): Promise<number> {
    const { user, system } = (await this.#evaluate('process.cpuUsage()')) as NodeJS.CpuUsage
    return (user + system) / 1_000
  }

  close(): void {
    this.#socket.close()
  }

  async #evaluate(expression: string): Promise<unknown> {
    const answer = await this.#call('Runtime.evaluate', { expression, returnByValue: true })
    const { result } = answer as { readonly result: { readonly value: unknown } }
    return result.value
  }

  #call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#nextId++
    const { promise, resolve } = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    this.#waiting.set(id, resolve)
    this.#socket.send(JSON.stringify({ id, method, params }))
    return promise
  }
}
