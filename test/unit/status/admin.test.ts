import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError, jsonAnswer, silentLogger } from '../../../src/base/index.ts'
import {
  type AdminRoute,
  AdminServer,
  type AdminServerInit,
  adminCall,
  HealthBoard,
  jsonBody,
  PromMetrics,
  readRoutes,
} from '../../../src/status/index.ts'

const TOKEN = 'a-token-of-many-characters'
const metrics = new PromMetrics()
const board = new HealthBoard({ clock: { now: () => 1, monotonicMs: () => 1, after: () => () => {} } })
let approvals: unknown[] = []

const routes: readonly AdminRoute[] = [
  ...readRoutes({ metrics, health: board, status: () => ({ state: 'waiting' }) }),
  {
    method: 'POST',
    path: '/rotation/approve',
    mutating: true,
    handler: (r) => {
      approvals.push(jsonBody(r))
      return jsonAnswer(200, { approved: true })
    },
  },
  {
    method: 'POST',
    path: '/forgotten',
    mutating: false,
    handler: (r) => {
      approvals.push(r.path)
      return jsonAnswer(200, {})
    },
  },
  {
    method: 'GET',
    path: '/refuses',
    mutating: false,
    handler: () => {
      throw new CodedError('NOT_NOW', 'not now')
    },
  },
  {
    method: 'GET',
    path: '/breaks',
    mutating: false,
    handler: () => {
      throw new Error('inner secret')
    },
  },
]

let dir: string
let socketPath: string
let running: AdminServer[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cs-admin-'))
  socketPath = join(dir, 'admin.sock')
  approvals = []
})
afterEach(async () => {
  for (const server of running) await server.stop()
  running = []
  rmSync(dir, { recursive: true })
})

async function started(init: Partial<AdminServerInit> = {}): Promise<AdminServer> {
  const server = new AdminServer({ socketPath, routes, logger: silentLogger, ...init })
  running.push(server)
  await server.start()
  return server
}
const onTcp = (init: Partial<AdminServerInit> = {}) => started({ listen: { host: '127.0.0.1', port: 0 }, ...init })

interface Reply {
  readonly status: number
  readonly body: string
}
function ask(server: AdminServer, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, server.url)
    const req = request(url, { method, headers, agent: false }, (res) => {
      let body = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        body += chunk
      })
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body }))
    })
    req.on('error', reject)
    req.end(method === 'POST' ? '{}' : undefined)
  })
}

describe('the admin API on its unix socket', () => {
  it('R40: should make the socket with mode 0600', async () => {
    await started()
    expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  })

  it('should answer status, health and metrics', async () => {
    await started()
    board.report('mesh', { ok: true })
    expect(await adminCall({ socketPath, method: 'GET', path: '/status' })).toMatchObject({
      status: 200,
      json: { state: 'waiting', health: { ok: true } },
    })
    expect(await adminCall({ socketPath, method: 'GET', path: '/health' })).toMatchObject({ status: 200 })
    board.report('mesh', { ok: false, reason: 'alone' })
    expect(await adminCall({ socketPath, method: 'GET', path: '/health' })).toMatchObject({
      status: 503,
      json: { red: ['mesh'] },
    })
  })

  it('R40: should take a mutating call', async () => {
    await started()
    const reply = await adminCall({ socketPath, method: 'POST', path: '/rotation/approve', body: { threshold: 2 } })
    expect(reply.json).toEqual({ approved: true })
    expect(approvals).toEqual([{ threshold: 2 }])
  })

  it('should refuse an unknown route, and a known one by another method', async () => {
    await started()
    const code = (path: string, method: 'GET' | 'POST') =>
      adminCall({ socketPath, method, path }).then(
        () => 'answered',
        (e: CodedError) => e.code,
      )
    expect(await code('/nothing', 'GET')).toBe('NOT_FOUND')
    expect(await code('/rotation/approve', 'GET')).toBe('METHOD_NOT_ALLOWED')
    expect(await code('/status', 'POST')).toBe('METHOD_NOT_ALLOWED')
  })

  it('should refuse a body that is not a JSON object', async () => {
    await started()
    for (const body of [undefined, [], 'text', null])
      await expect(adminCall({ socketPath, method: 'POST', path: '/rotation/approve', body })).rejects.toMatchObject({
        code: 'BAD_REQUEST',
      })
    expect(approvals).toEqual([])
  })

  it("should pass on a handler's code, and nothing of an inner failure", async () => {
    await started()
    await expect(adminCall({ socketPath, method: 'GET', path: '/refuses' })).rejects.toMatchObject({ code: 'NOT_NOW' })
    const inner = await adminCall({ socketPath, method: 'GET', path: '/breaks' }).catch((e: CodedError) => e)
    expect(inner).toMatchObject({ code: 'INTERNAL' })
    expect(String(inner)).not.toContain('inner secret')
  })

  it('should be gone after stop, and start again', async () => {
    const server = await started()
    await server.stop()
    await expect(adminCall({ socketPath, method: 'GET', path: '/status' })).rejects.toMatchObject({
      code: 'NODE_NOT_RUNNING',
    })
    await server.start()
    expect(await adminCall({ socketPath, method: 'GET', path: '/status' })).toMatchObject({ status: 200 })
  })

  it('should take over the socket of a killed node', async () => {
    // Dies without closing its socket, as a node killed by −9 does.
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', script, socketPath])
    expect(statSync(socketPath).isSocket()).toBe(true)
    await started()
    expect(await adminCall({ socketPath, method: 'GET', path: '/status' })).toMatchObject({ status: 200 })
  })

  it('should refuse a socket that another node answers at', async () => {
    await started()
    await expect(started()).rejects.toMatchObject({ code: 'ADMIN_SOCKET_IN_USE' })
    expect(await adminCall({ socketPath, method: 'GET', path: '/status' })).toMatchObject({ status: 200 })
  })

  it('should refuse, and keep, a file of another kind at its path', async () => {
    writeFileSync(socketPath, 'precious')
    await expect(started()).rejects.toMatchObject({ code: 'ADMIN_SOCKET_IN_USE' })
    expect(statSync(socketPath).size).toBe(8)
  })

  it('should refuse a path that no unix socket may have', async () => {
    await expect(started({ socketPath: join(dir, 'x'.repeat(100)) })).rejects.toMatchObject({
      code: 'ADMIN_SOCKET_PATH_TOO_LONG',
      message: expect.stringContaining('[admin] socket'),
    })
  })

  it('should say so when its folder does not exist', async () => {
    await expect(started({ socketPath: join(dir, 'none', 'a.sock') })).rejects.toMatchObject({
      code: 'ADMIN_LISTEN_FAILED',
    })
  })
})

describe('the admin API on TCP', () => {
  it('should not listen unless asked', async () => {
    expect((await started()).url).toBeUndefined()
  })

  it('R40: should serve what reads', async () => {
    const server = await onTcp()
    expect(await ask(server, '/status')).toMatchObject({ status: 200 })
    metrics.counter('seen_total', 'Seen').inc({})
    expect((await ask(server, '/metrics')).body).toContain('countersign_seen_total 1')
  })

  it('R40: should refuse what mutates', async () => {
    const server = await onTcp()
    const reply = await ask(server, '/rotation/approve', {}, 'POST')
    expect(reply).toMatchObject({ status: 403, body: expect.stringContaining('ADMIN_READ_ONLY') })
    expect(approvals).toEqual([])
  })

  it('R40: should refuse what is not a GET even where the table forgot to say that it mutates', async () => {
    const server = await onTcp()
    expect(await ask(server, '/forgotten', {}, 'POST')).toMatchObject({ status: 403 })
    expect(approvals).toEqual([])
  })

  it('R40: should refuse a GET that the table calls mutating', async () => {
    const server = await onTcp({
      routes: [{ method: 'GET', path: '/fire', mutating: true, handler: () => jsonAnswer(200, {}) }],
    })
    expect(await ask(server, '/fire')).toMatchObject({ status: 403 })
  })

  it.each(['evil.example', 'localhost', 'localhost:1', 'localhost.evil.example', '127.0.0.1:1'])(
    'R40: should refuse the Host %s (DNS rebinding)',
    async (host) => {
      const server = await onTcp()
      expect(await ask(server, '/status', { host })).toMatchObject({
        status: 403,
        body: expect.stringContaining('FOREIGN_HOST'),
      })
    },
  )

  it('R40: should refuse a foreign name with the right port', async () => {
    const server = await onTcp()
    const { port } = new URL(server.url ?? '')
    expect(await ask(server, '/status', { host: `evil.example:${port}` })).toMatchObject({ status: 403 })
  })

  it('should take every loopback name with its port', async () => {
    const server = await onTcp()
    const { port } = new URL(server.url ?? '')
    for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]'])
      expect(await ask(server, '/status', { host: `${host}:${port}` }), host).toMatchObject({ status: 200 })
  })

  it.each(['http://evil.example', 'null', 'https://127.0.0.1', ''])(
    'R40: should refuse the Origin %j',
    async (origin) => {
      const server = await onTcp()
      expect(await ask(server, '/status', { origin })).toMatchObject({
        status: 403,
        body: expect.stringContaining('FOREIGN_ORIGIN'),
      })
    },
  )

  it('should take its own Origin', async () => {
    const server = await onTcp()
    expect(await ask(server, '/status', { origin: server.url ?? '' })).toMatchObject({ status: 200 })
  })

  it.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer wrong' }],
    ['a prefix of it', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['it under another scheme', { authorization: `Basic ${TOKEN}` }],
    ['it without a scheme', { authorization: TOKEN }],
  ])('R40: should refuse a caller with %s as its token', async (_what, headers) => {
    const server = await onTcp({ token: TOKEN })
    expect(await ask(server, '/status', headers)).toMatchObject({ status: 401 })
  })

  it('R40: should not take its token from the address', async () => {
    const server = await onTcp({ token: TOKEN })
    expect(await ask(server, `/status?token=${TOKEN}`)).toMatchObject({ status: 401 })
  })

  it('R40: should take its token in the header, and leave the unix socket without one', async () => {
    const server = await onTcp({ token: TOKEN })
    expect(await ask(server, '/status', { authorization: `Bearer ${TOKEN}` })).toMatchObject({ status: 200 })
    expect(await adminCall({ socketPath, method: 'GET', path: '/status' })).toMatchObject({ status: 200 })
  })

  it('R40: should refuse what mutates even with the token', async () => {
    const server = await onTcp({ token: TOKEN })
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect(await ask(server, '/rotation/approve', headers, 'POST')).toMatchObject({ status: 403 })
    expect(approvals).toEqual([])
  })

  it('should count refusals by reason', async () => {
    const counted = new PromMetrics()
    const server = await onTcp({ metrics: counted })
    await ask(server, '/status', { host: 'evil.example' })
    await ask(server, '/rotation/approve', {}, 'POST')
    expect(await counted.values('admin_refused_total')).toEqual([
      { labels: { reason: 'FOREIGN_HOST' }, value: 1 },
      { labels: { reason: 'ADMIN_READ_ONLY' }, value: 1 },
    ])
  })

  it('should name the listener and leave nothing running when its port is taken', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const address = blocker.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await expect(started({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code: 'ADMIN_LISTEN_FAILED',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
    await expect(adminCall({ socketPath, method: 'GET', path: '/status' })).rejects.toMatchObject({
      code: 'NODE_NOT_RUNNING',
    })
    await new Promise((resolve) => blocker.close(resolve))
  })
})
