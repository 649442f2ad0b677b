import type { StreamMuxerFactory } from '@libp2p/interface'

/** What is used of a stream of the library, past what it declares. */
interface Windowed {
  readonly state: number
  /** Bytes that the other side may have on their way when nothing is. */
  readonly recvWindow: number
  /** Bytes that it may still send before it hears of us. */
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}
/** The library's `StreamState.Established`: opening and resuming a stream say more than the window, and are always said. */
const ESTABLISHED = 3

/**
 * The library answers every frame with a window update: an encrypted write and read of its own, for each small message. Said only
 * once half of the window is used, as yamux elsewhere has it, nobody ever waits for one. Changes nothing where the library is
 * not what it was.
 */
export function lazyWindows<C>(make: (components: C) => StreamMuxerFactory): (components: C) => StreamMuxerFactory {
  return (components) => {
    const factory = make(components)
    const createStreamMuxer: StreamMuxerFactory['createStreamMuxer'] = (link) => {
      const muxer = factory.createStreamMuxer(link)
      const own = muxer as unknown as { _newStream?: (...of: unknown[]) => unknown }
      const newStream = own._newStream?.bind(muxer)
      if (newStream !== undefined) own._newStream = (...of) => spared(newStream(...of))
      return muxer
    }
    return Object.assign(Object.create(factory), { createStreamMuxer })
  }
}

function spared(stream: unknown): unknown {
  if (!isWindowed(stream)) return stream
  const update = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (stream.state !== ESTABLISHED || 2 * stream.recvWindowCapacity < stream.recvWindow) update()
  }
  return stream
}

function isWindowed(stream: unknown): stream is Windowed {
  const s = stream as Partial<Windowed> | undefined
  const numbers = [s?.state, s?.recvWindow, s?.recvWindowCapacity]
  return numbers.every((n) => typeof n === 'number') && typeof s?.sendWindowUpdate === 'function'
}
