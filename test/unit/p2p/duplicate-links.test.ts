import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PeerIdStr } from '../../../src/base/index.ts'
import { DuplicateLinks, type LinksPort, type LinkView } from '../../../src/p2p/duplicate-links.ts'
import { keyPair, TestClock, TestMetrics } from './kit.ts'

const [small, great] = ['a', 'b'].map((n) => keyPair(n).peerId).sort() as [PeerIdStr, PeerIdStr]

interface Wire {
  readonly transport: LinkView['transport']
  readonly dialer: PeerIdStr
  readonly openedAtMs: number
  /** Whose gossip runs on it. */
  readonly gossip: Set<PeerIdStr>
  /** Who has something under way on it. */
  readonly busy: Set<PeerIdStr>
  open: boolean
}

/** Both ends of the same links, each with its own rule-keeper, on one clock. */
function bench(...links: readonly (Pick<Wire, 'transport' | 'dialer'> & { readonly skewMs?: number })[]) {
  const clock = new TestClock()
  const wires: Wire[] = links.map((l, i) => ({
    ...{ transport: l.transport, dialer: l.dialer, openedAtMs: i, open: true },
    ...{ gossip: new Set(i === 0 ? [small, great] : []), busy: new Set<PeerIdStr>() },
  }))
  const closed: string[] = []
  const end = (self: PeerIdStr, order: (i: number) => number = (i) => i) => {
    const port: LinksPort = {
      links: () =>
        wires.flatMap((w, i) =>
          w.open
            ? [
                {
                  id: String(i),
                  transport: w.transport,
                  direction: w.dialer === self ? ('outbound' as const) : ('inbound' as const),
                  openedAtMs: order(i),
                  carriesGossip: w.gossip.has(self),
                  isIdle: w.gossip.size === 0 && w.busy.size === 0,
                },
              ]
            : [],
        ),
      retire: (_peer, id, inFavourOf) => {
        wires[Number(id)]?.gossip.delete(self)
        wires[Number(inFavourOf)]?.gossip.add(self)
      },
      close: (_peer, id) => {
        closed.push(`${self === small ? 'small' : 'great'} closes ${id}`)
        const wire = wires[Number(id)]
        if (wire !== undefined) wire.open = false
      },
    }
    return new DuplicateLinks({ self, port, clock, metrics: new TestMetrics() })
  }
  const start = (...ends: readonly [DuplicateLinks, DuplicateLinks]) => {
    ends[0].opened(great)
    ends[1].opened(small)
  }
  const both = () => start(end(small), end(great))
  const open = () => wires.flatMap((w, i) => (w.open ? [i] : []))
  return { clock, wires, closed, end, start, both, open }
}

describe('one link of two', () => {
  it('should be the one that the smaller PeerID dialled, closed by the other end, after a grace time', () => {
    const { clock, closed, both, open } = bench(
      { transport: 'tcp', dialer: great },
      { transport: 'tcp', dialer: small },
    )
    both()
    clock.advance(4_999)
    expect(open()).toEqual([0, 1])
    clock.advance(3_000)
    expect(closed).toEqual(['great closes 0'])
    expect(open()).toEqual([1])
    clock.advance(60_000)
    expect(clock.delays()).toEqual([])
  })
  it('should be TCP rather than QUIC, whoever dialled it', () => {
    const { clock, both, open } = bench({ transport: 'quic', dialer: small }, { transport: 'tcp', dialer: great })
    both()
    clock.advance(10_000)
    expect(open()).toEqual([1])
  })
  it('should be any direct one rather than one by way of another', () => {
    const { clock, both, open } = bench({ transport: 'other', dialer: small }, { transport: 'quic', dialer: great })
    both()
    clock.advance(10_000)
    expect(open()).toEqual([1])
  })
  it('should be chosen by the dialler alone between two of its own, whatever the other end thinks of their age', () => {
    const { clock, closed, end, open } = bench({ transport: 'tcp', dialer: small }, { transport: 'tcp', dialer: small })
    const [dialler, dialled] = [end(small), end(great, (i) => -i)]
    dialled.opened(small)
    dialler.opened(great)
    clock.advance(10_000)
    expect(closed).toEqual(['small closes 1'])
    expect(open()).toEqual([0])
  })
  it('should not close the other while something is under way on it, but not wait for ever', () => {
    const { clock, wires, both, open } = bench({ transport: 'tcp', dialer: great }, { transport: 'tcp', dialer: small })
    wires[0]?.busy.add(small)
    both()
    clock.advance(30_000)
    expect(open()).toEqual([0, 1])
    wires[0]?.busy.clear()
    clock.advance(1_000)
    expect(open()).toEqual([1])

    const stuck = bench({ transport: 'tcp', dialer: great }, { transport: 'tcp', dialer: small })
    stuck.wires[0]?.busy.add(small)
    stuck.both()
    stuck.clock.advance(70_000)
    expect(stuck.open()).toEqual([1])
  })
  it('should not be closed for a better one that carries no gossip yet', () => {
    const { clock, closed, end, wires } = bench(
      { transport: 'quic', dialer: great },
      { transport: 'tcp', dialer: great },
    )
    const mute = wires[1]
    if (mute !== undefined) mute.gossip.add = () => mute.gossip
    wires[0]?.gossip.delete(small)
    end(great).opened(small)
    clock.advance(30_000)
    expect(closed).toEqual([])
  })
  it('should leave a single link alone', () => {
    const { clock, both, open } = bench({ transport: 'tcp', dialer: great })
    both()
    clock.advance(30_000)
    expect(open()).toEqual([0])
    expect(clock.delays()).toEqual([])
  })
  it('should never leave two ends with none, whatever links there are and however old each end thinks them', () => {
    const link = fc.record({
      transport: fc.constantFrom('tcp' as const, 'quic' as const, 'other' as const),
      dialer: fc.constantFrom(small, great),
    })
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat(9)), (links, ages) => {
        const { clock, end, start, open } = bench(...links)
        const seen = links.map(() => ages.next().value ?? 0)
        start(
          end(small),
          end(great, (i) => seen[i] ?? 0),
        )
        clock.advance(120_000)
        expect(open()).toHaveLength(1)
      }),
    )
  })
})
