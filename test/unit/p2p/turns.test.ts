import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
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
function come(peer: PeerIdStr, count: number): Promise<void>[] {
  return Array.from({ length: count }, async () => {
    if (await turns.next(peer)) checked.push(peer)
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
  it('should stop the reading of a peer of which many wait, and take no more of it beyond a bound', async () => {
    const all = come(alice, 4 + 511)
    expect(new Set(paused)).toEqual(new Set([alice]))
    expect(turns.hasRoom(alice, 0)).toBe(true)
    all.push(...come(alice, 1))
    expect([turns.hasRoom(alice, 0), turns.hasRoom(bob, 0)]).toEqual([false, true])
    turns.stop()
    await Promise.all(all)
    expect(turns.hasRoom(alice, 0)).toBe(true)
  })
  it('should count those of one frame before they wait: the library would have seen them all', () => {
    expect([turns.hasRoom(alice, 511), turns.hasRoom(alice, 512)]).toEqual([true, false])
    void come(alice, 4 + 12)
    expect([turns.hasRoom(alice, 499), turns.hasRoom(alice, 500)]).toEqual([true, false])
  })
  it('should not be checked any more once the node stops: neither what waits, nor what comes', async () => {
    const all = come(alice, 4 + 300)
    turns.stop()
    all.push(...come(alice, 1), ...come(bob, 1))
    await Promise.all(all)
    expect(checked).toHaveLength(4)
    expect(clock.delays()).toEqual([])
  })
  it("should have room for an author's whole burst", () => {
    expect(turns.hasRoom(alice, LIMITS.authorBurst)).toBe(true)
  })
  it('should not pause anybody for less', () => {
    void come(alice, 200)
    expect(paused).toEqual([])
  })
})
