import {
  CodedError,
  describeError,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
  HttpServer,
  jsonAnswer,
  type Logger,
  type Metrics,
  noMetrics,
  type Startable,
  withDeadline,
} from '../base/index.ts'
import { tcpGuard } from './admin-guard.ts'
import { checkSocketPath, clearStaleSocket } from './socket-path.ts'

/** One row of the admin API. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Mutating calls are served on the unix socket only (R40). */
  readonly mutating: boolean
  readonly handler: HttpHandler
}

export interface AdminServerInit {
  readonly socketPath: string
  /** The read-only TCP listener (R40); none if left out. `port` 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined
  /** Asked of TCP callers in `Authorization: Bearer …`; the socket is guarded by its mode. */
  readonly token?: string | undefined
  readonly routes: readonly AdminRoute[]
  readonly logger: Logger
  readonly metrics?: Metrics
}

/** An approval of 16 keys is 2 KiB. */
const MAX_BODY_BYTES = 64 * 1024
const REQUEST_TIMEOUT_MS = 10_000
/** A little less than the CLI waits, so that it hears which call hangs. */
const HANDLER_TIMEOUT_MS = 14_000

const REFUSALS = {
  FOREIGN_HOST: [403, 'the Host header names neither loopback nor this listener'],
  FOREIGN_ORIGIN: [403, 'requests of other sites are refused'],
  TOKEN_REQUIRED: [401, 'send the token of [admin] token_file in the header Authorization: Bearer'],
  ADMIN_READ_ONLY: [403, 'this listener is read-only: mutating calls go over the unix socket'],
  NOT_FOUND: [404, 'no such admin route'],
  METHOD_NOT_ALLOWED: [405, 'this admin route has another method'],
} as const satisfies Record<string, readonly [number, string]>
type Refusal = keyof typeof REFUSALS

/** The admin API: everything on a unix socket of mode 0600; on TCP, if asked for, only what changes nothing (R40). */
export class AdminServer implements Startable {
  readonly #init: AdminServerInit
  readonly #refused
  #servers: HttpServer[] = []
  #tcp: HttpServer | undefined

  constructor(init: AdminServerInit) {
    this.#init = init
    this.#refused = (init.metrics ?? noMetrics).counter('admin_refused_total', 'Admin requests refused', ['reason'])
  }

  /** Base address of the TCP listener once started; undefined if there is none. */
  get url(): string | undefined {
    const host = this.#init.listen?.host
    if (host === undefined || this.#tcp === undefined) return undefined
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#tcp.port}`
  }

  /** Throws `ADMIN_SOCKET_PATH_TOO_LONG`, `ADMIN_SOCKET_IN_USE`, `ADMIN_LISTEN_FAILED`. */
  async start(): Promise<void> {
    const { socketPath, listen } = this.#init
    checkSocketPath(socketPath)
    await clearStaleSocket(socketPath)
    await this.#listen({ socketPath }, (request) => this.#dispatch(request))
    if (listen === undefined) return
    this.#tcp = await this.#listen(listen, (request) => this.#dispatchTcp(listen.host, request)).catch(
      async (error: unknown) => {
        await this.stop()
        throw error
      },
    )
  }

  async stop(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    this.#tcp = undefined
    for (const server of servers) await server.stop()
  }

  async #listen(
    listen: { readonly socketPath: string } | { readonly host: string; readonly port: number },
    handler: HttpHandler,
  ): Promise<HttpServer> {
    const limits = { maxBodyBytes: MAX_BODY_BYTES, requestTimeoutMs: REQUEST_TIMEOUT_MS }
    const server = new HttpServer({ listen, ...limits, handler, logger: this.#init.logger })
    try {
      await server.start()
    } catch (error) {
      const where = 'socketPath' in listen ? `socket ${listen.socketPath}` : `listen ${listen.host}:${listen.port}`
      const message = `the admin API can't use its ${where}: ${describeError(error)}; change it in [admin]`
      throw new CodedError('ADMIN_LISTEN_FAILED', message, {}, { cause: error })
    }
    this.#servers.push(server)
    return server
  }

  async #dispatchTcp(host: string, request: HttpRequest): Promise<HttpAnswer> {
    const guard = tcpGuard({ host, port: this.#tcp?.port ?? 0, token: this.#init.token })
    const passed = guard(request)
    if (!passed.ok) return this.#refuse(passed.reason)
    const mutating = this.#init.routes.some((r) => r.path === request.path && r.method === request.method && r.mutating)
    // The method counts too: a route whose row forgot to say so is still not served here.
    if (mutating || request.method !== 'GET') return this.#refuse('ADMIN_READ_ONLY')
    return this.#dispatch(request)
  }

  async #dispatch(request: HttpRequest): Promise<HttpAnswer> {
    const there = this.#init.routes.filter((r) => r.path === request.path)
    const route = there.find((r) => r.method === request.method)
    if (route !== undefined)
      return await withDeadline('the admin call', HANDLER_TIMEOUT_MS, async () => route.handler(request))
    return this.#refuse(there.length === 0 ? 'NOT_FOUND' : 'METHOD_NOT_ALLOWED')
  }

  #refuse(reason: Refusal): HttpAnswer {
    const [status, message] = REFUSALS[reason]
    this.#refused.inc({ reason })
    return jsonAnswer(status, { error: { code: reason, message } })
  }
}
