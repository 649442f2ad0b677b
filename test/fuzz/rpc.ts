/**
 * `npm run test:fuzz [frames] [seed]`: a real rpc server is sent frames that are wrong in every way known to us. Frames of the
 * same seed are the same; `SEED/N` of a failure alone is played again by `npm run test:fuzz replay SEED/N`.
 */
import { type CampaignReport, runCampaign } from './rpc/campaign.ts'
import { playSession } from './rpc/session.ts'
import { openSite } from './rpc/site.ts'

/** Between two quarters, after collections: what is kept of peers would be megabytes by then. */
const MAX_GROWTH_BYTES = 16 * 1024 * 1024
const MAX_NEW_HANDLES = 2

interface Held {
  readonly bytes: number
  readonly handles: number
}
async function held(): Promise<Held> {
  // What sessions left behind ends first: timers of closed streams, finalizers.
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return { bytes: heapUsed + external, handles: process.getActiveResourcesInfo().length }
}

async function replay(seed: string): Promise<number> {
  const site = await openSite()
  const played = await playSession(site, seed)
  await site.stop()
  console.log(played)
  return played.wrong.length === 0 ? 0 : 1
}

async function campaign(frames: number, seed: string): Promise<number> {
  console.log(`${frames} frames, seed ${seed}`)
  const marks: Held[] = []
  const beginMs = performance.now()
  const report: CampaignReport = await runCampaign({ seed, frames, abreast: 8 }, async (quarter) => {
    const now = await held()
    marks.push(now)
    console.log(`quarter ${quarter}: ${(now.bytes / 2 ** 20).toFixed(1)} MiB held, ${now.handles} handles`)
  })
  const wrong = [...report.wrong]
  // From the first quarter on: what is made once must not count.
  const [first, last] = [marks[0], marks.at(-1)]
  if (globalThis.gc === undefined) console.log('memory is not judged without --expose-gc')
  else if (first !== undefined && last !== undefined) {
    if (last.bytes - first.bytes > MAX_GROWTH_BYTES) wrong.push(`memory grew by ${last.bytes - first.bytes} bytes`)
    if (last.handles - first.handles > MAX_NEW_HANDLES) wrong.push(`${last.handles - first.handles} handles more`)
  }
  console.log('sent', Object.fromEntries(report.kinds))
  console.log('answered', Object.fromEntries(report.outcomes))
  console.log(
    `${report.frames} frames on ${report.sessions} streams in ${Math.round((performance.now() - beginMs) / 1000)} s`,
  )
  for (const what of wrong) console.log(`WRONG  ${what}`)
  return wrong.length === 0 ? 0 : 1
}

const [what = '1000000', seed = String(Date.now())] = process.argv.slice(2)
process.exitCode = what === 'replay' ? await replay(seed) : await campaign(Number(what), seed)
