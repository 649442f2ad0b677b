import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { adminCall } from '../../../src/status/index.ts'

let dir: string
let socketPath: string
let server: Server | undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cs-client-'))
  socketPath = join(dir, 'admin.sock')
})
afterEach(async () => {
  const s = server
  server = undefined
  if (s !== undefined) {
    s.closeAllConnections()
    await new Promise((resolve) => s.close(resolve))
  }
  rmSync(dir, { recursive: true })
})

async function serve(listener: RequestListener): Promise<void> {
  const s = createServer(listener)
  server = s
  await new Promise<void>((resolve) => s.listen(socketPath, resolve))
}
const get = (extra: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  adminCall({ socketPath, method: 'GET', path: '/status', ...extra })

describe('adminCall', () => {
  it('should say that no node runs, and what to do', async () => {
    await expect(get()).rejects.toMatchObject({
      code: 'NODE_NOT_RUNNING',
      message: expect.stringMatching(/admin\.sock.*countersign run/),
    })
  })

  it('should refuse an answer that is not JSON', async () => {
    await serve((_req, res) => res.end('<html>'))
    await expect(get()).rejects.toMatchObject({ code: 'ADMIN_ANSWER_MALFORMED' })
  })

  it('should refuse an answer without end', async () => {
    await serve((_req, res) => {
      res.on('error', () => res.destroy())
      for (let i = 0; i < 6; i++) res.write(Buffer.alloc(1024 * 1024, 0x20))
    })
    await expect(get()).rejects.toMatchObject({ code: 'ADMIN_ANSWER_MALFORMED' })
  })

  it('should give up on a silent node', async () => {
    await serve(() => {})
    await expect(get({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'DEADLINE' })
  })

  it('should stop when told', async () => {
    await serve(() => {})
    const controller = new AbortController()
    const call = get({ signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('should say so when the node dies in mid-answer', async () => {
    await serve((_req, res) => {
      res.writeHead(200, { 'content-length': '100' })
      res.write('{', () => res.destroy())
    })
    await expect(get()).rejects.toMatchObject({ code: 'NODE_BROKE_OFF' })
  })

  it('should carry the code and words of the node', async () => {
    await serve((_req, res) => {
      res.writeHead(400)
      res.end('{"error":{"code":"NO_SUCH_SET","message":"no such set"}}')
    })
    await expect(get()).rejects.toMatchObject({ code: 'NO_SUCH_SET', message: 'no such set', data: { status: 400 } })
  })
})
