import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { LinkState, Wire, WireInit } from './proxy.ts'

export async function startTcpProxy(init: WireInit): Promise<Wire> {
  const proxy = new TcpProxy(init)
  await proxy.listen()
  return proxy
}

class TcpProxy implements Wire {
  readonly #init: WireInit
  readonly #server: Server
  readonly #links = new Set<readonly [Socket, Socket]>()
  #state: LinkState = 'open'

  constructor(init: WireInit) {
    this.#init = init
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#link(client))
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }
  links(): number {
    return this.#links.size
  }

  set(state: LinkState): void {
    this.#state = state
    for (const sockets of this.#links) for (const socket of sockets) this.#obey(socket)
  }

  cut(): void {
    for (const sockets of this.#links) for (const socket of sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  #link(client: Socket): void {
    const { target, localAddress } = this.#init
    const upstream = connect({ ...target, ...(localAddress === undefined ? {} : { localAddress }) })
    const link = [client, upstream] as const
    this.#links.add(link)
    for (const [from, to, towards] of [
      [client, upstream, 'target'],
      [upstream, client, 'client'],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        this.#init.onPassage?.({ atMs: Date.now(), towards, bytes: chunk.length })
        if (to.write(chunk)) return
        from.pause()
        to.once('drain', () => this.#obey(from))
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        this.#links.delete(link)
      })
      this.#obey(from)
    }
  }

  #obey(socket: Socket): void {
    if (this.#state === 'open') socket.resume()
    else socket.pause()
  }
}
