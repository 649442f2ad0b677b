import { type HttpAnswer, type HttpRequest, HttpServer, type Logger } from '../../base/index.ts'
import { corrupted } from './corrupt.ts'
import { answerRequest } from './routes.ts'
import type { ChainFace, Corruption, Rewrite } from './types.ts'
import { type ChainCore, ChainView } from './view.ts'

/** MAX_PAYLOAD_LEN of a Stacks node is larger; no transaction of ours comes near this. */
const MAX_BODY_BYTES = 2 * 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000

/** One HTTP endpoint of the chain, with the faults that it was told to show. */
export class HttpFace implements ChainFace {
  readonly #core: ChainCore
  readonly #host: string
  readonly #logger: Logger
  #port: number
  #server: HttpServer | undefined
  #lag = 0
  #fault: Corruption | Rewrite | undefined
  /** While stalled, what resolves when it ends. */
  #stalled: PromiseWithResolvers<void> | undefined

  constructor(core: ChainCore, host: string, port: number, logger: Logger) {
    this.#core = core
    this.#host = host
    this.#port = port
    this.#logger = logger
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return `http://${host}:${this.#port}`
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return
    const server = new HttpServer({
      listen: { host: this.#host, port: this.#port },
      maxBodyBytes: MAX_BODY_BYTES,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      handler: (request) => this.#answer(request),
      logger: this.#logger,
    })
    await server.start()
    this.#server = server
    this.#port = server.port
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    // Their connections are closed: nobody waits for these answers any more.
    this.stall(false)
    await server?.stop()
  }

  stall(on: boolean): void {
    if (on) this.#stalled ??= Promise.withResolvers()
    else {
      this.#stalled?.resolve()
      this.#stalled = undefined
    }
  }

  corrupt(fault?: Corruption | Rewrite): void {
    this.#fault = fault
  }

  lag(blocks: number): void {
    this.#lag = blocks
  }

  async #answer(request: HttpRequest): Promise<HttpAnswer> {
    await this.#stalled?.promise
    const answer = await answerRequest(new ChainView(this.#core, this.#lag), request)
    return this.#fault === undefined ? answer : corrupted(request, answer, this.#fault)
  }
}
