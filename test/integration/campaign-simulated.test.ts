import { describe, expect, it } from 'vitest'
import { check } from '../simulator/campaign/check.ts'
import { fullest, verifyFile } from '../simulator/campaign/file.ts'
import { play } from '../simulator/campaign/play.ts'
import { seeds } from '../simulator/seeds.ts'

/** Seeds are all computing, some three times as much as most, and the machine does other things as well. */
const TIMEOUT_MS = 300_000

/**
 * Several requests in flight, some of them batches; five members silent, cheating or equivocating in any mix, coordinators
 * among them; honest ones killed and started again. `npm run test:campaign` plays a thousand.
 */
describe('incident 12, R16, R26: signing campaigns of 10 of 15, five of them faulty, in virtual time', () => {
  it.each(seeds(6))(
    'should complete every request, prove what can be proven, once, and name no honest member (seed %s)',
    async (seed) => {
      const played = await play(seed)
      expect(check(played).wrong).toEqual([])
      const node = fullest(played)
      if (node !== undefined) expect(await verifyFile(node)).toBe(0)
    },
    TIMEOUT_MS,
  )

  it(
    'should play the same seed in the same way',
    async () => {
      const [one, two] = [await play('again'), await play('again')]
      expect(one.hash).toBe(two.hash)
      expect(one.injected).toEqual(two.injected)
      const kept = (p: typeof one) => [...p.evidence.values()].map((entries) => entries.map((e) => e.id))
      expect(kept(one)).toEqual(kept(two))
    },
    TIMEOUT_MS,
  )
})
