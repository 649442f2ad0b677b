import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { LinkState, Wire, WireInit } from './proxy.ts'

export async function startUdpProxy(init: WireInit): Promise<Wire> {
  const proxy = new UdpProxy(init)
  await proxy.listen()
  return proxy
}

/** As a NAT does it: one socket towards the target for each client address. Datagrams of a stalled wire are lost. */
class UdpProxy implements Wire {
  readonly #init: WireInit
  readonly #inside = createSocket('udp4')
  readonly #outside = new Map<string, Socket>()
  #state: LinkState = 'open'

  constructor(init: WireInit) {
    this.#init = init
    this.#inside.on('message', (data, { address, port }) => this.#toTarget(data, address, port))
  }

  async listen(): Promise<void> {
    this.#inside.bind(0, '127.0.0.1')
    await once(this.#inside, 'listening')
  }

  get port(): number {
    return this.#inside.address().port
  }
  links(): number {
    return this.#outside.size
  }
  set(state: LinkState): void {
    this.#state = state
  }
  cut(): void {
    for (const socket of this.#outside.values()) socket.close()
    this.#outside.clear()
  }

  async close(): Promise<void> {
    this.cut()
    this.#inside.close()
    await once(this.#inside, 'close')
  }

  #toTarget(data: Uint8Array, address: string, port: number): void {
    if (!this.#passes('target', data)) return
    const { target } = this.#init
    this.#socketOf(address, port).send(data, target.port, target.host)
  }

  #socketOf(address: string, port: number): Socket {
    const name = `${address}:${port}`
    const known = this.#outside.get(name)
    if (known !== undefined) return known
    const socket = createSocket('udp4')
    this.#outside.set(name, socket)
    // Sending on an unbound socket binds it first, so datagrams keep their order.
    socket.bind({ address: this.#init.localAddress ?? '127.0.0.1', port: 0 })
    socket.on('message', (data) => {
      if (this.#passes('client', data)) this.#inside.send(data, port, address)
    })
    // The target may be gone; to UDP that is silence.
    socket.on('error', () => {})
    return socket
  }

  #passes(towards: 'target' | 'client', data: Uint8Array): boolean {
    if (this.#state === 'stalled') return false
    this.#init.onPassage?.({ atMs: Date.now(), towards, bytes: data.length })
    return true
  }
}
