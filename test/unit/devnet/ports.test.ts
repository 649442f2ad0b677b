import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { holdPorts } from '../../../src/devnet/ports.ts'

/** Resolves with the error's code if the port is taken. */
const listenAt = (port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)))
  })

describe('held ports', () => {
  it('should be taken, and free once released', async () => {
    const ports = await holdPorts(3)
    expect(new Set(ports.map((p) => p.port)).size).toBe(3)
    for (const held of ports) {
      expect(await listenAt(held.port)).toBe('EADDRINUSE')
      await held.release()
      expect(await listenAt(held.port)).toBeUndefined()
    }
  })

  it('should bear being released again, also at the same time', async () => {
    const [held] = await holdPorts(1)
    await Promise.all([held?.release(), held?.release()])
    await expect(held?.release()).resolves.toBeUndefined()
  })
})
