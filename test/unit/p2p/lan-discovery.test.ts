import { describe, expect, it } from 'vitest'
import { isLanAddress } from '../../../src/p2p/lan-discovery.ts'

describe('isLanAddress', () => {
  it.each([
    '/ip4/192.168.1.9/tcp/4700',
    '/ip4/10.0.0.1/udp/4700/quic-v1',
    '/ip4/172.31.255.1/tcp/1',
    '/ip4/169.254.7.7/tcp/1',
    '/ip4/127.0.0.1/tcp/1',
    '/ip6/fe80::1/tcp/1',
    '/ip6/fd00::1/udp/1/quic-v1',
  ])('should take an address of a local network: %s', (address) => {
    expect(isLanAddress(address)).toBe(true)
  })
  it.each([
    ['beyond it', '/ip4/203.0.113.9/tcp/1'],
    ['next to a private one', '/ip4/172.32.0.1/tcp/1'],
    ['beyond it, IPv6', '/ip6/2001:db8::1/tcp/1'],
    ['that is a name', '/dns4/localhost/tcp/1'],
    ['of no transport of ours', '/ip4/192.168.1.9/tcp/1/ws'],
    ['that leads through a relay', '/ip4/192.168.1.9/tcp/1/p2p/R/p2p-circuit'],
    ['that is none', '/ip4/999.1.1.1/tcp/1'],
    ['that is empty', ''],
  ])('should not take an address %s', (_what, address) => {
    expect(isLanAddress(address)).toBe(false)
  })
})
