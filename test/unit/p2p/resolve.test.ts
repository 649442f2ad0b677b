import { describe, expect, it } from 'vitest'
import { type ResolveHost, resolveAddress } from '../../../src/p2p/resolve.ts'

const asked: [string, number][] = []
const resolve: ResolveHost = async (host, family) => {
  asked.push([host, family])
  return [
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]
}

describe('the addresses of a name', () => {
  it.each([
    ['dns', 0],
    ['dns4', 4],
    ['dns6', 6],
  ] as const)('should ask for the family that /%s means, for TCP and QUIC alike', async (kind, family) => {
    asked.length = 0
    expect(await resolveAddress(`/${kind}/a.example/udp/1/quic-v1`, resolve, 'told')).toEqual([
      '/ip4/192.0.2.1/udp/1/quic-v1',
      '/ip6/2001:db8::1/udp/1/quic-v1',
    ])
    expect((await resolveAddress(`/${kind}/a.example/tcp/1`, resolve, 'told'))[0]).toBe('/ip4/192.0.2.1/tcp/1')
    expect(asked).toEqual([
      ['a.example', family],
      ['a.example', family],
    ])
  })
  it('should leave an address without a name as it is, and ask nobody', async () => {
    asked.length = 0
    expect(await resolveAddress('/ip4/192.0.2.9/tcp/1', resolve, 'told')).toEqual(['/ip4/192.0.2.9/tcp/1'])
    expect(asked).toEqual([])
  })
  it('should follow a name to few addresses only', async () => {
    const many: ResolveHost = async () =>
      Array.from({ length: 100 }, (_, i) => ({ address: `192.0.2.${i}`, family: 4 }))
    expect(await resolveAddress('/dns/a.example/tcp/1', many, 'told')).toHaveLength(8)
  })
  it('should fail for a name without addresses', async () => {
    await expect(resolveAddress('/dns/a.example/tcp/1', async () => [], 'told')).rejects.toMatchObject({
      code: 'UNREACHABLE',
    })
  })
  it('should not wait for a resolver that never answers once told to stop', async () => {
    const controller = new AbortController()
    const waiting = resolveAddress('/dns/a.example/tcp/1', () => new Promise(() => {}), 'told', controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})
