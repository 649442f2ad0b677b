import { COUNTS, check } from './check.ts'
import { fullest, verifyFile } from './file.ts'
import { play } from './play.ts'

/** The slow run: `npm run test:campaign`, with SEEDS (default 1,000) and FROM (default 1) from the environment. */
const number = (name: string, otherwise: number): number => {
  const given = Number(process.env[name] ?? otherwise)
  if (!Number.isSafeInteger(given) || given < 1) throw new Error(`${name} must be a whole number`)
  return given
}
const EVERY = 25

const [seeds, from] = [number('SEEDS', 1_000), number('FROM', 1)]
console.log(`${seeds} signing campaigns from seed ${from}: 10 of 15, five of them faulty`)
const totals = new Map(COUNTS.map((name) => [name, 0]))
const failed: string[] = []
const slowest: number[] = []
const startedMs = performance.now()
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const played = await play(String(seed))
    const { wrong, counts, slowestMs } = check(played)
    const node = fullest(played)
    const isVerified = node === undefined || (await verifyFile(node)) === 0
    for (const name of COUNTS) totals.set(name, (totals.get(name) ?? 0) + counts[name])
    slowest.push(slowestMs)
    const all = isVerified ? wrong : [...wrong, 'evidence verify does not accept the file']
    if (all.length > 0) fail(seed, all)
  } catch (error) {
    fail(seed, [error instanceof Error ? (error.stack ?? error.message) : String(error)])
  }
  if ((seed - from + 1) % EVERY === 0) progress(seed - from + 1)
}

slowest.sort((a, b) => a - b)
for (const [name, count] of totals) console.log(`${String(count).padStart(9)} ${name}`)
const at = (part: number) => slowest[Math.floor((slowest.length - 1) * part)] ?? 0
console.log(`virtual ms until the last answer of a campaign: median ${at(0.5)}, 95 of 100 ${at(0.95)}, most ${at(1)}`)
console.log(failed.length === 0 ? 'every campaign held' : `failed: seeds ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function fail(seed: number, what: readonly string[]): void {
  failed.push(String(seed))
  console.log(`seed ${seed}:\n  ${what.slice(0, 10).join('\n  ')}`)
}
function progress(played: number): void {
  const seconds = (performance.now() - startedMs) / 1_000
  console.log(`${played} played, ${failed.length} failed, ${(seconds / played).toFixed(2)} s each`)
}
