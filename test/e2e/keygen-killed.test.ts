import { describe, expect, it } from 'vitest'
import { crashAt } from '../crash/campaign.ts'

/** All steps: `npm run test:crash`. */
describe('R20: a node that is killed with -9 while a key is made, and comes back', () => {
  it.each(['publish deal', 'publish confirm', 'commit'])(
    'should not keep the set from its key, killed at "%s"',
    async (step) => {
      expect(await crashAt(step)).toHaveProperty('victim')
    },
  )
})
