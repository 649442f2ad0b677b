import { describe, expect, it } from 'vitest'
import { runCampaign } from '../fuzz/rpc/campaign.ts'
import { KINDS } from '../fuzz/rpc/frames.ts'

/** `npm run test:fuzz` plays a million. */
const FRAMES = 20_000

describe('an rpc server that is sent frames which are wrong in every way', () => {
  it('should answer each request once or end its stream, and serve everybody else all along', {
    timeout: 600_000,
  }, async () => {
    const seed = process.env.RPC_FUZZ_SEED ?? 'npm test'
    const { wrong, kinds, outcomes } = await runCampaign({ seed, frames: FRAMES, abreast: 8 })
    expect(wrong).toEqual([])
    // What is not played shows nothing: every kind of frame was sent, and work was met on every way.
    for (const kind of [...Object.keys(KINDS), 'finished', 'misframed', 'cut off', 'reset'])
      expect(kinds.get(kind)).toBeGreaterThan(50)
    for (const outcome of [
      'result',
      'BAD_REQUEST',
      'UNKNOWN_METHOD',
      'TOO_LARGE',
      'CANCELLED',
      'DEADLINE',
      'KEY_NOT_FOUND',
    ])
      expect(outcomes.get(outcome)).toBeGreaterThan(10)
  })
})
