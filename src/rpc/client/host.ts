import { CodedError, codeOf, noMetrics, type PeerIdStr, silentLogger } from '../../base/index.ts'
import type { KeyPair } from '../../curve/index.ts'
import { createDialerHost, type DialerHost, type StreamPort, type Transport } from '../../p2p/index.ts'
import type { ClientHost } from './connect.ts'

/** A host of the client's own, that dials this one server and is dialled by nobody. */
export async function openHost(
  keyPair: KeyPair,
  server: PeerIdStr,
  addresses: readonly string[],
  signal?: AbortSignal,
): Promise<ClientHost> {
  const transports: Transport[] = []
  if (addresses.some((a) => a.includes('/tcp/'))) transports.push('tcp')
  if (addresses.some((a) => a.includes('/quic-v1'))) transports.push('quic')
  const host = createDialerHost({ keyPair, transports, logger: silentLogger, metrics: noMetrics })
  await host.start(signal)
  const streams = tellingRefusal(host, server)
  host.keepConnected([{ peerId: server, addresses }])
  return { streams, stop: () => host.stop() }
}

/**
 * A refused peer's dial resolves, and its first stream fails. So a stream that can't be opened over a connection on which
 * none was opened yet says `NOT_ADMITTED`; over one that served before, it is a lost connection.
 */
function tellingRefusal(host: DialerHost, server: PeerIdStr): StreamPort {
  let untried = false
  host.connectionOpened.on(({ peerId }) => {
    if (peerId === server) untried = true
  })
  return {
    handle: (protocol, max, onStream) => host.streams.handle(protocol, max, onStream),
    async open(peer, protocol, max, signal) {
      try {
        const stream = await host.streams.open(peer, protocol, max, signal)
        untried = false
        return stream
      } catch (cause) {
        if (!untried || codeOf(cause) !== 'UNREACHABLE') throw cause
        untried = false
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
