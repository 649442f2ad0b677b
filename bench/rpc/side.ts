/**
 * One side of one contender, in a process of its own: `node side.ts server|client CONTENDER [ADDRESS…]`. A server says where
 * it is, a client is told how many requests to keep on their way and for how long, and says how many were answered a second.
 */
import { LIMITS } from '../../src/base/index.ts'
import { connectBare, serveBare } from '../baseline/gathered-stream.ts'
import { connectGrpc, serveGrpc } from '../baseline/grpc.ts'
import type { Answered, Contender, Order } from './contender.ts'
import { SIZES } from './method.ts'
import { connectOwn, connectPerStream, serveOwn } from './own.ts'

type Run = (inFlight: number, forMs: number) => Promise<Omit<Answered, 'cpuMs'>>

/** Half of what one peer may hold open, as an end takes a moment to arrive. */
const STREAMS_AT_ONCE = LIMITS.maxStreamsPerPeer / 2

/** Keeps so many calls on their way. */
const loop =
  (call: () => Promise<unknown>): Run =>
  async (inFlight, forMs) => {
    const startMs = performance.now()
    let answered = 0
    const one = async () => {
      while (performance.now() - startMs < forMs) {
        await call()
        answered++
      }
    }
    await Promise.all(Array.from({ length: inFlight }, one))
    return { calls: answered, perSecond: (answered * 1000) / (performance.now() - startMs) }
  }

const SERVERS: Readonly<Record<Contender, () => Promise<readonly string[]>>> = {
  own: serveOwn,
  'own-quic': async () => (await serveOwn()).slice(1),
  'own-per-stream': serveOwn,
  bare: async () => [await serveBare('tcp', SIZES)],
  'bare-quic': async () => [await serveBare('quic', SIZES)],
  grpc: async () => {
    const { port, certificate } = await serveGrpc(SIZES)
    return [String(port), certificate]
  },
}
const CLIENTS: Readonly<Record<Contender, (at: string, certificate: string) => Promise<Run>>> = {
  own: async (at) => loop(await connectOwn(at)),
  'own-quic': async (at) => loop(await connectOwn(at)),
  'own-per-stream': async (at) => {
    const run = loop(await connectPerStream(at))
    return (inFlight, forMs) => run(Math.min(inFlight, STREAMS_AT_ONCE), forMs)
  },
  bare: async (at) => loop(await connectBare('tcp', at, SIZES)),
  'bare-quic': async (at) => loop(await connectBare('quic', at, SIZES)),
  grpc: async (port, certificate) => loop(connectGrpc(Number(port), certificate, SIZES)),
}

const [side, contender = '', at = '', certificate = ''] = process.argv.slice(2)
const isContender = (name: string): name is Contender => Object.hasOwn(SERVERS, name)
if (!isContender(contender)) throw new Error(`no such contender: ${contender}`)
// Without a parent there is nobody to measure for.
process.on('disconnect', () => process.exit())

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

if (side === 'server') {
  process.on('message', () => process.send?.(cpuMs()))
  process.send?.(await SERVERS[contender]())
} else {
  const run = await CLIENTS[contender](at, certificate)
  process.on('message', ({ inFlight, forMs }: Order) => {
    const startMs = cpuMs()
    run(inFlight, forMs).then(
      (done) => process.send?.({ ...done, cpuMs: cpuMs() - startMs } satisfies Answered),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.send?.('ready')
}
