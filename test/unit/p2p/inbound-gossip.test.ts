import type { Connection, Stream } from '@libp2p/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { InboundGossip } from '../../../src/p2p/inbound-gossip.ts'
import { keyPair } from './kit.ts'

class FakeStream extends EventTarget {
  aborted = false
  close = async () => {}
  abort() {
    this.aborted = true
    this.dispatchEvent(new Event('close'))
  }
}
const connection = (id: string, peer = 'k') =>
  ({ id, remotePeer: { toString: () => keyPair(peer).peerId } }) as unknown as Connection

/** As gossipsub does: the stream that comes last is the one, and the one before it is closed. */
let inbound: InboundGossip
let latest: Map<string, FakeStream>
beforeEach(() => {
  inbound = new InboundGossip()
  latest = new Map()
})
function comes(on: Connection): FakeStream {
  const stream = new FakeStream()
  inbound.hand(stream as unknown as Stream, on, () => {
    void latest.get(on.remotePeer.toString())?.close()
    latest.set(on.remotePeer.toString(), stream)
  })
  return stream
}

describe('inbound gossip streams', () => {
  it('should be reset when the library has done with one, so that its sender opens another', async () => {
    const stream = comes(connection('1'))
    await stream.close()
    expect(stream.aborted).toBe(true)
  })
  it('R17: should be read on when the same PeerID opens one over another connection', () => {
    const [first, second] = [comes(connection('1')), comes(connection('2'))]
    expect([first.aborted, second.aborted]).toEqual([false, false])
  })
  it('should be one per connection', () => {
    const [first, second] = [comes(connection('1')), comes(connection('1'))]
    expect([first.aborted, second.aborted]).toEqual([true, false])
  })
  it('should be one per connection also where another one came between', () => {
    const [first, other, second] = [comes(connection('1')), comes(connection('2')), comes(connection('1'))]
    expect([first.aborted, other.aborted, second.aborted]).toEqual([true, false, false])
  })
  it('should all end with the latest, when the library has done with the peer', async () => {
    const [first, second, other] = [comes(connection('1')), comes(connection('2')), comes(connection('3', 'other'))]
    await second.close()
    expect([first.aborted, second.aborted, other.aborted]).toEqual([true, true, false])
  })
  it('should leave nothing behind when they have ended', async () => {
    const first = comes(connection('1'))
    first.abort()
    first.aborted = false
    latest.clear()
    const second = comes(connection('2'))
    await second.close()
    expect([first.aborted, second.aborted]).toEqual([false, true])
  })
})
