import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { CodedError, type PeerIdStr } from '../../src/base/index.ts'
import type { ConnectionInfo } from '../../src/p2p/index.ts'
import { peerIdOf } from './peer-id.ts'
import type { Trace } from './trace.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Place, Weather } from './weather.ts'

/** What travels between the two ends of a link. */
export type Packet =
  | { readonly kind: 'ping' | 'pong' }
  | { readonly kind: 'identify'; readonly addresses: readonly string[] }
  | { readonly kind: 'gossip-open'; readonly topics: readonly string[] }
  | { readonly kind: 'gossip-reset' }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly topic: string }
  | { readonly kind: 'gossip'; readonly topic: string; readonly data: Uint8Array; readonly id: string }
  | { readonly kind: 'stream-open'; readonly stream: string; readonly protocol: string }
  | { readonly kind: 'stream-accept' | 'stream-end' | 'stream-reset'; readonly stream: string }
  | { readonly kind: 'stream-data'; readonly stream: string; readonly frame: Uint8Array }

/** What one machine does with what arrives. */
export interface EndHandler {
  /** Undefined while the machine's process is down. */
  onPacket(end: LinkEnd, packet: Packet): void
  onClosed(end: LinkEnd): void
}

export interface LinkInit {
  readonly clock: VirtualClock
  readonly weather: Weather
  readonly trace: Trace
}

/** A packet that can't get through is sent again after this; TCP's own pauses grow, which only makes a run longer. */
const RESEND_MS = 1_000
/** libp2p's connection monitor: each end pings its connections, and gives one up that doesn't answer (its smallest timeout). */
const PING_EVERY_MS = 10_000
const PING_TIMEOUT_MS = 5_000

const ENDS = new WeakMap<Connection, LinkEnd>()

/**
 * One machine's end of a connection. Streams and control packets are ordered and never lost while both ends live, as on TCP
 * and QUIC: loss and partition only make them late. Gossip packets are each on their own, and may be lost for good: harsher
 * than a real link, whose gossip stream is either whole or reset.
 */
export class LinkEnd {
  readonly id: string
  readonly at: Place
  readonly peer: PeerIdStr
  readonly direction: 'inbound' | 'outbound'
  readonly remoteAddress: string
  readonly openedAtMs: number
  readonly #c: LinkInit
  readonly #handler: EndHandler
  #other: LinkEnd | undefined
  /** The other end's machine, also before it has opened its end. */
  readonly #towards: Place
  /** Packets that wait for the other end to open, or behind one that is late. */
  readonly #queue: { readonly packet: Packet; readonly atMs: number }[] = []
  #lastArrivalMs = 0
  #carrying = false
  #awaitsPong = false
  #connection: Connection | undefined
  /** `off`: its machine lost power, and doesn't even refuse what comes. */
  #status: 'open' | 'closed' | 'off' = 'open'

  constructor(
    c: LinkInit,
    handler: EndHandler,
    init: Pick<LinkEnd, 'id' | 'at' | 'peer' | 'direction' | 'remoteAddress'> & { readonly towards: Place },
  ) {
    this.#c = c
    this.#handler = handler
    this.id = init.id
    this.at = init.at
    this.peer = init.peer
    this.direction = init.direction
    this.remoteAddress = init.remoteAddress
    this.#towards = init.towards
    this.openedAtMs = c.clock.now()
    this.#pingLater()
  }

  get isOpen(): boolean {
    return this.#status === 'open'
  }
  /** What those parts of src/p2p see of it that know libp2p's connections. */
  get connection(): Connection {
    this.#connection ??= this.#facade()
    return this.#connection
  }
  info(): ConnectionInfo {
    const { peer: peerId, direction, remoteAddress, openedAtMs } = this
    return { peerId, direction, transport: 'tcp', remoteAddress, openedAtMs }
  }

  #facade(): Connection {
    const status = () => (this.isOpen ? 'open' : 'closed')
    const { id, direction } = this
    const facade = {
      get status() {
        return status()
      },
      id,
      direction,
      remotePeer: peerIdOf(this.peer),
      remoteAddr: multiaddr(this.remoteAddress),
      timeline: { open: this.openedAtMs },
      close: async () => this.close(),
      abort: () => this.close(),
    }
    const connection = facade as unknown as Connection
    ENDS.set(connection, this)
    return connection
  }

  static of(connection: Connection): LinkEnd {
    const end = ENDS.get(connection)
    if (end === undefined) throw new TypeError('not a connection of this simulation')
    return end
  }

  static join(a: LinkEnd, b: LinkEnd): void {
    a.#other = b
    b.#other = a
    a.#carry()
    b.#carry()
  }

  /** In order, late rather than lost. Whatever is sent on a closed end goes nowhere. */
  send(packet: Packet): void {
    if (!this.isOpen) return
    const { clock, weather } = this.#c
    let delayMs = weather.delayMs(this.at, this.#towards)
    while (weather.isLost(this.at, this.#towards)) delayMs += RESEND_MS
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, clock.now() + delayMs)
    this.#queue.push({ packet, atMs: this.#lastArrivalMs })
    this.#carry()
  }

  /** On its own: may be lost, doubled, overtaken. */
  toss(packet: Packet): void {
    if (!this.isOpen) return
    const { clock, weather } = this.#c
    for (const afterMs of weather.arrivalsMs(this.at, this.#towards))
      clock.after(afterMs, () => {
        if (weather.reaches(this.at, this.#towards)) this.#other?.receive(packet)
      })
  }

  /** At once on this side; the other learns of it if the news can travel, and by its own pings otherwise. */
  close(): void {
    if (!this.isOpen) return
    this.end()
    this.#tellOther()
  }

  /** The machine is gone, and nobody tells the other end. */
  vanish(): void {
    this.#status = 'off'
    this.#queue.length = 0
  }

  #tellOther(): void {
    const { clock, weather } = this.#c
    clock.after(weather.delayMs(this.at, this.#towards), () => {
      if (weather.reaches(this.at, this.#towards)) this.#other?.end()
    })
  }

  end(): void {
    if (!this.isOpen) return
    this.#status = 'closed'
    this.#queue.length = 0
    this.#c.trace.note(`${this.at} closed ${this.id}`)
    this.#handler.onClosed(this)
  }

  #carry(): void {
    const next = this.#queue[0]
    if (next === undefined || this.#carrying || this.#other === undefined) return
    this.#carrying = true
    this.#c.clock.after(next.atMs - this.#c.clock.now(), () => this.#arrive())
  }

  #arrive(): void {
    this.#carrying = false
    const { clock, weather } = this.#c
    const [next] = this.#queue
    if (next === undefined) return
    if (!weather.reaches(this.at, this.#towards)) {
      this.#carrying = true
      clock.after(RESEND_MS, () => this.#arrive())
      return
    }
    this.#queue.shift()
    this.#other?.receive(next.packet)
    this.#carry()
  }

  receive(packet: Packet): void {
    // Nobody lives at this end any more: the sender is told, as by a TCP reset.
    if (this.#status === 'closed') this.#tellOther()
    else if (this.#status === 'off') return
    else if (packet.kind === 'ping') this.send({ kind: 'pong' })
    else if (packet.kind === 'pong') this.#awaitsPong = false
    else this.#hand(packet)
  }

  #hand(packet: Packet): void {
    this.#c.trace.note(`${this.at} ${describePacket(packet)} on ${this.id}`)
    this.#handler.onPacket(this, packet)
  }

  #pingLater(): void {
    this.#c.clock.after(PING_EVERY_MS, () => {
      if (!this.isOpen) return
      this.#awaitsPong = true
      this.send({ kind: 'ping' })
      this.#c.clock.after(PING_TIMEOUT_MS, () => {
        if (this.#awaitsPong) this.close()
      })
      this.#pingLater()
    })
  }
}

const describePacket = (packet: Packet): string => {
  switch (packet.kind) {
    case 'gossip':
      return `gossip ${packet.id.slice(0, 16)}`
    case 'stream-data':
      return `stream-data ${packet.stream} ${packet.frame.length}`
    case 'stream-open':
      return `stream-open ${packet.stream} ${packet.protocol}`
    default:
      return packet.kind
  }
}

export const linkLost = (): CodedError => new CodedError('STREAM_RESET', 'the connection ended the stream')
