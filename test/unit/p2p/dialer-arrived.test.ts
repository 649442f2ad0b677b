import type { Connection, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { AddressBook } from '../../../src/p2p/address-book.ts'
import { Dialer } from '../../../src/p2p/dialer.ts'
import { keyPair, logger, TestClock, TestMetrics, TestRoles } from './kit.ts'

const self = keyPair('self')
const alice = keyPair('alice')
const ADDRESS = '/ip4/10.0.0.9/tcp/4001'

let links: Connection[]
let aborted: boolean
let answer: PromiseWithResolvers<Connection>
let dialer: Dialer
beforeEach(() => {
  links = []
  aborted = false
  answer = Promise.withResolvers()
  const book = new AddressBook()
  book.configure(alice.peerId, [ADDRESS])
  dialer = new Dialer({
    ...{ self: self.peerId, book, roles: new TestRoles(self.peerId, alice.peerId), gater: {} },
    ...{ clock: new TestClock(), logger, metrics: new TestMetrics() },
    node: () => ({
      libp2p: { getConnections: () => links } as unknown as Libp2p,
      // An address that takes packets and never answers.
      dialAddress: (_, signal) => {
        signal.addEventListener('abort', () => {
          aborted = true
          answer.reject(signal.reason)
        })
        return answer.promise
      },
    }),
  })
})

const link = (): Connection =>
  ({
    ...{ status: 'open', direction: 'inbound', id: 'in', timeline: { open: 1 } },
    ...{ remotePeer: peerIdFromString(alice.peerId), remoteAddr: multiaddr(ADDRESS) },
  }) as unknown as Connection
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('a peer that links to us while we dial it', () => {
  it('should serve whoever waits for the dial, which goes on: the peer may give up its own for ours', async () => {
    const waiting = dialer.connect(alice.peerId)
    await turns()
    links.push(link())
    dialer.arrived(alice.peerId)
    expect((await waiting).id).toBe('in')
    await turns()
    expect(aborted).toBe(false)
    answer.resolve(link())
    await turns()
    expect(dialer.report()).toEqual([])
  })

  it('should serve nobody with a link that is gone again, and disturb no dial to others', async () => {
    let isServed = false
    const waiting = dialer.connect(alice.peerId).then((l) => {
      isServed = true
      return l
    })
    await turns()
    dialer.arrived(alice.peerId)
    dialer.arrived(self.peerId)
    await turns()
    expect(isServed).toBe(false)
    answer.resolve(link())
    expect((await waiting).id).toBe('in')
  })

  it('should still call off a dial that nobody waits for any more', async () => {
    const leaving = new AbortController()
    const waiting = dialer.connect(alice.peerId, leaving.signal)
    await turns()
    leaving.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    await turns()
    expect(aborted).toBe(true)
  })
})
