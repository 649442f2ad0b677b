import { CodedError, codeOf, noMetrics, type PeerIdStr, silentLogger } from '../../base/index.ts'
import type { KeyPair } from '../../curve/index.ts'
import { createDialerHost, type DialerHost, type StreamPort, type Transport } from '../../p2p/index.ts'
import type { Server } from './address.ts'
import type { ClientHost } from './reach.ts'

/** A host of the client's own, that dials one of these servers at a time and is dialled by nobody. */
export async function openHost(
  keyPair: KeyPair,
  servers: readonly Server[],
  signal?: AbortSignal,
): Promise<ClientHost> {
  const transports: Transport[] = []
  const addresses = servers.flatMap((s) => s.addresses)
  if (addresses.some((a) => a.includes('/tcp/'))) transports.push('tcp')
  if (addresses.some((a) => a.includes('/quic-v1'))) transports.push('quic')
  const host = createDialerHost({ keyPair, transports, logger: silentLogger, metrics: noMetrics })
  await host.start(signal)
  let inUse: PeerIdStr | undefined
  const close = async (peer: PeerIdStr): Promise<void> => {
    if (inUse === peer) inUse = undefined
    await host.closePeer(peer)
  }
  return {
    streams: tellingRefusal(host),
    async use(server) {
      if (inUse === server.peerId) return
      if (inUse !== undefined) await close(inUse)
      inUse = server.peerId
      host.keepConnected([server])
    },
    drop: close,
    stop: () => host.stop(),
  }
}

/**
 * A refused peer's dial resolves, and its first stream fails. So a stream that can't be opened over a connection on which
 * none was opened yet says `NOT_ADMITTED`; over one that served before, it is a lost connection.
 */
function tellingRefusal(host: DialerHost): StreamPort {
  const untried = new Set<PeerIdStr>()
  host.connectionOpened.on(({ peerId }) => {
    untried.add(peerId)
  })
  return {
    handle: (protocol, max, onStream) => host.streams.handle(protocol, max, onStream),
    async open(peer, protocol, max, signal) {
      try {
        const stream = await host.streams.open(peer, protocol, max, signal)
        untried.delete(peer)
        return stream
      } catch (cause) {
        if (codeOf(cause) !== 'UNREACHABLE' || !untried.delete(peer)) throw cause
        throw new CodedError(
          'NOT_ADMITTED',
          'the server ended the connection before a stream was opened',
          {},
          { cause },
        )
      }
    },
  }
}
