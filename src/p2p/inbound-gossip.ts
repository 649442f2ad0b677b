import type { Connection, Stream } from '@libp2p/interface'
import type { PeerIdStr } from '../base/index.ts'
import { CodedError } from '../base/index.ts'
import { peerOf } from './connection-info.ts'

/**
 * Inbound gossip streams as the library closes them.
 *
 * It closes one when it has done with it, for instance at a frame that it can't read: that ends only the half on which it
 * never spoke, and the sender would go on talking to nobody. A reset tells it to open another.
 *
 * It also closes one when the same PeerID opens another. Over another connection that may be another process with the same
 * key (R17): the two would reset each other's streams for ever, neither would be heard for long, and nobody could tell. So
 * one stream per connection is read on.
 */
export class InboundGossip {
  readonly #streams = new Map<PeerIdStr, Map<string, Stream>>()
  #handing: Stream | undefined

  /** `hand` gives the stream to the library, which closes its prior one, if there is one, before it returns. */
  hand<T>(stream: Stream, connection: Connection, hand: () => T): T {
    const peer = peerOf(connection)
    const streams = this.#streams.get(peer) ?? new Map<string, Stream>()
    const prior = streams.get(connection.id)
    this.#streams.set(peer, streams.set(connection.id, stream))
    stream.addEventListener('close', () => this.#closed(peer, connection.id, stream), { once: true })
    // The peer has moved its gossip to another connection: this one shall become idle, once all is read.
    const close = stream.close.bind(stream)
    stream.addEventListener('remoteCloseWrite', () => close().catch(() => reset(stream)), { once: true })
    stream.close = async () => {
      const isReplaced = this.#handing !== undefined && this.#handing !== stream
      if (isReplaced && streams.get(connection.id) === stream) return
      // The library has done with the peer: with all that is read of it.
      if (isReplaced) reset(stream)
      else for (const each of [stream, ...streams.values()]) reset(each)
    }
    this.#handing = stream
    try {
      return hand()
    } finally {
      this.#handing = undefined
      if (prior !== undefined) reset(prior)
    }
  }

  #closed(peer: PeerIdStr, connection: string, stream: Stream): void {
    const streams = this.#streams.get(peer)
    if (streams?.get(connection) === stream) streams.delete(connection)
    if (streams?.size === 0 && this.#streams.get(peer) === streams) this.#streams.delete(peer)
  }
}

const reset = (stream: Stream): void =>
  stream.abort(new CodedError('STREAM_RESET', 'this gossip stream is no longer read'))
