import { FRAMES_PER_SESSION, isServed, type Played, playSession } from './session.ts'
import { openSite } from './site.ts'

export interface CampaignPlan {
  readonly seed: string
  readonly frames: number
  /** Streams at once. */
  readonly abreast: number
}
export interface CampaignReport {
  readonly frames: number
  readonly sessions: number
  /** With the seed that plays it again. */
  readonly wrong: readonly string[]
  readonly kinds: ReadonlyMap<string, number>
  readonly outcomes: ReadonlyMap<string, number>
}

const MAX_TOLD = 20

/** Plays sessions against one server until so many frames were sent; `onQuarter` is told after each quarter. */
export async function runCampaign(
  plan: CampaignPlan,
  onQuarter: (quarter: number) => void | Promise<void> = () => {},
): Promise<CampaignReport> {
  const wrong: string[] = []
  const kinds = new Map<string, number>()
  const outcomes = new Map<string, number>()
  const note = (seed: string, { kinds: sent, end, outcomes: got, wrong: bad }: Played): void => {
    for (const kind of [...sent, end]) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    for (const outcome of got) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    wrong.push(...bad.map((what) => `${seed}: ${what}`))
  }
  const onUnhandled = (reason: unknown) => wrong.push(`an unhandled rejection: ${reason}`)
  process.on('unhandledRejection', onUnhandled)
  const site = await openSite()
  const sessions = Math.ceil(plan.frames / FRAMES_PER_SESSION)
  let begun = 0
  try {
    for (let quarter = 1; quarter <= 4; quarter++) {
      const until = Math.ceil((sessions * quarter) / 4)
      const lane = async (): Promise<void> => {
        while (begun < until && wrong.length < MAX_TOLD) {
          const seed = `${plan.seed}/${begun++}`
          note(seed, await playSession(site, seed))
          if (!(await isServed(site))) wrong.push(`${seed}: another stream is not served any more`)
        }
      }
      await Promise.all(Array.from({ length: plan.abreast }, lane))
      await onQuarter(quarter)
    }
  } finally {
    await site.stop()
    process.off('unhandledRejection', onUnhandled)
  }
  wrong.push(...site.failures.map((f) => `the server: ${f}`))
  return { frames: begun * FRAMES_PER_SESSION, sessions: begun, wrong, kinds, outcomes }
}
