import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { untilWithin } from '../fixtures/until.ts'
import { startTcpProxy } from '../proxy/index.ts'
import { makeHost, until } from '../unit/p2p/hosts.ts'
import { keyPair, ROUND, TOPIC } from '../unit/p2p/kit.ts'

/** Between two pings of the library. */
const PING_MS = 10_000
/** Longer than its own patience with a ping, 5 s, after any ping that was sent. */
const PAUSE_MS = PING_MS + 7_000

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

/**
 * Fifteen members on one busy machine answered pings late; each closed all its links, and had every handshake to do on top, so
 * that no signing round of 20 s ended.
 */
describe('a member that is merely late', () => {
  it('should keep its links, and get what was sent meanwhile', async () => {
    const [keyA, keyB] = [keyPair('late-a'), keyPair('late-b')]
    const ids = [keyA.peerId, keyB.peerId]
    const [a, b] = [keyA, keyB].map((key) => makeHost(key, ids, ['tcp'])) as [
      ReturnType<typeof makeHost>,
      ReturnType<typeof makeHost>,
    ]
    for (const { host } of [a, b]) {
      await host.start()
      closing.push(() => host.stop())
    }
    const port = Number(b.host.addresses()[0]?.split('/')[4])
    const wire = await startTcpProxy({ target: { host: '127.0.0.1', port } })
    closing.push(() => wire.close())
    a.host.keepConnected([{ peerId: b.host.peerId, addresses: [`/ip4/127.0.0.1/tcp/${wire.port}`] }])
    await until('they are linked', () => a.host.connections().length === 1 && b.host.connections().length === 1)
    const heard: string[] = []
    b.host.messenger.join(TOPIC, ({ step }) => {
      heard.push(step)
      return 'accept'
    })
    let closed = 0
    for (const { host } of [a, b]) host.connectionClosed.on(() => closed++)

    wire.set('stalled')
    const pausedMs = performance.now()
    await untilWithin(2 * PAUSE_MS, 'the pause is over', () => performance.now() - pausedMs > PAUSE_MS)
    wire.set('open')

    await a.host.messenger.send(keyB.publicKey, TOPIC, {
      round: ROUND,
      attempt: 0,
      step: 'after',
      payload: new Uint8Array(),
    })
    expect({ heard, closed }).toEqual({ heard: ['after'], closed: 0 })
    expect(PING_MS + LIMITS.pingTimeoutMs).toBeLessThan(LIMITS.silentAfterMs)
  }, 90_000)
})
