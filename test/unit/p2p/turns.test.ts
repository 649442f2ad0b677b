import { beforeEach, describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../../src/base/index.ts'
import { Turns } from '../../../src/p2p/turns.ts'
import { keyPair, TestClock } from './kit.ts'

const [alice, bob] = [keyPair('alice').peerId, keyPair('bob').peerId]
const settle = () => new Promise((resolve) => setImmediate(resolve))

let clock: TestClock
let turns: Turns
let checked: PeerIdStr[]
let paused: PeerIdStr[]
beforeEach(() => {
  clock = new TestClock()
  checked = []
  paused = []
  turns = new Turns(clock, (peer) => paused.push(peer))
})
function come(peer: PeerIdStr, count: number): Promise<boolean>[] {
  return Array.from({ length: count }, async () => {
    const may = await turns.next(peer)
    if (may) checked.push(peer)
    return may
  })
}

describe('incident 7: messages that came in one read', () => {
  it('should be checked at once while they are few', async () => {
    void come(alice, 4)
    await settle()
    expect(checked).toHaveLength(4)
    clock.advance(1)
    expect(clock.delays()).toEqual([])
  })
  it('should be checked a few at a time, with a turn for everything else in between', async () => {
    void come(alice, 10)
    for (const sum of [4, 8, 10]) {
      await settle()
      expect(checked).toHaveLength(sum)
      clock.advance(1)
    }
  })
  it("should not keep another peer's waiting: each forwarder has its turn", async () => {
    void come(alice, 200)
    void come(bob, 2)
    await settle()
    clock.advance(1)
    await settle()
    expect(checked.filter((p) => p === bob)).toHaveLength(2)
  })
  it('should stop the reading of a peer of which many wait, and be dropped beyond a bound', async () => {
    const all = come(alice, 4 + 1_024 + 6)
    await settle()
    expect(new Set(paused)).toEqual(new Set([alice]))
    turns.stop()
    expect((await Promise.all(all)).filter((may) => !may)).toHaveLength(6)
  })
  it('should not pause anybody for less', () => {
    void come(alice, 200)
    expect(paused).toEqual([])
  })
})
