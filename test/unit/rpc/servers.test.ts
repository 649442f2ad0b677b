import { describe, expect, it } from 'vitest'
import { KeyPair } from '../../../src/curve/index.ts'
import { serversOf } from '../../../src/rpc/client/address.ts'
import { Servers } from '../../../src/rpc/client/servers.ts'

const [A, B, C] = [1, 2, 3].map((n) => KeyPair.fromSecret(new Uint8Array(32).fill(n))) as [KeyPair, KeyPair, KeyPair]
const AT_A = '/ip4/10.0.0.1/tcp/1'
const AT_B = '/ip4/10.0.0.2/tcp/1'
const ids = (servers: Servers): readonly string[] => servers.candidates().map((s) => s.peerId)
const servers = (...keys: readonly KeyPair[]) =>
  new Servers(keys.map((k, i) => ({ peerId: k.peerId, addresses: [`/ip4/10.0.0.${i + 1}/tcp/1`] })))

describe('whom the arguments of connect name', () => {
  it('should be the one server of the address', () => {
    expect(serversOf([`${AT_A}/p2p/${A.peerId}`], undefined)).toEqual([{ peerId: A.peerId, addresses: [AT_A] }])
  })

  it('should be every signer, each at its own addresses and at those that name nobody', () => {
    const addresses = [`${AT_A}/p2p/${A.peerId}`, `${AT_B}/p2p/${B.peerId}`, '/dns4/signer/tcp/1']
    expect(serversOf(addresses, [B.publicKey, A.peerId])).toEqual([
      { peerId: B.peerId, addresses: [AT_B, '/dns4/signer/tcp/1'] },
      { peerId: A.peerId, addresses: [AT_A, '/dns4/signer/tcp/1'] },
    ])
  })

  it('should look everywhere for a signer that no address names: only its own key can answer', () => {
    expect(serversOf([`${AT_A}/p2p/${A.peerId}`], [A.peerId, B.peerId])[1]).toEqual({
      peerId: B.peerId,
      addresses: [AT_A],
    })
  })

  it('should keep the relay in an address through one', () => {
    const through = `${AT_A}/p2p/${C.peerId}/p2p-circuit`
    expect(serversOf([`${through}/p2p/${A.peerId}`], undefined)).toEqual([{ peerId: A.peerId, addresses: [through] }])
    expect(serversOf([through], [A.peerId])).toEqual([{ peerId: A.peerId, addresses: [through] }])
  })

  it.each([
    { what: 'several servers, of which none is said to be trusted', addresses: [A, B], signers: undefined },
    { what: 'a server that is none of the signers', addresses: [A, C], signers: [A, B] },
    { what: 'no signers at all', addresses: [], signers: [] },
    { what: 'too many signers', addresses: [], signers: Array.from({ length: 17 }, () => KeyPair.generate()) },
  ])('should refuse $what', ({ addresses, signers }) => {
    const at = [...addresses.map((k) => `${AT_A}/p2p/${k.peerId}`), ...(addresses.length === 0 ? [AT_A] : [])]
    expect(() =>
      serversOf(
        at,
        signers?.map((k) => k.peerId),
      ),
    ).toThrow(expect.objectContaining({ code: 'BAD_ADDRESS' }))
  })

  it.each([
    ['127.0.0.1:4001', 'is no multiaddr'],
    ['/ip4/127.0.0.1/tcp/xx/', 'is no multiaddr'],
    [`/ip4/127.0.0.1/tcp/xx/p2p/${A.peerId}`, 'is no multiaddr'],
    [`/ip4/127.0.0.1/tcp/70000/p2p/${A.peerId}`, 'is no multiaddr'],
    [`/ip4/127.0.0.1/udp/1/p2p/${A.peerId}`, 'says neither'],
    [`/p2p/${A.peerId}`, 'says neither'],
    ['', 'says neither'],
  ])('should refuse the address %j before anything is dialled: it %s', (address, says) => {
    expect(() => serversOf([address], [A.peerId])).toThrow(
      expect.objectContaining({ code: 'BAD_ADDRESS', message: expect.stringContaining(says) }),
    )
  })

  it('should read an address with a slash too many', () => {
    expect(serversOf([`${AT_A}/p2p/${A.peerId}/`], undefined)).toEqual([{ peerId: A.peerId, addresses: [AT_A] }])
  })

  it.each(['', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', `02${'00'.repeat(32)}`, A.publicKey.slice(2)])(
    'should refuse the signer %j',
    (signer) => {
      expect(() => serversOf([AT_A], [signer])).toThrow(expect.objectContaining({ code: 'BAD_ADDRESS' }))
    },
  )
})

describe('trust of a client (R7)', () => {
  it('should try the server in use first, then the others in order', () => {
    const s = servers(A, B, C)
    expect(ids(s)).toEqual([A, B, C].map((k) => k.peerId))
    s.greeted(C.peerId, undefined)
    expect(ids(s)).toEqual([C, A, B].map((k) => k.peerId))
  })

  it('R7: should trust the key that a trusted server moves to, and look for it at the same place', () => {
    const s = servers(A)
    const [change] = s.greeted(A.peerId, B.peerId)
    const trusted = { signers: [A.peerId, B.peerId], addresses: [`${AT_A}/p2p/${A.peerId}`, `${AT_A}/p2p/${B.peerId}`] }
    expect(change).toEqual({ kind: 'announced', signer: A.peerId, next: B.peerId, trusted })
    expect(s.trusted()).toEqual(trusted)
    // What the application stored is what it started with.
    expect(serversOf(trusted.addresses, trusted.signers)).toEqual(s.candidates())
  })

  it('R7: should trust the key before no more once the next one has answered', () => {
    const s = servers(A)
    s.greeted(A.peerId, B.peerId)
    const [change] = s.greeted(B.peerId, undefined)
    expect(change).toMatchObject({ kind: 'moved', signer: A.peerId, next: B.peerId })
    expect(s.trusted()).toEqual({ signers: [B.peerId], addresses: [`${AT_A}/p2p/${B.peerId}`] })
  })

  it('should try what the lost server moves to before anybody else', () => {
    const s = servers(A, B)
    s.greeted(A.peerId, C.peerId)
    expect(ids(s)).toEqual([A, C, B].map((k) => k.peerId))
  })

  it('should take an announcement back with the server', () => {
    const s = servers(A)
    s.greeted(A.peerId, B.peerId)
    expect(s.greeted(A.peerId, C.peerId).map((c) => [c.kind, c.next])).toEqual([
      ['withdrawn', B.peerId],
      ['announced', C.peerId],
    ])
    expect(s.greeted(A.peerId, undefined).map((c) => c.kind)).toEqual(['withdrawn'])
    expect(ids(s)).toEqual([A.peerId])
  })

  it('should say nothing of what it knew', () => {
    const s = servers(A)
    expect(s.greeted(A.peerId, undefined)).toEqual([])
    s.greeted(A.peerId, B.peerId)
    expect(s.greeted(A.peerId, B.peerId)).toEqual([])
  })

  it('should not take a server for its own successor', () => {
    const s = servers(A)
    expect(s.greeted(A.peerId, A.peerId)).toEqual([])
    expect(ids(s)).toEqual([A.peerId])
  })

  it('should keep a signer that the caller named, whatever another one withdraws', () => {
    const s = servers(A, B)
    s.greeted(A.peerId, B.peerId)
    s.greeted(A.peerId, undefined)
    expect(ids(s)).toEqual([A.peerId, B.peerId])
  })

  it('should keep what another server still announces', () => {
    const s = servers(A, B)
    s.greeted(A.peerId, C.peerId)
    s.greeted(B.peerId, C.peerId)
    s.greeted(A.peerId, undefined)
    expect(ids(s)).toContain(C.peerId)
  })

  it('should not grow however often a server changes its mind', () => {
    const s = servers(A)
    for (let n = 0; n < 50; n++) s.greeted(A.peerId, KeyPair.generate().peerId)
    expect(ids(s)).toHaveLength(2)
  })

  it('should follow one move after another', () => {
    const s = servers(A)
    for (const [at, next] of [
      [A, B],
      [B, C],
    ] as const)
      s.greeted(at.peerId, next.peerId)
    s.greeted(C.peerId, undefined)
    expect(s.trusted()).toEqual({ signers: [C.peerId], addresses: [`${AT_A}/p2p/${C.peerId}`] })
  })

  it('should not let a server speak for another: what B moves to takes nothing from A', () => {
    const s = servers(A, B)
    s.greeted(B.peerId, C.peerId)
    s.greeted(C.peerId, undefined)
    expect(ids(s)).toEqual([C.peerId, A.peerId])
  })
})
