import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/base/index.ts'
import { AddressBook } from '../../../src/p2p/address-book.ts'
import { askSystem, Names, nameServers } from '../../../src/p2p/names.ts'
import type { HostAddress } from '../../../src/p2p/resolve.ts'
import { keyPair, TestClock } from './kit.ts'

const HERE: HostAddress = { address: '192.0.2.1', family: 4 }
const settle = () => new Promise((resolve) => setImmediate(resolve))

function bench(answer: (host: string) => Promise<readonly HostAddress[]>) {
  const clock = new TestClock()
  const asked: string[] = []
  const signals: AbortSignal[] = []
  const system: PromiseWithResolvers<readonly HostAddress[]>[] = []
  const names = new Names({
    clock,
    askNameServers: (host, _family, signal) => {
      asked.push(host)
      signals.push(signal)
      return answer(host)
    },
    askSystem: () => {
      const one = Promise.withResolvers<readonly HostAddress[]>()
      system.push(one)
      return one.promise
    },
  })
  return { clock, asked, signals, system, names }
}
const never = () => new Promise<never>(() => {})
const unknown = () => Promise.reject(new Error('ENOTFOUND'))

describe('names in addresses', () => {
  it('should be asked for once by all who wait at the same time, and anew afterwards', async () => {
    const { names, asked } = bench(async () => [HERE])
    const both = [names.resolve('a.example', 4, 'told'), names.resolve('A.example', 4, 'told')]
    expect(await Promise.all(both)).toEqual([[HERE], [HERE]])
    expect(asked).toHaveLength(1)
    await names.resolve('a.example', 4, 'told')
    expect(asked).toHaveLength(2)
  })
  it('should be given up, and the question called off, when their server does not answer', async () => {
    const { names, clock, signals } = bench(never)
    const waiting = names.resolve('a.example', 4, 'told')
    clock.advance(3_000)
    await expect(waiting).rejects.toMatchObject({ code: 'DEADLINE' })
    expect(signals[0]?.aborted).toBe(true)
  })
  it('should not be asked for again soon after they failed', async () => {
    const { names, clock, asked } = bench(unknown)
    await expect(names.resolve('a.example', 4, 'told')).rejects.toThrow('ENOTFOUND')
    clock.advance(59_000)
    await expect(names.resolve('a.example', 4, 'told')).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(asked).toHaveLength(1)
    clock.advance(1_000)
    await expect(names.resolve('a.example', 4, 'told')).rejects.toThrow('ENOTFOUND')
  })
  it('should be asked for again after their pause, though the wall clock was set back', async () => {
    const { names, clock, asked } = bench(unknown)
    await names.resolve('a.example', 4, 'told').catch(() => {})
    clock.jump(-3_600_000)
    clock.advance(60_000)
    await names.resolve('a.example', 4, 'told').catch(() => {})
    expect(asked).toHaveLength(2)
  })
  it('should never get to the lookup that nobody can call off when a peer told them', async () => {
    const { names, system } = bench(unknown)
    await expect(names.resolve('a.example', 0, 'told')).rejects.toThrow()
    expect(system).toEqual([])
  })
  it('should get there, one at a time, when the operator configured them and no name server knows them', async () => {
    const { names, system } = bench(unknown)
    const [first, second] = ['a.example', 'b.example'].map((n) => names.resolve(n, 4, 'configured'))
    await settle()
    expect(system).toHaveLength(1)
    system[0]?.reject(new Error('neither here'))
    await expect(first).rejects.toThrow('neither here')
    await settle()
    system[1]?.resolve([HERE])
    expect(await second).toEqual([HERE])
  })
  it('should be looked up few at once when peers told them; configured ones are not held up', async () => {
    const { names, asked } = bench(never)
    for (let i = 0; i < 100; i++) names.resolve(`h${i}.example`, 4, 'told').catch(() => {})
    expect(asked).toHaveLength(32)
    names.resolve('seed.example', 4, 'configured').catch(() => {})
    expect(asked).toHaveLength(33)
  })
  it("should be the machine's own, too", async () => {
    expect(await askSystem('localhost', 4)).toContainEqual({ address: '127.0.0.1', family: 4 })
  })
  it('should hold up no lookup of anybody else while a real name server is silent', async () => {
    const hole = createSocket('udp4').bind(0, '127.0.0.1')
    await once(hole, 'listening')
    try {
      const server = `127.0.0.1:${hole.address().port}`
      let settled = 0
      const names = new Names({ clock: systemClock, askNameServers: nameServers([server]) })
      const told = Array.from({ length: 16 }, (_, i) => names.resolve(`h${i}.example`, 4, 'told'))
      const count = () => settled++
      for (const one of told) one.then(count, count)
      await lookup('localhost')
      expect(settled).toBe(0)
      await Promise.allSettled(told)
      expect(settled).toBe(16)
    } finally {
      hole.close()
    }
  })
})

describe('names that a peer tells', () => {
  const peer = keyPair('peer').peerId
  it('should be few, of both transports each, and not configured ones', () => {
    const book = new AddressBook()
    const of = (name: string) => [`/dns4/${name}/tcp/1`, `/dns4/${name}/udp/1/quic-v1`]
    book.learn(peer, [...of('a.example'), ...of('B.example'), ...of('c.example'), '/ip4/192.0.2.1/tcp/1'])
    expect(book.of(peer)).toEqual(expect.arrayContaining([...of('a.example'), ...of('B.example')]))
    expect(book.of(peer)).toHaveLength(5)
    expect(book.isConfiguredName(peer, 'a.example')).toBe(false)
    book.configure(peer, ['/dns4/A.example/tcp/1'])
    expect(book.isConfiguredName(peer, 'a.example')).toBe(true)
  })
})
