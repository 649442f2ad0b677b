import { describe, expect, it } from 'vitest'
import { flood } from '../../bench/gate/flood.ts'

const MIB = 1024 * 1024

/**
 * sBTC #2086: fresh PeerIDs, one short connection each, and memory grew without bound. The whole of it, with 10,000 of them,
 * is `npm run bench:gate`.
 */
describe('incident 5: strangers with fresh keys, one after the other', () => {
  it('should leave no memory behind, keep no connection, and let members sign meanwhile', async () => {
    const report = await flood({ strangers: 250, checkpoint: 50, perSecond: 20, signatures: 5 })
    expect(report.strangers).toBe(250)
    expect(report.reachedIdentity).toBeGreaterThanOrEqual(225)
    expect(report.kept).toBe(0)
    // So few show only whole connections kept; bytes per stranger are for the long run.
    expect(report.heapGrowthBytes).toBeLessThanOrEqual(16 * MIB)
    expect(report.signMs.during).toBeGreaterThan(0)
    expect(report.membersConnected).toBe(2)
  }, 240_000)
})
