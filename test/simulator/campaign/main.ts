import { availableParallelism } from 'node:os'
import { playAll } from './crew.ts'
import { Summary } from './summary.ts'

/**
 * The slow run: `npm run test:campaign`, with SEEDS (default 1,000), FROM (default 1) and JOBS (processes at once; default: one
 * for each processor) from the environment. Ends with 1 if any seed failed, and names it.
 */
const number = (name: string, otherwise: number): number => {
  const given = Number(process.env[name] ?? otherwise)
  if (!Number.isSafeInteger(given) || given < 1) throw new Error(`${name} must be a whole number`)
  return given
}
const EVERY = 25

const [seeds, from, jobs] = [number('SEEDS', 1_000), number('FROM', 1), number('JOBS', availableParallelism())]
console.log(`${seeds} signing campaigns from seed ${from} in ${jobs} processes: 10 of 15, five of them faulty`)
const summary = new Summary()
const startedMs = performance.now()
let mostRssBytes = 0
const names = Array.from({ length: seeds }, (_, i) => String(from + i))
await playAll(names, jobs, ({ verdict, rssBytes }) => {
  summary.add(verdict)
  mostRssBytes = Math.max(mostRssBytes, rssBytes)
  if (verdict.wrong.length > 0) console.log(`seed ${verdict.seed}:\n  ${verdict.wrong.slice(0, 10).join('\n  ')}`)
  if (summary.played % EVERY === 0) console.log(progress(rssBytes))
})
console.log(progress(0))
for (const line of summary.lines()) console.log(line)
process.exitCode = summary.failed.length === 0 ? 0 : 1

function progress(rssBytes: number): string {
  const seconds = (performance.now() - startedMs) / 1_000
  const mb = (bytes: number) => `${Math.round(bytes / 1_000_000)} MB`
  const memory = rssBytes === 0 ? `at most ${mb(mostRssBytes)}` : `${mb(rssBytes)} now, ${mb(mostRssBytes)} at most`
  return `${summary.played} played, ${summary.failed.length} failed, ${(summary.played / seconds).toFixed(2)} a second, RSS of a process ${memory}`
}
