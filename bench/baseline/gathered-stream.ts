/**
 * What the transport itself allows: one bare libp2p stream, frames with a length before them, what is written in one
 * tick sent at once. No ids, no deadlines, no limits, no rights, and nothing decoded.
 */
import { quic } from '@chainsafe/libp2p-quic'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const PROTOCOL = '/bench/echo/1'
const LISTEN = { tcp: '/ip4/127.0.0.1/tcp/0', quic: '/ip4/127.0.0.1/udp/0/quic-v1' } as const
export type BareTransport = keyof typeof LISTEN

const host = async (transport: BareTransport, listen: readonly string[]) =>
  createLibp2p({
    privateKey: await generateKeyPair('secp256k1'),
    addresses: { listen: [...listen] },
    transports: [transport === 'tcp' ? tcp() : quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })

export interface Sizes {
  readonly requestBytes: number
  readonly resultBytes: number
}

/** Frames of a stream: cut out of what arrives, and gathered until the tick is over on the way out. */
class Frames {
  readonly #stream: Stream
  readonly #onFrame: (frame: Uint8Array) => void
  #rest: Uint8Array = new Uint8Array(0)
  #out: Uint8Array[] = []
  constructor(stream: Stream, onFrame: (frame: Uint8Array) => void) {
    this.#stream = stream
    this.#onFrame = onFrame
    stream.addEventListener('message', ({ data }) => this.#cut(data.subarray()))
  }

  write(frame: Uint8Array): void {
    if (frame.length >= 0x80) throw new Error('baseline: only frames whose length is one byte')
    if (this.#out.push(frame) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const frames = this.#out
    this.#out = []
    const bytes = new Uint8Array(frames.reduce((sum, f) => sum + 1 + f.length, 0))
    let at = 0
    for (const frame of frames) {
      bytes[at++] = frame.length
      bytes.set(frame, at)
      at += frame.length
    }
    this.#stream.send(bytes)
  }

  #cut(arrived: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? arrived : Buffer.concat([this.#rest, arrived])
    let at = 0
    for (;;) {
      const end = at + 1 + (bytes[at] ?? bytes.length)
      if (end > bytes.length) break
      this.#onFrame(bytes.subarray(at + 1, end))
      at = end
    }
    this.#rest = bytes.subarray(at)
  }
}

/** Address of a server that answers each frame with one of the result's size. */
export async function serveBare(transport: BareTransport, { resultBytes }: Sizes): Promise<string> {
  const libp2p = await host(transport, [LISTEN[transport]])
  const result = new Uint8Array(resultBytes).fill(7)
  await libp2p.handle(PROTOCOL, (stream) => {
    const frames: Frames = new Frames(stream, () => frames.write(result))
  })
  return String(libp2p.getMultiaddrs()[0])
}

/** One call: a frame there, a frame back, in order. */
export async function connectBare(transport: BareTransport, address: string, { requestBytes }: Sizes) {
  const libp2p = await host(transport, [])
  const stream = await libp2p.dialProtocol(multiaddr(address), PROTOCOL)
  const request = new Uint8Array(requestBytes).fill(7)
  const waiting: Array<() => void> = []
  const frames = new Frames(stream, () => waiting.shift()?.())
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve)
      frames.write(request)
    })
}
