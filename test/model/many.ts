import * as fc from 'fast-check'
import { Coverage } from './coverage.ts'
import { scenario } from './events.ts'
import { play } from './run.ts'

/**
 * Plays random histories; the same seed plays the same. Throws with the shortest failing one that was found, the seed to
 * play it again, what the two disagree about, and the chain and the endpoints at that moment.
 */
export async function playMany(sequences: number, seed: number): Promise<Coverage> {
  const coverage = new Coverage()
  const property = fc.asyncProperty(scenario, (s) => play(s, coverage))
  const result = await fc.check(property, { seed, numRuns: sequences })
  if (!result.failed) return coverage
  throw new Error(
    [
      `gate and model disagree after ${result.numRuns} histories; again: SEED=${seed} SEQUENCES=${sequences} npm run test:model`,
      `the shortest that was found, of ${result.numShrinks} tried: ${fc.stringify(result.counterexample?.[0])}`,
      String(result.errorInstance instanceof Error ? result.errorInstance.message : result.errorInstance),
    ].join('\n'),
    { cause: result.errorInstance },
  )
}
