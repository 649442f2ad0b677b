import { createServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { makeHost, until } from '../unit/p2p/hosts.ts'
import { keyPair } from '../unit/p2p/kit.ts'

/** Takes a call and says nothing, as a firewall or a dead machine does to who dials it. */
async function silent(): Promise<{ readonly server: Server; readonly sockets: Socket[]; readonly address: string }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = server.address()
  if (at === null || typeof at === 'string') throw new Error('no port')
  return { server, sockets, address: `/ip4/127.0.0.1/tcp/${at.port}` }
}

test('an address that answers is found behind as many hanging ones as are tried at once', async () => {
  const [a, b] = [keyPair('hanging a'), keyPair('hanging b')]
  const dead = await Promise.all(Array.from({ length: LIMITS.maxParallelDialsPerPeer }, silent))
  const one = makeHost(a, [b.peerId], ['tcp'])
  const two = makeHost(b, [a.peerId], ['tcp'])
  try {
    await one.host.start()
    await two.host.start()
    const addresses = [...dead.map((d) => d.address), ...two.host.addresses()]
    one.host.keepConnected([{ peerId: b.peerId, addresses }])
    await until('they are linked', () => one.host.connections().length > 0)
    expect(dead.every((d) => d.sockets.length > 0)).toBe(true)
  } finally {
    await one.host.stop()
    await two.host.stop()
    for (const { server, sockets } of dead) {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}, 60_000)
