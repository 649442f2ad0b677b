import { describe, expect, it } from 'vitest'
import { CodedError, type PeerIdStr } from '../../../src/base/index.ts'
import type { KeyPair } from '../../../src/curve/index.ts'
import { AddressBook } from '../../../src/p2p/address-book.ts'
import { AddressExchange } from '../../../src/p2p/addresses/exchange.ts'
import { decodeRecords, encodeRecords } from '../../../src/p2p/addresses/frame.ts'
import { libp2pRecordCodec } from '../../../src/p2p/addresses/libp2p-record.ts'
import { type DialPort, MeshKeeper } from '../../../src/p2p/mesh-keeper.ts'
import { ADDRESSES_PROTOCOL } from '../../../src/p2p/protocols.ts'
import type { FrameStream, StreamPort } from '../../../src/p2p/types.ts'
import { keyPair, logger, TestClock, TestMetrics, TestRoles } from './kit.ts'

/** Two ends of one stream, without a network. */
function streamPair(a: PeerIdStr, b: PeerIdStr): readonly [FrameStream, FrameStream] {
  const ends = [a, b].map((peerId, i) => {
    const inbox: (Uint8Array | undefined)[] = []
    const waiting: PromiseWithResolvers<Uint8Array | undefined>[] = []
    const put = (frame: Uint8Array | undefined) => {
      const waiter = waiting.shift()
      if (waiter === undefined) inbox.push(frame)
      else waiter.resolve(frame)
    }
    const end = () => {
      put(undefined)
      ends[1 - i]?.put(undefined)
    }
    const stream: FrameStream = {
      peerId,
      protocol: ADDRESSES_PROTOCOL,
      read: (signal) => {
        if (inbox.length > 0) return Promise.resolve(inbox.shift())
        const waiter = Promise.withResolvers<Uint8Array | undefined>()
        waiting.push(waiter)
        signal?.addEventListener('abort', () => waiter.reject(signal.reason), { once: true })
        return waiter.promise
      },
      write: async (frame) => ends[1 - i]?.put(frame),
      close: async () => end(),
      abort: end,
    }
    return { put, stream }
  })
  const [one, two] = ends
  if (one === undefined || two === undefined) throw new Error('unreachable')
  return [one.stream, two.stream]
}

interface Member {
  readonly key: KeyPair
  readonly book: AddressBook
  readonly keeper: MeshKeeper
  readonly exchange: AddressExchange
  readonly roles: TestRoles
  readonly metrics: TestMetrics
  readonly serve: (from: PeerIdStr) => Promise<FrameStream>
  addresses: readonly string[]
}

/** The real keeper, book and exchange of each member, on a virtual clock; a dial works if an address of it is right. */
class Town {
  readonly clock = new TestClock()
  readonly members = new Map<PeerIdStr, Member>()
  readonly #links = new Set<string>()
  #seed = 1

  readonly random = (): number => {
    this.#seed = (this.#seed * 48_271) % 2_147_483_647
    return this.#seed / 2_147_483_647
  }
  isLinked = (a: PeerIdStr, b: PeerIdStr): boolean => this.#links.has([a, b].toSorted().join())
  linked = (a: PeerIdStr): PeerIdStr[] => [...this.members.keys()].filter((b) => b !== a && this.isLinked(a, b))

  link(a: PeerIdStr, b: PeerIdStr): void {
    this.#links.add([a, b].toSorted().join())
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const) {
      this.members.get(x)?.keeper.opened(y)
      this.members.get(x)?.exchange.linkOpened(y)
    }
  }
  unlink(a: PeerIdStr, b: PeerIdStr): void {
    this.#links.delete([a, b].toSorted().join())
    this.members.get(a)?.keeper.closed(b)
    this.members.get(b)?.keeper.closed(a)
  }

  async add(key: KeyPair, all: readonly KeyPair[], addresses: readonly string[]): Promise<Member> {
    const { clock, random } = this
    const self = key.peerId
    const [roles, metrics, book] = [new TestRoles(...all.map((k) => k.peerId)), new TestMetrics(), new AddressBook()]
    let onStream: (stream: FrameStream) => Promise<void> = async () => {}
    const dialer: DialPort = {
      dial: async (peer) => {
        const there = this.members.get(peer)?.addresses ?? []
        if (!book.of(peer).some((a) => there.includes(a))) throw new CodedError('UNREACHABLE', 'nobody there')
        this.link(self, peer)
      },
      isConnected: (peer) => this.isLinked(self, peer),
      hasAddress: (peer) => book.of(peer).length > 0,
    }
    const streams: StreamPort = {
      handle: async (_protocol, _max, handler) => {
        onStream = handler
        return async () => {}
      },
      open: async (peer) => {
        const other = this.members.get(peer)
        if (other === undefined || !this.isLinked(self, peer)) throw new CodedError('UNREACHABLE', 'not linked')
        return other.serve(self)
      },
    }
    const keeper = new MeshKeeper({ self, dialer, clock, logger, metrics, random })
    const member: Member = {
      ...{ key, book, keeper, roles, metrics, addresses },
      exchange: new AddressExchange({
        ...{ self, book, roles, streams, clock, logger, metrics, random },
        codec: libp2pRecordCodec(key),
        ownAddresses: () => member.addresses,
        linked: () => this.linked(self),
        onLearned: (peer) => keeper.addressAppeared(peer),
      }),
      serve: async (from) => {
        const [ours, theirs] = streamPair(self, from)
        onStream(theirs).then(
          () => theirs.close(),
          (error: Error) => theirs.abort(error),
        )
        return ours
      },
    }
    this.members.set(self, member)
    await member.exchange.load()
    await member.exchange.start()
    keeper.keep(all.map((k) => k.peerId))
    keeper.start()
    return member
  }

  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(250)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

const keys = ['t1', 't2', 't3', 't4', 't5'].map(keyPair)
const [k1, k2] = keys as [KeyPair, KeyPair]
const addressOf = (i: number) => `/ip4/192.0.2.${i}/tcp/4700`
async function town(): Promise<{ readonly town: Town; readonly all: readonly Member[] }> {
  const made = new Town()
  for (const [i, key] of keys.entries()) await made.add(key, keys, [addressOf(i)])
  return { town: made, all: [...made.members.values()] }
}
const isWhole = (t: Town) => keys.every((k) => t.linked(k.peerId).length === keys.length - 1)

describe('the exchange of addresses', () => {
  it('should make a full mesh of a chain in which each knows the next one only', async () => {
    const { town: t, all } = await town()
    for (const [i, member] of all.entries()) {
      const next = keys[i + 1]
      if (next !== undefined) member.book.configure(next.peerId, [addressOf(i + 1)])
    }
    await t.run(30_000)
    expect(isWhole(t)).toBe(true)
  })
  it('should tell all of an address that changes at run time, within a minute', async () => {
    const { town: t, all } = await town()
    for (const member of all.slice(1)) member.book.configure(k1.peerId, [addressOf(0)])
    await t.run(30_000)
    expect(isWhole(t)).toBe(true)
    const [first, ...others] = all as [Member, ...Member[]]
    first.addresses = ['/ip4/198.51.100.1/udp/4700/quic-v1']
    first.exchange.ownChanged()
    // Only one link is left, so three of the others must hear it from their neighbours, and dial.
    for (const other of others.slice(1)) t.unlink(k1.peerId, other.key.peerId)
    await t.run(60_000)
    for (const other of others) expect(other.book.of(k1.peerId)).toContain('/ip4/198.51.100.1/udp/4700/quic-v1')
    expect(isWhole(t)).toBe(true)
  })
  it('should go on with a greater sequence than any record of its own that others hold', async () => {
    const { town: t, all } = await town()
    const [first, second] = all as [Member, Member]
    const seq = t.clock.now() + 1_000_000
    const decoded = libp2pRecordCodec(k2).decode((await libp2pRecordCodec(k1).seal(seq, [addressOf(99)])).wire)
    if (decoded.ok) second.book.learnRecord(decoded.value)
    t.link(k1.peerId, k2.peerId)
    await t.run(60_000)
    expect(second.book.recordOf(k1.peerId)?.seq).toBeGreaterThan(seq)
    expect(second.book.of(k1.peerId)).toEqual([addressOf(0)])
    expect(first.metrics.count('p2p_address_records_dropped_total{own}')).toBeGreaterThan(0)
  })
  it('should tell nothing of a member that was removed, and keep nothing of it', async () => {
    const { town: t, all } = await town()
    for (const member of all.slice(1)) member.book.configure(k1.peerId, [addressOf(0)])
    await t.run(30_000)
    const [first, second, third] = all as [Member, Member, Member]
    for (const member of [first, second]) member.roles.members.delete(third.key.peerId)
    first.book.forget(third.key.peerId)
    first.exchange.forget(third.key.peerId)
    await t.run(60_000)
    // Others still believe in it, and say so.
    expect(first.book.recordOf(third.key.peerId)).toBeUndefined()
    expect(first.metrics.count('p2p_address_records_dropped_total{foreign}')).toBeGreaterThan(0)
  })
  it('should not give on a record of whom the gate does not admit now', async () => {
    const { town: t, all } = await town()
    const [first] = all as [Member]
    const [outsider, member] = [keyPair('outsider'), keys[2] as KeyPair]
    for (const key of [outsider, member]) {
      const decoded = libp2pRecordCodec(k1).decode((await libp2pRecordCodec(key).seal(1, [addressOf(7)])).wire)
      if (decoded.ok) first.book.learnRecord(decoded.value)
    }
    await t.run(1_000)
    const stream = await first.serve(k2.peerId)
    await stream.write(encodeRecords([]))
    const told = (decodeRecords((await stream.read()) ?? new Uint8Array()) ?? []).map((wire) => {
      const decoded = libp2pRecordCodec(k1).decode(wire)
      return decoded.ok ? decoded.value.peer : undefined
    })
    expect(told).toEqual([k1.peerId, member.peerId])
  })
  it('should answer one peer so often and no more, and end what is malformed without harm to the next', async () => {
    const { town: t, all } = await town()
    const [first] = all as [Member]
    t.link(k1.peerId, k2.peerId)
    await t.run(5_000)
    const ask = async (frame: Uint8Array) => {
      const stream = await first.serve(k2.peerId)
      await stream.write(frame)
      return stream.read()
    }
    expect(await ask(Uint8Array.of(0x0a, 0x7f))).toBeUndefined()
    expect(first.metrics.count('p2p_address_records_dropped_total{malformed}')).toBe(1)
    const answers: unknown[] = []
    for (let i = 0; i < 40; i++) answers.push(await ask(encodeRecords([])))
    const answered = answers.filter((a) => a !== undefined).length
    expect(answered).toBeGreaterThan(5)
    expect(answered).toBeLessThanOrEqual(16)
    expect(first.metrics.count('p2p_address_records_dropped_total{rate}')).toBe(40 - answered)
    await t.run(10_000)
    expect(await ask(encodeRecords([]))).toBeDefined()
  })
  it('should stop waiting for an answer that does not come, and try again while the link stands', async () => {
    const { town: t, all } = await town()
    const [first, second] = all as [Member, Member]
    const mute: Member = { ...second, serve: async (from) => streamPair(k2.peerId, from)[0] }
    t.members.set(k2.peerId, mute)
    t.link(k1.peerId, k2.peerId)
    await t.run(11_000)
    expect(first.metrics.count('p2p_address_exchanges_total{failed}')).toBe(1)
    t.members.set(k2.peerId, second)
    await t.run(20_000)
    expect(first.metrics.count('p2p_address_exchanges_total{done}')).toBeGreaterThan(0)
    expect(second.book.of(k1.peerId)).toEqual([addressOf(0)])
  })
  it('should leave no timer behind when stopped', async () => {
    const { town: t, all } = await town()
    t.link(k1.peerId, k2.peerId)
    await t.run(3_000)
    for (const member of all) {
      await member.exchange.stop()
      member.keeper.stop()
    }
    await t.run(20_000)
    expect(t.clock.delays()).toEqual([])
  })
})
