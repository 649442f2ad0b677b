import { playMany } from './many.ts'

/** The slow run: `npm run test:model`, with SEQUENCES (default 10,000) and SEED (default: the time) from the environment. */
const number = (name: string, otherwise: number): number => {
  const given = Number(process.env[name] ?? otherwise)
  if (!Number.isSafeInteger(given) || given < 0) throw new Error(`${name} must be a whole number`)
  return given
}
/** Played in parts, so that it tells how far it is. */
const PART = 500

const sequences = number('SEQUENCES', 10_000)
const seed = number('SEED', Date.now() & 0x7fff_ffff)
console.log(`${sequences} random histories of the chain, seed ${seed}`)
const totals = new Map<string, number>()
for (let done = 0, part = 0; done < sequences; part++) {
  const count = Math.min(PART, sequences - done)
  const played = await playMany(count, seed + part).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  })
  for (const [what, times] of played.counts) totals.set(what, (totals.get(what) ?? 0) + times)
  done += count
  console.log(`${done} played, gate and model agree`)
}
for (const [what, times] of [...totals].sort()) console.log(`${String(times).padStart(9)} ${what}`)
