import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { SeedKeeper } from '../../../src/p2p/seed-keeper.ts'
import { keyPair, logger, TestClock, TestMetrics } from './kit.ts'

const member = keyPair('member').peerId
const SEED = '/dns4/seed.example/tcp/1'

function bench() {
  const clock = new TestClock()
  const metrics = new TestMetrics()
  const dials: string[] = []
  const owners: [PeerIdStr, string][] = []
  const world = { answer: member as PeerIdStr | Error, connected: new Set<PeerIdStr>(), missing: true, hang: false }
  const keeper = new SeedKeeper({
    port: {
      dialSeed: async (address, signal) => {
        dials.push(address)
        if (world.hang)
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
          )
        if (world.answer instanceof Error) throw world.answer
        return world.answer
      },
      isConnected: (peer) => world.connected.has(peer),
    },
    isAnyoneMissing: () => world.missing,
    onOwner: (peer, address) => owners.push([peer, address]),
    ...{ clock, logger, metrics, random: () => 0.999 },
  })
  const settle = async (ms = 0) => {
    for (let left = ms; left >= 0; left -= 500) {
      clock.advance(Math.min(500, left))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { keeper, world, dials, owners, metrics, settle, clock }
}

describe('seeds without PeerID', () => {
  it('should lead to who answers, and be left alone while that one is connected', async () => {
    const { keeper, world, dials, owners, settle } = bench()
    keeper.start()
    keeper.keep([SEED])
    await settle()
    expect(owners).toEqual([[member, SEED]])
    world.connected.add(member)
    await settle(60_000)
    expect(dials).toEqual([SEED])
    world.connected.clear()
    await settle(2_000)
    expect(dials.length).toBeGreaterThan(1)
  })
  it('should not be dialled while nobody is missing', async () => {
    const { keeper, world, dials, settle } = bench()
    world.missing = false
    keeper.start()
    keeper.keep([SEED])
    await settle(30_000)
    expect(dials).toEqual([])
    world.missing = true
    await settle(1_000)
    expect(dials).toEqual([SEED])
  })
  it.each([
    ['refused', new CodedError('NOT_ADMITTED', 'x')],
    ['unreachable', new CodedError('UNREACHABLE', 'x')],
    ['timed_out', new CodedError('DEADLINE', 'x')],
    ['unreachable', new Error('x')],
    ['own_address', new CodedError('OWN_ADDRESS', 'x')],
  ])('should be tried for ever, ever more seldom, and counted as %s', async (result, failure) => {
    const { keeper, world, dials, metrics, settle } = bench()
    world.answer = failure
    keeper.start()
    keeper.keep([SEED])
    await settle(600_000)
    const least = 600_000 / (LIMITS.redialMaxMs + 2_000)
    expect(dials.length).toBeGreaterThan(least)
    expect(dials.length).toBeLessThan(2 * least)
    expect(metrics.count(`p2p_seed_dials_total{${result}}`)).toBe(dials.length)
  })
  it('should slow down on one that takes the call and hangs up', async () => {
    const { keeper, dials, settle } = bench()
    keeper.start()
    keeper.keep([SEED])
    await settle(60_000)
    expect(dials.length).toBeLessThan(15)
  })
  it('should be called off, and tried no more, when the list changes or the host stops', async () => {
    const { keeper, world, dials, settle, clock } = bench()
    world.hang = true
    keeper.start()
    keeper.keep([SEED])
    await settle()
    keeper.keep([])
    await settle(60_000)
    expect(dials).toEqual([SEED])
    keeper.keep(['/ip4/192.0.2.1/tcp/1'])
    keeper.stop()
    await settle(60_000)
    expect(dials).toEqual([SEED])
    expect(clock.delays()).toEqual([])
  })
})
