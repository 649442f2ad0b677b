import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../../src/base/index.ts'
import { DialWatch } from '../../../src/p2p/dial-watch.ts'
import { ManualClock } from '../registry/support/ports.ts'
import { keyPair } from './kit.ts'

const [a, b] = [keyPair('a').peerId, keyPair('b').peerId]
let clock: ManualClock
let watch: DialWatch
beforeEach(() => {
  clock = new ManualClock()
  watch = new DialWatch(clock)
})

describe('DialWatch', () => {
  it('should tell since when the oldest dial of a peer is under way', () => {
    const sinceMs = clock.now()
    const first = watch.begin(a)
    clock.advance(1_000)
    const second = watch.begin(a)
    expect(watch.report()).toEqual([{ peerId: a, pendingSinceMs: sinceMs, unanswered: 0 }])
    first('failed')
    expect(watch.report()).toMatchObject([{ pendingSinceMs: sinceMs + 1_000 }])
    second('connected')
    expect(watch.report()).toEqual([])
  })

  it('incident 41: should count dials in a row that nobody answered, and forget them once somebody does', () => {
    for (const unanswered of [1, 2]) {
      const ended = watch.begin(a)
      clock.advance(LIMITS.dialTimeoutMs / 2)
      ended('failed')
      expect(watch.report()).toEqual([{ peerId: a, pendingSinceMs: undefined, unanswered }])
    }
    watch.begin(a)('connected')
    expect(watch.report()).toEqual([])
  })

  it('should not take a refusal for silence', () => {
    const ended = watch.begin(a)
    clock.advance(50)
    ended('failed')
    expect(watch.report()).toEqual([])
  })

  it('should forget a peer whom nobody wants any more, and what still ends of it', () => {
    const ended = watch.begin(a)
    watch.begin(b)
    clock.advance(LIMITS.dialTimeoutMs)
    watch.forget(a)
    ended('failed')
    expect(watch.report().map((d) => d.peerId)).toEqual([b])
  })

  it('should not grow with the number of peers', () => {
    for (let i = 0; i < 2_000; i++) {
      const ended = watch.begin(`${a}${i}` as typeof a)
      clock.advance(LIMITS.dialTimeoutMs)
      ended('failed')
    }
    expect(watch.report().length).toBeLessThanOrEqual(4 * LIMITS.maxSigners)
  })
})
