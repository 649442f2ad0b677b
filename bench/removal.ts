/** From the snapshot to the last closed connection: `node bench/removal.ts`. 15 members in one process, each removal by 14. */
import type { Transport } from '../src/p2p/index.ts'
import { untilWithin } from '../test/fixtures/until.ts'
import { isFullMesh, linkedTo, snapshotOf, startMembers } from '../test/integration/fixtures/members.ts'
import { median } from './gate/flood.ts'

const MEMBERS = 15
const REMOVALS = 7
const TARGET_MS = 50
const DEADLINE_MS = 120_000

for (const transport of ['tcp', 'quic'] satisfies Transport[]) {
  const net = await startMembers(MEMBERS, transport)
  const { members } = net
  for (const m of members) m.parts.membership.applySnapshot(snapshotOf(members, 'a1'))
  await untilWithin(DEADLINE_MS, 'all are connected', () => isFullMesh(members))
  const tookMs: number[] = []
  for (let i = 0; i < REMOVALS; i++) {
    const removed = members[i]
    if (removed === undefined) break
    const stay = members.slice(i + 1)
    const after = snapshotOf(stay, (0xb0 + i).toString(16), 8 + i)
    const startMs = performance.now()
    const closed = stay.map(
      (m) =>
        new Promise<number>((resolve) => {
          const stop = m.parts.host.connectionClosed.on(() => {
            if (linkedTo(m, [removed]).length > 0) return
            stop()
            resolve(performance.now() - startMs)
          })
        }),
    )
    for (const m of stay) m.parts.membership.applySnapshot(after)
    tookMs.push(...(await Promise.all(closed)))
  }
  console.log(
    `${transport}: ${tookMs.length} removals, median ${median(tookMs).toFixed(1)} ms, worst ${Math.max(...tookMs).toFixed(1)} ms (target ${TARGET_MS} ms)`,
  )
  // The figures are told; a process that ends needs no tidy hosts.
  await net.stop().catch((error: unknown) => console.error(error))
}
process.exit(0)
