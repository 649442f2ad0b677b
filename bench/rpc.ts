/**
 * What one small call costs over the rpc, beside a bare libp2p stream and gRPC over TLS: `npm run bench:rpc [slices]`. Each
 * side of each contender is a process of its own; all are measured in turns, so that what disturbs the machine disturbs all.
 * Figures gate nothing.
 */
import { versionsLine } from './baseline/versions.ts'
import { type Contender, type Measured, Pair } from './rpc/contender.ts'
import { METHOD, SIZES } from './rpc/method.ts'

const CONTENDERS = ['own', 'bare', 'grpc', 'own-quic', 'bare-quic', 'own-per-stream'] as const satisfies Contender[]
const IN_FLIGHT = [1, 16, 128]
const SLICE_MS = 500
const slices = Number(process.argv[2] ?? 12)

/** `own` at least so many times the other; at one and at 16 requests in flight. */
const TARGETS = { bare: 0.85, grpc: 1.8 } as const

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

type Slices = Readonly<Record<Contender, Measured[]>>

async function inTurns(pairs: ReadonlyMap<Contender, Pair>, inFlight: number): Promise<Slices> {
  const taken: Slices = { own: [], bare: [], grpc: [], 'own-quic': [], 'bare-quic': [], 'own-per-stream': [] }
  // The first slice of each warms up.
  for (let i = 0; i <= slices; i++)
    for (const [contender, pair] of pairs) {
      const measured = await pair.measure({ inFlight, forMs: SLICE_MS })
      if (i > 0) taken[contender].push(measured)
    }
  return taken
}

/** Slice by slice: neighbours in time met the same machine. */
const ratioOf = (of: keyof Measured, { own }: Slices, other: readonly Measured[]): number =>
  median(own.map((m, i) => m[of] / (other[i]?.[of] ?? Number.NaN)))

console.log(versionsLine(['libp2p', '@chainsafe/libp2p-quic', '@grpc/grpc-js']))
console.log(
  `${METHOD}, frames of ${SIZES.requestBytes} and ${SIZES.resultBytes} bytes, ${slices} slices of ${SLICE_MS} ms`,
)
const pairs = new Map<Contender, Pair>()
try {
  for (const contender of CONTENDERS) pairs.set(contender, await Pair.start(contender))
  for (const inFlight of IN_FLIGHT) {
    console.log(`${inFlight} in flight`)
    const taken = await inTurns(pairs, inFlight)
    for (const contender of CONTENDERS) {
      const perSecond = median(taken[contender].map((m) => m.perSecond)).toFixed(0)
      const cpuMicros = median(taken[contender].map((m) => m.cpuMicros)).toFixed(1)
      console.log(`  ${contender.padEnd(15)} ${perSecond.padStart(7)} calls/s; ${cpuMicros.padStart(6)} µs CPU a call`)
    }
    for (const [other, target] of Object.entries(TARGETS) as [keyof typeof TARGETS, number][]) {
      const ratio = ratioOf('perSecond', taken, taken[other])
      const verdict = inFlight > 16 ? '' : ` (target ≥ ${target}×, ${ratio >= target ? 'met' : 'MISSED'})`
      const cpu = ratioOf('cpuMicros', taken, taken[other])
      console.log(`  own / ${other}: ${ratio.toFixed(2)}×${verdict}; CPU ${cpu.toFixed(2)}×`)
    }
  }
} finally {
  for (const pair of pairs.values()) pair.stop()
}
