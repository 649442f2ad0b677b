import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { redialDelayMs } from '../../../src/p2p/backoff.ts'
import { type DialPort, MeshKeeper } from '../../../src/p2p/mesh-keeper.ts'
import { keyPair, logger, TestClock, TestMetrics } from './kit.ts'

const [low, middle, high] = ['a', 'b', 'c'].map((n) => keyPair(n).peerId).sort() as [PeerIdStr, PeerIdStr, PeerIdStr]
const stranger = keyPair('stranger').peerId

class FakeDialer implements DialPort {
  readonly dials: PeerIdStr[] = []
  readonly connected = new Set<PeerIdStr>()
  readonly unknown = new Set<PeerIdStr>()
  reachable = true
  hang = false
  async dial(peer: PeerIdStr, signal: AbortSignal): Promise<void> {
    this.dials.push(peer)
    if (this.hang)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    if (!this.reachable) throw new Error('nobody there')
    this.connected.add(peer)
  }
  isConnected(peer: PeerIdStr): boolean {
    return this.connected.has(peer)
  }
  hasAddress(peer: PeerIdStr): boolean {
    return !this.unknown.has(peer)
  }
}

function bench(random = () => 0.5) {
  const clock = new TestClock()
  const dialer = new FakeDialer()
  const metrics = new TestMetrics()
  const keeper = new MeshKeeper({ self: middle, dialer, clock, logger, metrics, random })
  const settle = async (ms = 0) => {
    clock.advance(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const lose = (peer: PeerIdStr) => {
    dialer.connected.delete(peer)
    keeper.closed(peer)
  }
  return { clock, dialer, keeper, metrics, settle, lose }
}

describe('mesh keeper', () => {
  it('should dial each listed peer, but not itself', async () => {
    const { dialer, keeper, settle } = bench()
    keeper.keep([low, middle, high])
    keeper.start()
    await settle(1_000)
    expect(dialer.dials.toSorted()).toEqual([low, high])
  })
  it('should yield to a peer of lesser PeerID, so that they seldom dial each other at once', async () => {
    const { dialer, keeper, settle } = bench()
    keeper.keep([low, high])
    keeper.start()
    await settle(0)
    expect(dialer.dials).toEqual([high])
    await settle(1_000)
    expect(dialer.dials).toEqual([high, low])
  })
  it('should not dial who is already connected', async () => {
    const { dialer, keeper, settle } = bench()
    dialer.connected.add(high)
    keeper.start()
    keeper.keep([high])
    await settle(60_000)
    expect(dialer.dials).toEqual([])
  })
  it('should redial for ever, at most each 15 s (incident 15)', async () => {
    const { dialer, keeper, settle } = bench(() => 0.999)
    dialer.reachable = false
    keeper.keep([high])
    keeper.start()
    for (let s = 0; s < 3_600; s++) await settle(1_000)
    const enough = 3_600_000 / (LIMITS.redialMaxMs + 1_000)
    expect(dialer.dials.length).toBeGreaterThan(enough)
    expect(dialer.dials.length).toBeLessThan(2 * enough)
  })
  it('should redial soon after a connection was lost that had held', async () => {
    const { dialer, keeper, settle, lose } = bench()
    keeper.keep([high])
    keeper.start()
    await settle()
    keeper.opened(high)
    await settle(60_000)
    lose(high)
    await settle(LIMITS.redialMinMs)
    expect(dialer.dials).toEqual([high, high])
  })
  it('should slow down on a peer that takes the call and hangs up at once', async () => {
    const { dialer, keeper, settle, lose } = bench(() => 0.999)
    keeper.keep([high])
    keeper.start()
    for (let i = 0; i < 3_000; i++) {
      await settle(20)
      if (!dialer.connected.has(high)) continue
      keeper.opened(high)
      lose(high)
    }
    expect(dialer.dials.length).toBeGreaterThan(3)
    expect(dialer.dials.length).toBeLessThan(15)
  })
  it('should redial even if the loss of a connection was never told', async () => {
    const { dialer, keeper, settle } = bench()
    keeper.keep([high])
    keeper.start()
    await settle()
    dialer.connected.delete(high)
    await settle(LIMITS.redialMaxMs + 1)
    await settle()
    expect(dialer.dials).toEqual([high, high])
  })
  it('should go on dialling while strangers connect and leave (incident 4)', async () => {
    const { dialer, keeper, settle } = bench()
    dialer.reachable = false
    keeper.keep([high])
    keeper.start()
    await settle()
    keeper.opened(stranger)
    dialer.connected.add(stranger)
    keeper.closed(stranger)
    await settle(LIMITS.redialMaxMs)
    expect(dialer.dials.length).toBeGreaterThan(1)
    expect(dialer.dials).not.toContain(stranger)
  })
  it('should dial a peer as soon as an address appears', async () => {
    const { dialer, keeper, settle } = bench()
    dialer.unknown.add(high)
    keeper.keep([high])
    keeper.start()
    await settle(5_000)
    expect(dialer.dials).toEqual([])
    dialer.unknown.delete(high)
    keeper.addressAppeared(high)
    await settle()
    expect(dialer.dials).toEqual([high])
  })
  it('should try a new address of a peer soon, whatever it was waiting for, but not at once each time', async () => {
    const { clock, dialer, keeper, settle } = bench(() => 0.999)
    dialer.reachable = false
    keeper.keep([high])
    keeper.start()
    for (let s = 0; s < 120; s++) await settle(1_000)
    const before = dialer.dials.length
    for (let i = 0; i < 20; i++) keeper.addressAppeared(high)
    expect(Math.max(...clock.delays().filter((d) => d < LIMITS.redialMaxMs - 1))).toBeLessThanOrEqual(1_000)
    await settle(1_000)
    expect(dialer.dials.length).toBe(before + 1)
  })
  it('should count redials by how they ended', async () => {
    const { dialer, keeper, metrics, settle, lose } = bench()
    dialer.reachable = false
    keeper.keep([high])
    keeper.start()
    await settle()
    expect(metrics.count('p2p_redials_total{unreachable}')).toBe(0)
    await settle(LIMITS.redialMinMs)
    expect(metrics.count('p2p_redials_total{unreachable}')).toBe(1)
    dialer.reachable = true
    await settle(LIMITS.redialMaxMs)
    expect(metrics.count('p2p_redials_total{connected}')).toBe(1)
    lose(high)
    dialer.hang = true
    await settle(LIMITS.redialMaxMs)
    keeper.drop(high)
    await settle()
    expect(metrics.count('p2p_redials_total{called_off}')).toBe(1)
  })
  it('should call off the dial of a peer that is no longer listed, and not try again', async () => {
    const { dialer, keeper, settle } = bench()
    dialer.hang = true
    keeper.keep([high])
    keeper.start()
    await settle()
    keeper.keep([])
    await settle(60_000)
    expect(dialer.dials).toEqual([high])
  })
  it('should not redial a dropped peer whose connection then closes', async () => {
    const { dialer, keeper, settle, lose } = bench()
    keeper.keep([high])
    keeper.start()
    await settle()
    keeper.drop(high)
    lose(high)
    await settle(60_000)
    expect(dialer.dials).toEqual([high])
  })
  it('should dial nobody once stopped, and go on when started again', async () => {
    const { dialer, keeper, settle, lose, clock } = bench()
    keeper.keep([high])
    keeper.start()
    await settle()
    keeper.stop()
    lose(high)
    await settle(60_000)
    expect(dialer.dials).toEqual([high])
    expect(clock.delays()).toEqual([])
    keeper.start()
    await settle()
    expect(dialer.dials).toEqual([high, high])
  })
})

describe('redial delay', () => {
  it('should lie between nothing and the doubled delay, and never beyond the longest', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.double({ min: 0, max: 0.999999, noNaN: true }), (failures, random) => {
        const delay = redialDelayMs(failures, () => random)
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThan(Math.min(LIMITS.redialMaxMs, LIMITS.redialMinMs * 2 ** failures))
      }),
    )
  })
})
