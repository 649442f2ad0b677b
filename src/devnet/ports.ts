import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** One port number, free for TCP and UDP alike, so that one number serves both transports of a signer. */
export interface HeldPort {
  readonly port: number
  /** Lets go, right before the signer takes it; once, however often it is called. */
  release(): Promise<void>
}

const ATTEMPTS = 50

/** Takes `count` free loopback ports and holds them all, so that they differ from one another and from other devnets'. */
export async function holdPorts(count: number): Promise<readonly HeldPort[]> {
  const held: HeldPort[] = []
  for (let tries = 0; held.length < count; tries++) {
    if (tries > count + ATTEMPTS) throw new Error('no free loopback ports')
    const one = await holdPort()
    if (one !== undefined) held.push(one)
  }
  return held
}

async function holdPort(): Promise<HeldPort | undefined> {
  // A signer already running may dial a port that is still held: it must not keep the holder from closing.
  const tcp = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    tcp.once('error', reject)
    tcp.listen(0, '127.0.0.1', resolve)
  })
  const address = tcp.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const closeTcp = () => new Promise<void>((resolve) => tcp.close(() => resolve()))
  const udp = createSocket('udp4')
  const bound = await new Promise<boolean>((resolve) => {
    udp.once('error', () => resolve(false))
    udp.bind(port, '127.0.0.1', () => resolve(true))
  })
  const closeUdp = () => new Promise<void>((resolve) => udp.close(() => resolve()))
  if (!bound) {
    await closeTcp()
    return undefined
  }
  let released: Promise<unknown> | undefined
  return {
    port,
    release: async () => {
      released ??= Promise.all([closeTcp(), closeUdp()])
      await released
    },
  }
}
