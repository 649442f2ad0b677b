import type { PeerId } from '@libp2p/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { ReservationKeeper, type ReservationStore, withoutBlacklist } from '../../../src/p2p/nat-reservations.ts'
import { keyPair, logger, TestClock } from './kit.ts'

const [first, second, member] = ['first', 'second', 'member'].map((s) => keyPair(s).peerId) as [
  PeerIdStr,
  PeerIdStr,
  PeerIdStr,
]
const RELAYS = [first, second].map((peerId) => ({ peerId, address: `/ip4/10.0.0.1/tcp/1/p2p/${peerId}` }))

/** The library's table, whose answers a test gives. */
class FakeStore implements ReservationStore {
  readonly held = new Set<string>()
  readonly asked: string[] = []
  readonly #removed: ((event: { detail: { relay: PeerId } }) => void)[] = []
  #open: PromiseWithResolvers<void>[] = []
  hasReservation(peer: PeerId) {
    return this.held.has(peer.toString())
  }
  async addRelay(peer: PeerId) {
    this.asked.push(peer.toString())
    const answer = Promise.withResolvers<void>()
    this.#open.push(answer)
    await answer.promise
    this.held.add(peer.toString())
  }
  addEventListener(_type: string, listener: (event: { detail: { relay: PeerId } }) => void) {
    this.#removed.push(listener)
  }
  async grant() {
    for (const answer of this.#open.splice(0)) answer.resolve()
    await settled()
  }
  async refuse() {
    for (const answer of this.#open.splice(0)) answer.reject(new Error('no'))
    await settled()
  }
  lose(peer: PeerIdStr) {
    this.held.delete(peer)
    const relay: Pick<PeerId, 'toString'> = { toString: () => peer }
    for (const listener of this.#removed) listener({ detail: { relay: relay as PeerId } })
  }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

let clock: TestClock
let store: FakeStore
let connected: Set<PeerIdStr>
let changes: number
let keeper: ReservationKeeper
beforeEach(() => {
  clock = new TestClock()
  store = new FakeStore()
  connected = new Set()
  changes = 0
  keeper = new ReservationKeeper({
    relays: RELAYS,
    store,
    isConnected: (peer) => connected.has(peer),
    onChange: () => changes++,
    clock,
    logger,
    random: () => 0.5,
  })
})
const open = (peer: PeerIdStr) => {
  connected.add(peer)
  keeper.opened(peer)
}

describe('places at relays', () => {
  it('should be asked for where a relay is connected, and announced when held', async () => {
    connected.add(first)
    keeper.start()
    expect(store.asked).toEqual([first])
    expect(keeper.addresses()).toEqual([])
    await store.grant()
    expect(keeper.addresses()).toEqual([`/ip4/10.0.0.1/tcp/1/p2p/${first}/p2p-circuit`])
    open(second)
    await store.grant()
    expect(keeper.addresses()).toHaveLength(2)
    expect(changes).toBe(2)
  })
  it('should be asked for of nobody else, and never before the start', () => {
    open(first)
    keeper.start()
    open(member)
    expect(store.asked).toEqual([first])
  })
  it('should be asked for once at a time, and not where one is held', async () => {
    keeper.start()
    open(first)
    open(first)
    expect(store.asked).toEqual([first])
    await store.grant()
    open(first)
    expect(store.asked).toEqual([first])
  })
  it('should be asked for again after a refusal, ever more slowly, but for ever', async () => {
    keeper.start()
    open(first)
    let lastMs = 0
    for (let i = 0; i < 12; i++) {
      await store.refuse()
      const [delayMs = 0] = clock.delays()
      expect(clock.delays()).toHaveLength(1)
      expect(delayMs).toBeGreaterThanOrEqual(lastMs)
      expect(delayMs).toBeLessThanOrEqual(LIMITS.redialMaxMs)
      lastMs = delayMs
      clock.advance(delayMs)
    }
    expect(store.asked).toHaveLength(13)
  })
  it('should be asked for again when lost, unless the relay is gone until it comes back', async () => {
    keeper.start()
    open(first)
    await store.grant()
    store.lose(first)
    expect(changes).toBe(2)
    expect(keeper.addresses()).toEqual([])
    clock.advance(LIMITS.redialMaxMs)
    expect(store.asked).toHaveLength(2)
    await store.grant()
    connected.delete(first)
    store.lose(first)
    clock.advance(10 * LIMITS.redialMaxMs)
    expect(store.asked).toHaveLength(2)
    open(first)
    expect(store.asked).toHaveLength(3)
  })
  it('should be left alone after the stop', async () => {
    keeper.start()
    open(first)
    await store.refuse()
    keeper.stop()
    expect(clock.delays()).toEqual([])
    store.lose(first)
    open(first)
    clock.advance(10 * LIMITS.redialMaxMs)
    expect(store.asked).toHaveLength(1)
  })
})

describe('withoutBlacklist', () => {
  it('should say so when the library has no such store any more', () => {
    expect(() => withoutBlacklist({})).toThrow(expect.objectContaining({ code: 'LIBRARY_CHANGED' }))
  })
})
