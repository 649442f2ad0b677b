import type { Logger } from '@libp2p/interface'
import { AbstractStream } from '@libp2p/utils'

let nextId = 0
export const silentLog: Logger = Object.assign(() => {}, {
  ...{ error() {}, trace() {}, enabled: false },
  newScope: () => silentLog,
})

/** Two ends of a stream of the library with nothing between: what one end does arrives at the other in order, a moment later. */
class PipeEnd extends AbstractStream {
  #other: PipeEnd | undefined
  #coming: Array<(other: PipeEnd) => void> = []

  constructor(direction: 'inbound' | 'outbound', protocol: string) {
    super({ id: String(nextId++), direction, protocol, log: silentLog })
  }
  static pair(protocol: string): readonly [near: PipeEnd, far: PipeEnd] {
    const [near, far] = [new PipeEnd('outbound', protocol), new PipeEnd('inbound', protocol)]
    near.#other = far
    far.#other = near
    return [near, far]
  }

  sendData(data: Parameters<AbstractStream['sendData']>[0]): { sentBytes: number; canSendMore: boolean } {
    const bytes = data.slice()
    this.#later((other) => other.onData(bytes))
    return { sentBytes: bytes.length, canSendMore: true }
  }
  sendReset(): void {
    this.#later((other) => other.status === 'open' && other.onRemoteReset())
  }
  async sendCloseWrite(): Promise<void> {
    this.#later((other) => other.onRemoteCloseWrite())
  }
  async sendCloseRead(): Promise<void> {}
  sendPause(): void {}
  sendResume(): void {}

  #later(what: (other: PipeEnd) => void): void {
    if (this.#coming.push(what) > 1) return
    setImmediate(() => {
      const coming = this.#coming
      this.#coming = []
      for (const arrive of coming) if (this.#other !== undefined) arrive(this.#other)
    })
  }
}

export const pipe = (protocol: string) => PipeEnd.pair(protocol)
