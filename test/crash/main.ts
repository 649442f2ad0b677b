/**
 * `npm run test:crash [words of a step]`: real processes, each step of keygen and rotation, one kill -9 each. Steps that a run
 * does not come to are told, and played in virtual time (test/integration/keygen-crashes-simulated.test.ts).
 */
import { chosenOrExit } from '../chosen.ts'
import { CRASH_STEPS, crashAt, UNREACHED } from './campaign.ts'

/** As sysexits(3), like a step that is not there: nothing was shown. */
const NOTHING_PLAYED = 64

let [played, failed] = [0, 0]
for (const step of chosenOrExit('npm run test:crash [words of a step]', CRASH_STEPS, (s) => s)) {
  if (UNREACHED.has(step)) {
    console.log(`virtual ${step}: in virtual time only`)
    continue
  }
  played++
  const beginMs = performance.now()
  try {
    const { victim } = await crashAt(step)
    console.log(`ok      ${step}: ${victim} came back, ${Math.round((performance.now() - beginMs) / 1_000)} s`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${step}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
const said = failed === 0 ? 'every key was made, and every share signs' : `${failed} of ${played} steps failed`
console.log(played === 0 ? 'no step was played in real processes' : said)
process.exitCode = played === 0 ? NOTHING_PLAYED : failed === 0 ? 0 : 1
