import { quic } from '@chainsafe/libp2p-quic'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'

/** What the parent asks for: so many strangers, each with a fresh key, one after the other's start. */
export interface StrangersOrder {
  readonly transport: 'tcp' | 'quic'
  readonly count: number
  readonly perSecond: number
  /** Where to dial; for TCP with the source address to use, for QUIC a proxy has one. */
  readonly targets: readonly { readonly address: string; readonly localAddress?: string }[]
}
export interface StrangersDone {
  readonly dialled: number
  /** Strangers whose dial was refused or whose connection was closed on them. */
  readonly refused: number
  /** Strangers still connected when they gave up: must be none. */
  readonly kept: number
}

const DIAL_MS = 15_000
/** The refusal comes a moment after a dial that seems to have succeeded. */
const CLOSE_MS = 5_000

async function run(order: StrangersOrder): Promise<StrangersDone> {
  const all: Promise<'refused' | 'kept'>[] = []
  const startedAtMs = performance.now()
  for (let i = 0; i < order.count; i++) {
    const target = order.targets[i % order.targets.length]
    if (target === undefined) throw new Error('no target')
    const dueMs = startedAtMs + (i * 1_000) / order.perSecond - performance.now()
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs))
    all.push(stranger(order.transport, target))
  }
  const ends = await Promise.all(all)
  return {
    dialled: ends.length,
    refused: ends.filter((e) => e === 'refused').length,
    kept: ends.filter((e) => e === 'kept').length,
  }
}

async function stranger(
  transport: StrangersOrder['transport'],
  target: StrangersOrder['targets'][number],
): Promise<'refused' | 'kept'> {
  const node: Libp2p = await createLibp2p({
    privateKey: await generateKeyPair('secp256k1'),
    transports: [transport === 'tcp' ? tcp({ dialOpts: sourceOf(target) }) : quic({ ipv6: false })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  try {
    const connection = await node.dial(multiaddr(target.address), { signal: AbortSignal.timeout(DIAL_MS) })
    if (connection.status !== 'open') return 'refused'
    return await new Promise<'refused' | 'kept'>((resolve) => {
      const timer = setTimeout(() => resolve('kept'), CLOSE_MS)
      connection.addEventListener('close', () => {
        clearTimeout(timer)
        resolve('refused')
      })
    })
  } catch {
    return 'refused'
  } finally {
    await node.stop()
  }
}

/** Handed to `net.connect` as it is, which knows more than the library's type says. */
const sourceOf = ({ localAddress }: StrangersOrder['targets'][number]): object =>
  localAddress === undefined ? {} : { localAddress }

process.on('message', (order: StrangersOrder) => {
  run(order).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      console.error(error)
      process.exitCode = 1
      process.disconnect?.()
    },
  )
})
