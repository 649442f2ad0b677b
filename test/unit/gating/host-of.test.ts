import { describe, expect, it } from 'vitest'
import { hostOf, relayOf } from '../../../src/gating/host-of.ts'

describe('hostOf', () => {
  it.each([
    ['an IPv4 address', '/ip4/203.0.113.9/tcp/1', '203.0.113.9'],
    ['an IPv4 address over QUIC', '/ip4/203.0.113.9/udp/1/quic-v1', '203.0.113.9'],
    ['an IPv4 address mapped into IPv6', '/ip6/::ffff:203.0.113.9/tcp/1', '203.0.113.9'],
    ['a mapped address in hexadecimal', '/ip6/0:0:0:0:0:ffff:cb00:7109/tcp/1', '203.0.113.9'],
    ['an IPv6 address', '/ip6/2001:db8:1:2:3:4:5:6/tcp/1', '2001:db8:1:2::/64'],
    ['the loopback of IPv6', '/ip6/::1/tcp/1', '0:0:0:0::/64'],
    ['an IPv6 address in capitals', '/ip6/2001:DB8::1/tcp/1', '2001:db8:0:0::/64'],
    ['an IPv6 address that ends in zeros', '/ip6/2001:db8:1:2::/tcp/1', '2001:db8:1:2::/64'],
    ['an address with its zone', '/ip6zone/eth0/ip6/fe80::1/tcp/1', 'fe80:0:0:0::/64'],
    ['what comes through a relay', '/ip4/203.0.113.9/tcp/1/p2p/Relay/p2p-circuit/p2p/Peer', 'relay Relay'],
    ['a name', '/dns4/example.org/tcp/1', 'no-ip'],
    ['a spelling of no address', '/ip6/xyz/tcp/1', 'no-ip'],
  ])('should name the host of %s', (_, address, host) => {
    expect(hostOf(address)).toBe(host)
  })

  it('should tell apart networks of one subscriber each, and not addresses in one', () => {
    expect(hostOf('/ip6/2001:db8:1:2::1/tcp/1')).toBe(hostOf('/ip6/2001:db8:1:2:ffff::9/tcp/1'))
    expect(hostOf('/ip6/2001:db8:1:2::1/tcp/1')).not.toBe(hostOf('/ip6/2001:db8:1:3::1/tcp/1'))
  })
})

describe('relayOf', () => {
  it.each([
    ['/ip4/203.0.113.9/udp/1/quic-v1/p2p/Relay/p2p-circuit', 'Relay'],
    ['/ip4/203.0.113.9/tcp/1/p2p/Relay/p2p-circuit/p2p/Peer', 'Relay'],
    ['/ip4/203.0.113.9/tcp/1/p2p/First/p2p-circuit/p2p/Last/p2p-circuit/p2p/Peer', 'Last'],
    ['/ip4/203.0.113.9/tcp/1/p2p/Peer', undefined],
  ])('should name the relay next to the peer: %s', (address, relay) => {
    expect(relayOf(address)).toBe(relay)
  })
})
