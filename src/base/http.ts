import type { Server, ServerResponse } from 'node:http'
import { CodedError, describeError } from './errors.ts'
import type { Startable } from './lifecycle.ts'
import type { Logger } from './logger.ts'

/** One request, read whole and within limits. */
export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}
export interface HttpAnswer {
  readonly status: number
  readonly body: string | Uint8Array
  readonly contentType?: string
}
export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer

export interface HttpServerInit {
  /** A TCP address, or the path of a unix socket (made with mode 0600). */
  readonly listen: { readonly host: string; readonly port: number } | { readonly socketPath: string }
  readonly maxBodyBytes: number
  readonly requestTimeoutMs: number
  readonly handler: HttpHandler
  readonly logger: Logger
}

export const jsonAnswer = (status: number, value: unknown): HttpAnswer => ({
  status,
  body: `${JSON.stringify(value)}\n`,
  contentType: 'application/json',
})

/**
 * A small HTTP/1.1 server: bounded bodies, bounded time, a handler that may throw. `node:http` is imported when it starts,
 * so that this room can be loaded where Node is not (the rpc client).
 */
export class HttpServer implements Startable {
  readonly #init: HttpServerInit
  #server: Server | undefined
  constructor(init: HttpServerInit) {
    this.#init = init
  }

  /** Port in use, once started on TCP. */
  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async start(): Promise<void> {
    const { createServer } = await import('node:http')
    const init = this.#init
    const server = createServer((req, res) => {
      const chunks: Uint8Array[] = []
      let size = 0
      req.on('data', (chunk: Uint8Array) => {
        size += chunk.length
        if (size > init.maxBodyBytes) {
          send(res, { status: 413, body: 'body too large\n' })
          req.destroy()
        } else chunks.push(chunk)
      })
      req.on('error', () => res.destroy())
      req.on('end', () => {
        const url = URL.parse(req.url ?? '/', 'http://localhost')
        // `GET //` is a request that HTTP allows and URL does not.
        if (url === null) return send(res, { status: 400, body: 'malformed request target\n' })
        const request: HttpRequest = {
          method: req.method ?? 'GET',
          path: url.pathname,
          query: url.searchParams,
          headers: flatten(req.headers),
          body: Buffer.concat(chunks),
        }
        answer(init, request).then(
          (a) => send(res, a),
          () => res.destroy(),
        )
      })
    })
    server.requestTimeout = init.requestTimeoutMs
    server.headersTimeout = init.requestTimeoutMs
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      const ready = () => {
        server.off('error', reject)
        resolve()
      }
      if ('socketPath' in init.listen) {
        // The mode must be right from the first instant, not after a chmod.
        const before = process.umask(0o177)
        try {
          server.listen(init.listen.socketPath, ready)
        } finally {
          process.umask(before)
        }
      } else server.listen(init.listen.port, init.listen.host, ready)
    })
    server.on('error', (error) => init.logger.warn('HTTP server error', { error: describeError(error) }))
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
}

async function answer(init: HttpServerInit, request: HttpRequest): Promise<HttpAnswer> {
  try {
    return await init.handler(request)
  } catch (error) {
    if (error instanceof CodedError) return jsonAnswer(400, { error: { code: error.code, message: error.message } })
    init.logger.error('HTTP handler failed', { path: request.path, error: describeError(error) })
    return jsonAnswer(500, { error: { code: 'INTERNAL', message: 'internal error; see the log' } })
  }
}

function send(res: ServerResponse, answer: HttpAnswer): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(answer.status, { 'content-type': answer.contentType ?? 'text/plain; charset=utf-8' })
  res.end(answer.body)
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, Array.isArray(v) ? v[0] : v]))
}
