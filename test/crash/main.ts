/**
 * `npm run test:crash [words of a step]`: real processes, each step of keygen and rotation, one kill -9 each. Steps that a run
 * does not come to are told, and played in virtual time (test/integration/keygen-crashes-simulated.test.ts).
 */
import { CRASH_STEPS, crashAt, UNREACHED } from './campaign.ts'

const words = process.argv.slice(2)
let failed = 0
for (const step of CRASH_STEPS.filter((s) => words.every((w) => s.includes(w)))) {
  if (UNREACHED.has(step)) {
    console.log(`virtual ${step}: in virtual time only`)
    continue
  }
  const beginMs = performance.now()
  try {
    const { victim } = await crashAt(step)
    console.log(`ok      ${step}: ${victim} came back, ${Math.round((performance.now() - beginMs) / 1_000)} s`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${step}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
console.log(failed === 0 ? 'every key was made, and every share signs' : `${failed} steps failed`)
process.exitCode = failed === 0 ? 0 : 1
