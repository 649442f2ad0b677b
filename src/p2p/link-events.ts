import type { Libp2p } from '@libp2p/interface'
import { describeError, Emitter, type Logger, type Metrics } from '../base/index.ts'
import { ConnectionCap } from './connection-cap.ts'
import { infoOf, peerOf } from './connection-info.ts'
import type { Dialer } from './dialer.ts'
import type { Mesh } from './mesh.ts'
import type { Speech } from './speech.ts'
import type { ConnectionInfo } from './types.ts'

export interface LinkEventsInit {
  readonly dialer: Dialer
  readonly mesh: Mesh
  readonly speech: Speech
  readonly logger: Logger
  readonly metrics: Metrics
}

/** libp2p's events as ours: first to the parts of the host, then to whoever listens. */
export class LinkEvents {
  readonly opened: Emitter<ConnectionInfo>
  readonly closed: Emitter<ConnectionInfo>
  readonly #c: LinkEventsInit
  readonly #cap: ConnectionCap

  constructor(init: LinkEventsInit) {
    this.#c = init
    this.#cap = new ConnectionCap(init.metrics)
    const onError = (error: unknown) => init.logger.error('listener failed', { error: describeError(error) })
    this.opened = new Emitter(onError)
    this.closed = new Emitter(onError)
  }

  /** For the life of this libp2p, which is one run of the host. */
  listenTo(libp2p: Libp2p): void {
    const { dialer, mesh, speech } = this.#c
    libp2p.addEventListener('connection:open', ({ detail }) => {
      if (!this.#cap.admits(detail, libp2p.getConnections(detail.remotePeer))) return
      mesh.opened(peerOf(detail))
      this.opened.emit(infoOf(detail))
    })
    libp2p.addEventListener('connection:close', ({ detail }) => {
      // Nobody was told that it had opened.
      if (this.#cap.hasRefused(detail)) return
      const peer = peerOf(detail)
      speech.gossip?.connectionClosed(peer, dialer.connections(peer))
      mesh.closed(peer)
      this.closed.emit(infoOf(detail))
    })
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      const addresses = detail.signedPeerRecord?.addresses ?? detail.listenAddrs
      mesh.said(peerOf(detail.connection), addresses.map(String))
    })
    libp2p.addEventListener('self:peer:update', () => mesh.moved())
  }
}
