import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerIdStr } from '../../src/base/index.ts'
import type { ConnectionGater } from '../../src/p2p/index.ts'
import { type EndHandler, LinkEnd, type LinkInit } from './link.ts'
import { peerIdOf } from './peer-id.ts'
import type { Place } from './weather.ts'

/** A machine as the network sees it. */
export interface Machine {
  readonly place: Place
  readonly ip: string
  /** What answers at the machine's addresses; undefined while no process runs. */
  process: NetworkProcess | undefined
  /** The machine itself is on; off, packets to it just vanish. */
  isOn: boolean
}

export interface NetworkProcess extends EndHandler {
  readonly peerId: PeerIdStr
  readonly gater: ConnectionGater
  onOpened(end: LinkEnd): void
}

const RESEND_MS = 1_000
/** Between the gate's last word and an open connection: what the gate is told meanwhile comes too late for that word. */
const UPGRADE_MS = 2

/**
 * Dials and handshakes, judged by both gaters at the same moments and in the same order as in libp2p: the dialer has a
 * connection as soon as it knows who answered, the dialled one only when it knows who dials. So a refused dialer sees its
 * connection open and end, as on a real network.
 */
export class Internet {
  readonly #c: LinkInit
  readonly #byAddress = new Map<string, Machine>()
  #links = 0
  #lastPort = 40_000

  constructor(init: LinkInit) {
    this.#c = init
  }

  listen(address: string, machine: Machine): void {
    this.#byAddress.set(address, machine)
  }
  unlisten(address: string): void {
    this.#byAddress.delete(address)
  }

  /**
   * A connection to whoever answers at this address, or only to `peer` if one is named. Rejects when refused, or with the
   * signal; at a dead address that is all. What a dialer asks its gate before it dials has been asked.
   */
  async dial(from: Machine, peer: PeerIdStr | undefined, address: string, signal: AbortSignal): Promise<LinkEnd> {
    const { process } = from
    if (process === undefined) throw refused('no process runs here')
    const to = this.#byAddress.get(address)
    // SYN and its answer.
    await this.#travel(from, to, signal)
    const callee = to?.process
    const inbound = rawConnection(`/ip4/${from.ip}/tcp/${this.#lastPort++}`)
    const turnedAway = callee === undefined || (await callee.gater.denyInboundConnection?.(inbound))
    await this.#travel(to, from, signal)
    if (to === undefined || callee === undefined || turnedAway) throw refused('nobody listens there')
    try {
      return await this.#shakeHands({ from, to, process, callee, peer, inbound, address, signal })
    } catch (error) {
      inbound.dispatchEvent(new Event('close'))
      throw error
    }
  }

  async #shakeHands(c: Handshake): Promise<LinkEnd> {
    const { from, to, process, callee, peer, address, signal } = c
    const { gater } = process
    const outbound = rawConnection(address)
    if (peer !== undefined && (await gater.denyOutboundConnection?.(peerIdOf(peer), outbound))) throw denied()
    await this.#travel(from, to, signal)
    await this.#travel(to, from, signal)
    // Noise: the second message proves the callee's key.
    if (to.process !== callee || from.process !== process) throw refused('the process is gone')
    if (callee === process) throw named('InvalidPeerIdError', 'this is the very node that dials')
    if (peer !== undefined && callee.peerId !== peer) throw named('UnexpectedPeerError', 'another key answers there')
    const proven = peerIdOf(callee.peerId)
    if (await gater.denyOutboundEncryptedConnection?.(proven, outbound)) throw denied()
    if (await gater.denyOutboundUpgradedConnection?.(proven, outbound)) throw denied()
    await this.#c.clock.pause(UPGRADE_MS)
    signal.throwIfAborted()
    const end = this.#end(process, from, to, {
      id: `c${this.#links++}`,
      peer: callee.peerId,
      direction: 'outbound',
      remoteAddress: address,
    })
    this.#announce(process, end)
    void this.#answer(c, end)
    return end
  }

  /** The third message proves the dialer's key, so only now can the callee's gate judge it. */
  async #answer({ from, to, process, callee, inbound }: Handshake, outboundEnd: LinkEnd): Promise<void> {
    const dialer = peerIdOf(process.peerId)
    await this.#travel(from, to, new AbortController().signal)
    const isDenied =
      to.process !== callee ||
      (await callee.gater.denyInboundEncryptedConnection?.(dialer, inbound)) ||
      (await callee.gater.denyInboundUpgradedConnection?.(dialer, inbound))
    inbound.dispatchEvent(new Event('close'))
    await this.#c.clock.pause(UPGRADE_MS)
    const end = this.#end(callee, to, from, {
      id: outboundEnd.id,
      peer: process.peerId,
      direction: 'inbound',
      remoteAddress: inbound.remoteAddr.toString(),
    })
    LinkEnd.join(outboundEnd, end)
    if (isDenied || !outboundEnd.isOpen || to.process !== callee) end.close()
    else this.#announce(callee, end)
  }

  #end(
    process: NetworkProcess,
    at: Machine,
    towards: Machine,
    link: Pick<LinkEnd, 'id' | 'peer' | 'direction' | 'remoteAddress'>,
  ): LinkEnd {
    return new LinkEnd(this.#c, process, { ...link, at: at.place, towards: towards.place })
  }
  #announce(process: NetworkProcess, end: LinkEnd): void {
    this.#c.trace.note(`${end.at} opened ${end.id} ${end.direction}`)
    process.onOpened(end)
  }

  /** One packet of a handshake, sent again until it is through. */
  async #travel(from: Machine | undefined, to: Machine | undefined, signal: AbortSignal): Promise<void> {
    const { clock, weather } = this.#c
    for (;;) {
      signal.throwIfAborted()
      const isOff = from === undefined || to === undefined || !to.isOn || !weather.reaches(from.place, to.place)
      const isThrough = !isOff && !weather.isLost(from.place, to.place)
      const waitMs = isThrough ? weather.delayMs(from.place, to.place) : RESEND_MS
      await Promise.race([clock.pause(waitMs), aborted(signal)])
      if (isThrough) return
    }
  }
}

interface Handshake {
  readonly from: Machine
  readonly to: Machine
  readonly process: NetworkProcess
  readonly callee: NetworkProcess
  readonly peer: PeerIdStr | undefined
  readonly inbound: MultiaddrConnection
  readonly address: string
  readonly signal: AbortSignal
}

const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
const refused = (why: string): Error => named('ConnectionFailedError', `the connection was refused: ${why}`)
/** As libp2p names it when a gater says no. */
const denied = (): Error => named('ConnectionInterceptedError', 'the connection was intercepted')

/** Rejects with the signal; its listener goes with it. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))

/** What a gater's hook gets of a connection before anybody is known: an address, and when it closes. */
function rawConnection(address: string): MultiaddrConnection {
  const connection = Object.assign(new EventTarget(), { remoteAddr: multiaddr(address) })
  return connection as unknown as MultiaddrConnection
}
