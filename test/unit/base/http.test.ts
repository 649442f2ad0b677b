import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError, fromUtf8, type HttpHandler, type HttpRequest, HttpServer } from '../../../src/base/index.ts'
import { MemoryLogger } from '../registry/support/ports.ts'

const MAX_BODY_BYTES = 32
let server: HttpServer | undefined
let logger: MemoryLogger
let seen: HttpRequest[]
beforeEach(() => {
  logger = new MemoryLogger()
  seen = []
})
afterEach(async () => {
  await server?.stop()
  server = undefined
})

const started = async (
  handler: HttpHandler = () => ({ status: 200, body: 'fine' }),
  listen: ConstructorParameters<typeof HttpServer>[0]['listen'] = { host: '127.0.0.1', port: 0 },
): Promise<HttpServer> => {
  server = new HttpServer({
    listen,
    maxBodyBytes: MAX_BODY_BYTES,
    requestTimeoutMs: 10_000,
    handler: (request) => {
      seen.push(request)
      return handler(request)
    },
    logger,
  })
  await server.start()
  return server
}

/** Sends bytes as they are, which fetch would refuse to, and reads until the server closes. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      answer += String(chunk)
    })
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}
const url = ({ port }: HttpServer, path = '/') => `http://127.0.0.1:${port}${path}`
const lives = async (s: HttpServer): Promise<boolean> => (await fetch(url(s))).status === 200

describe('HttpServer', () => {
  it('should give the handler the whole request', async () => {
    const s = await started()
    await fetch(url(s, '/a/b?c=d'), { method: 'POST', body: 'text', headers: { 'x-some': 'thing' } })
    const [request] = seen
    expect(request).toMatchObject({ method: 'POST', path: '/a/b' })
    expect(request?.query.get('c')).toBe('d')
    expect(request?.headers['x-some']).toBe('thing')
    expect(fromUtf8(request?.body ?? new Uint8Array(0))).toBe('text')
  })

  it('should answer 400 to `GET //`, and live on', async () => {
    const s = await started()
    const answer = await raw(s.port, 'GET // HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(seen).toEqual([])
    expect(await lives(s)).toBe(true)
  })

  it('should take a body of the limit', async () => {
    const s = await started()
    expect((await fetch(url(s), { method: 'POST', body: 'x'.repeat(MAX_BODY_BYTES) })).status).toBe(200)
  })

  it('should answer 413 to a body over the limit, without asking the handler', async () => {
    const s = await started()
    const length = MAX_BODY_BYTES + 1
    const answer = await raw(
      s.port,
      `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n${'x'.repeat(length)}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(seen).toEqual([])
    expect(await lives(s)).toBe(true)
  })

  it('should answer 413 to a chunked body, which names no length, once it is over the limit', async () => {
    const s = await started()
    const chunk = `10\r\n${'x'.repeat(16)}\r\n`
    const answer = await raw(
      s.port,
      `POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(3)}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(seen).toEqual([])
  })

  it('should answer 400 with code and message when the handler throws a CodedError', async () => {
    const s = await started(() => {
      throw new CodedError('NOT_NOW', 'come back later', { inner: 'fact' })
    })
    const answer = await fetch(url(s))
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({ error: { code: 'NOT_NOW', message: 'come back later' } })
  })

  it.each<[string, HttpHandler]>([
    [
      'throws',
      () => {
        throw new Error('inner text')
      },
    ],
    ['rejects', async () => await Promise.reject(new Error('inner text'))],
  ])('should answer 500 without the inner text when the handler %s', async (_how, handler) => {
    const s = await started(handler)
    const answer = await fetch(url(s, '/some'))
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('inner')
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { path: '/some', error: 'Error: inner text' } }])
  })

  it('should refuse an address in use, naming it', async () => {
    const { port } = await started()
    const handler = () => ({ status: 200, body: '' })
    const listen = { host: '127.0.0.1', port }
    const second = new HttpServer({ listen, maxBodyBytes: 1, requestTimeoutMs: 1_000, handler, logger })
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('should close connections that are idle when it stops', async () => {
    const s = await started()
    const open = raw(s.port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await expect.poll(() => seen.length).toBe(1)
    await s.stop()
    expect(await open).toMatch(/^HTTP\/1\.1 200 /)
    await expect(fetch(url(s))).rejects.toThrow()
  })

  it('should stop without having started', async () => {
    const handler = () => ({ status: 200, body: '' })
    const listen = { host: '127.0.0.1', port: 0 }
    const idle = new HttpServer({ listen, maxBodyBytes: 1, requestTimeoutMs: 1_000, handler, logger })
    await expect(idle.stop()).resolves.toBeUndefined()
  })
})

describe('HttpServer on a unix socket', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cs-http-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('R40: should make the socket with mode 0600, and leave the umask as it was', async () => {
    const before = process.umask(0o022)
    try {
      const socketPath = join(dir, 'http.sock')
      await started(undefined, { socketPath })
      expect(statSync(socketPath).mode & 0o777).toBe(0o600)
      expect(process.umask()).toBe(0o022)
    } finally {
      process.umask(before)
    }
  })
})
