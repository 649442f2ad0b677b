import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../src/base/index.ts'
import { AddressBook } from '../../../src/p2p/address-book.ts'
import { keyPair } from './kit.ts'

const peer = keyPair('peer').peerId
const TCP = '/ip4/127.0.0.1/tcp/1'
const QUIC = '/ip4/127.0.0.1/udp/1/quic-v1'

describe('address book', () => {
  it('should know nothing of a stranger', () => {
    expect(new AddressBook().of(peer)).toEqual([])
  })
  it('should put the configured before the learned, and the best of TCP and of QUIC before the second of either', () => {
    const book = new AddressBook()
    book.learn(peer, ['/ip4/10.0.0.1/tcp/2', '/ip4/10.0.0.1/udp/2/quic-v1'])
    book.configure(peer, [QUIC, TCP])
    expect(book.of(peer)).toEqual([TCP, QUIC, '/ip4/10.0.0.1/tcp/2', '/ip4/10.0.0.1/udp/2/quic-v1'])
  })
  it('should hold each address once, with or without the PeerID', () => {
    const book = new AddressBook()
    book.configure(peer, [`${TCP}/p2p/${peer}`])
    book.learn(peer, [TCP])
    expect(book.of(peer)).toEqual([TCP])
  })
  it('should believe a peer few addresses, and only of transports that exist here', () => {
    const book = new AddressBook()
    const many = Array.from({ length: 100 }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`)
    book.learn(peer, ['/dns4/a/tcp/1/ws', '/unix/socket', ...many])
    expect(book.of(peer)).toEqual(many.slice(0, LIMITS.maxRecordAddresses))
  })
  it('should keep what it knows when a peer says nothing usable', () => {
    const book = new AddressBook()
    book.learn(peer, [TCP])
    book.learn(peer, [])
    expect(book.of(peer)).toEqual([TCP])
  })
  it('should take a signed record over what the peer says unsigned, and only ever a newer one', () => {
    const book = new AddressBook()
    const record = (seq: number, address: string) => ({ peer, seq, addresses: [address], wire: new Uint8Array() })
    book.learn(peer, ['/ip4/10.0.0.9/tcp/1'])
    expect(book.learnRecord(record(2, '/ip4/10.0.0.2/tcp/1'))).toBe(true)
    expect(book.learnRecord(record(2, '/ip4/10.0.0.3/tcp/1'))).toBe(false)
    expect(book.learnRecord(record(1, '/ip4/10.0.0.1/tcp/1'))).toBe(false)
    expect(book.of(peer)).toEqual(['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.9/tcp/1'])
  })
  it('should believe of an address without PeerID only whom it was last proven to be', () => {
    const book = new AddressBook()
    const other = keyPair('other').peerId
    book.prove(peer, TCP)
    book.prove(other, TCP)
    expect([book.of(peer), book.of(other)]).toEqual([[], [TCP]])
  })
  it('should put what leads through a relay last, and never through the peer itself', () => {
    const book = new AddressBook()
    const relay = { peerId: keyPair('relay').peerId, address: `/ip4/10.0.0.9/tcp/1/p2p/${keyPair('relay').peerId}` }
    book.relayThrough([relay])
    book.configure(peer, [QUIC])
    book.learn(peer, [`${relay.address}/p2p-circuit/p2p/${peer}`, TCP])
    expect(book.of(peer)).toEqual([TCP, QUIC, `${relay.address}/p2p-circuit`])
    expect(book.of(relay.peerId)).toEqual([])
  })
  it('should prefer what a peer says itself to what is said of it, and forget both', () => {
    const book = new AddressBook()
    book.hint(peer, ['/ip4/192.168.0.6/tcp/6'])
    book.learn(peer, [TCP])
    book.hint(peer, ['/ip4/192.168.0.7/tcp/7'])
    expect(book.of(peer)).toEqual([TCP, '/ip4/192.168.0.6/tcp/6', '/ip4/192.168.0.7/tcp/7'])
    book.forget(peer)
    expect(book.of(peer)).toEqual([])
  })
  it('should keep what one said of a peer when another one says something else, within bounds, and call repetitions no news', () => {
    const book = new AddressBook()
    expect(book.hint(peer, ['/ip4/192.168.0.1/tcp/1'])).toBe(true)
    expect(book.hint(peer, ['/ip4/192.168.0.2/tcp/1'])).toBe(true)
    expect(book.hint(peer, ['/ip4/192.168.0.1/tcp/1'])).toBe(false)
    expect(book.of(peer)).toEqual(['/ip4/192.168.0.1/tcp/1', '/ip4/192.168.0.2/tcp/1'])
    for (let i = 0; i < 100; i++) book.hint(peer, [`/ip4/192.168.1.${i}/tcp/1`])
    expect(book.of(peer)).toHaveLength(16)
  })
  it('should begin each dial with other hints', () => {
    const book = new AddressBook()
    const hints = [1, 2, 3, 4, 5].map((i) => `/ip4/192.168.0.${i}/tcp/1`)
    book.hint(peer, hints)
    const firsts = Array.from({ length: 5 }, () => book.toDial(peer)[0])
    expect(new Set(firsts)).toEqual(new Set(hints))
  })
  it('should try a hint and a way through a relay among the first, however many addresses the peer has', () => {
    const book = new AddressBook()
    const relayId = keyPair('relay').peerId
    book.relayThrough([{ peerId: relayId, address: `/ip4/10.0.0.9/tcp/1/p2p/${relayId}` }])
    book.learn(
      peer,
      Array.from({ length: LIMITS.maxRecordAddresses }, (_, i) => `/ip4/10.0.0.${i}/tcp/1`),
    )
    book.hint(peer, ['/ip4/192.168.0.1/tcp/1'])
    const first = book.of(peer).slice(0, LIMITS.maxParallelDialsPerPeer)
    expect(first).toContain('/ip4/192.168.0.1/tcp/1')
    expect(first.some((a) => a.endsWith('/p2p-circuit'))).toBe(true)
    expect(book.of(peer)).toHaveLength(LIMITS.maxRecordAddresses + 2)
  })
  it('should forget', () => {
    const book = new AddressBook()
    book.configure(peer, [TCP])
    book.learn(peer, [QUIC])
    book.forget(peer)
    expect(book.of(peer)).toEqual([])
  })
})
