import { type Logger, silentLogger } from '../../../../src/base/index.ts'
import type { Place, WotsBits } from '../../../../src/crypto/index.ts'
import type { ChainHasher } from '../../../../src/signer/s2/chain-hasher.ts'
import { type ChainThreadsInit, chainThreads } from '../../../../src/signer/s2/chain-threads.ts'
import type { WotsJob } from '../../../../src/signer/s2/types.ts'

export const ZEROS = { wots128Material: new Uint8Array(32), wots256Material: new Uint8Array(32) }

export const placeOf = (index: number, txid = 0): Place => ({ txid: new Uint8Array(32).fill(txid), vout: 1, index })
/** Keys that nobody else asks for, by `txid`. */
export const jobs = (count: number, txid: number, bits: WotsBits = 128): readonly WotsJob[] =>
  Array.from({ length: count }, (_, index) => ({ bits, place: placeOf(index, txid) }))

export const pool = (init: Partial<ChainThreadsInit> = {}): ChainHasher =>
  chainThreads({ material: ZEROS, logger: silentLogger, threads: 1, ...init })

/**
 * A thread that hashes nothing. The material is memory that it shares with its successors: its first word counts threads, its
 * second one the items of all of them. An answer is full of the number that its item had.
 */
export const threadThat = (does: string): URL => {
  const code = `import { parentPort, workerData } from 'node:worker_threads'
const words = new Int32Array(workerData)
const thread = Atomics.add(words, 0, 1) + 1
const sizeOf = ({ bits, message }) => (message === undefined ? 20 : 21) * (bits / 4 + 4)
const answer = (item) => new Uint8Array(sizeOf(item)).fill(Atomics.add(words, 1, 1) + 1)
const say = (items) => parentPort.postMessage(items.map(answer))
parentPort.on('message', (items) => { ${does} })`
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`)
}

/** What threads of `worker` tell on a channel, one promise for each message. */
export function hearing(name: string) {
  const channel = new BroadcastChannel(name)
  const heard: unknown[] = []
  const waiting: ((value: unknown) => void)[] = []
  channel.onmessage = (event) => {
    const next = waiting.shift()
    if (next === undefined) heard.push((event as MessageEvent).data)
    else next((event as MessageEvent).data)
  }
  return {
    next: (): Promise<unknown> =>
      heard.length > 0 ? Promise.resolve(heard.shift()) : new Promise((resolve) => waiting.push(resolve)),
    [Symbol.dispose]: () => channel.close(),
  }
}

/** Says on a channel that there was a warning. */
export function tellingLogger(name: string): Logger {
  return {
    ...silentLogger,
    warn: () => {
      const channel = new BroadcastChannel(name)
      channel.postMessage('warned')
      channel.close()
    },
  }
}
