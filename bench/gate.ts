/**
 * Strangers at the gate: `node bench/gate.ts [strangers] [per second]`. Prints what a flood costs a real node.
 * Needs the built binary (`npm run build`).
 */
import { decisionMicros } from './gate/decision.ts'
import { flood, STRANGER_ADDRESSES } from './gate/flood.ts'

const MIB = 1024 * 1024
const strangers = Number(process.argv[2] ?? 10_000)
const perSecond = Number(process.argv[3] ?? 40)
const checkpoint = Math.floor(strangers / 5)

const decision = decisionMicros()
console.log(`admission decision: ${decision.micros.toFixed(2)} µs with ${decision.keys} keys in the set (target 10 µs)`)

console.log(`${strangers} strangers, ${perSecond} per second, from ${STRANGER_ADDRESSES} addresses over TCP and QUIC`)
const r = await flood({ strangers, checkpoint, perSecond, signatures: 50 }, console.log)
const { signMs, cpuMsPerStranger: cpu } = r
console.log(
  `reached the identity check: ${r.reachedIdentity} of ${r.strangers} (target 90 %); kept a connection: ${r.kept}`,
)
console.log(
  `memory, ${checkpoint} to ${strangers}: heap ${(r.heapGrowthBytes / MIB).toFixed(1)} MiB, process ${(r.rssGrowthBytes / MIB).toFixed(1)} MiB (target 16)`,
)
console.log(`CPU per stranger: TCP ${cpu.tcp.toFixed(2)} ms, QUIC ${cpu.quic.toFixed(2)} ms`)
console.log(
  `signing: ${signMs.quiet.toFixed(0)} ms quiet, ${signMs.flooded.toFixed(0)} ms flooded (${signMs.during} signatures): ${(signMs.flooded / signMs.quiet).toFixed(2)}× (target 2×)`,
)
