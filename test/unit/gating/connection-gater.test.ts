import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeEach, describe, expect, it } from 'vitest'
import { asPendingId, LIMITS, type PeerIdStr } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { createConnectionGater, Gate, type GateDenial } from '../../../src/gating/index.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { CountingMetrics, ManualClock, MemoryLogger } from '../registry/support/ports.ts'

const [self, member, incoming, stranger, bridge] = Array.from({ length: 5 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
const ED25519 = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' as PeerIdStr
const ADDRESS = '/ip4/127.0.0.1/tcp/4001'
const tip = { indexBlockHash: '22'.repeat(32), stacksHeight: 7, burnHeight: 7 }
const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip, readAtMs: 0 })
const set = signerSet([self, member])

let clock: ManualClock
let logger: MemoryLogger
let metrics: CountingMetrics
let gate: Gate
let gater: Required<ConnectionGater>

beforeEach(() => {
  clock = new ManualClock()
  logger = new MemoryLogger()
  metrics = new CountingMetrics()
  gate = new Gate({
    registryScope: SCOPE,
    self: self.publicKey,
    bridges: [bridge.peerId],
    denied: [],
    clock,
    logger,
    metrics,
  })
  gater = createConnectionGater(gate, clock)
})

const ready = (): void => {
  gate.applySnapshot(holding(set))
  gate.applyPending({
    id: asPendingId('ab'.repeat(32)),
    keys: [self.publicKey, member.publicKey, incoming.publicKey],
    threshold: 2,
  })
}
const removed = (): void => {
  gate.applySnapshot(holding(set))
  gate.applySnapshot(holding(signerSet([member, incoming], 2, '33'.repeat(32))))
}
const connectionFrom = (address: string): MultiaddrConnection => {
  const partial: Pick<MultiaddrConnection, 'remoteAddr'> = { remoteAddr: multiaddr(address) }
  return partial as MultiaddrConnection
}

interface Hook {
  readonly name: keyof ConnectionGater
  readonly direction: 'inbound' | 'outbound'
  readonly place: 'dial' | 'connection'
  /** Whether the refusal's log line names the remote address. */
  readonly address: string | undefined
  readonly denies: (peer: PeerId) => boolean | Promise<boolean>
}
const at = connectionFrom(ADDRESS)
const upgraded = { place: 'connection', address: ADDRESS } as const
const HOOKS: readonly Hook[] = [
  {
    name: 'denyDialPeer',
    direction: 'outbound',
    place: 'dial',
    address: undefined,
    denies: (p) => gater.denyDialPeer(p),
  },
  {
    name: 'denyOutboundConnection',
    direction: 'outbound',
    ...upgraded,
    denies: (p) => gater.denyOutboundConnection(p, at),
  },
  {
    name: 'denyInboundEncryptedConnection',
    direction: 'inbound',
    ...upgraded,
    denies: (p) => gater.denyInboundEncryptedConnection(p, at),
  },
  {
    name: 'denyOutboundEncryptedConnection',
    direction: 'outbound',
    ...upgraded,
    denies: (p) => gater.denyOutboundEncryptedConnection(p, at),
  },
  {
    name: 'denyInboundUpgradedConnection',
    direction: 'inbound',
    ...upgraded,
    denies: (p) => gater.denyInboundUpgradedConnection(p, at),
  },
  {
    name: 'denyOutboundUpgradedConnection',
    direction: 'outbound',
    ...upgraded,
    denies: (p) => gater.denyOutboundUpgradedConnection(p, at),
  },
]

interface Case {
  readonly who: string
  readonly peer: PeerIdStr
  readonly given: () => void
  readonly inbound: GateDenial | undefined
  readonly outbound: GateDenial | undefined
}
const both = (denial: GateDenial | undefined) => ({ inbound: denial, outbound: denial })
const CASES: readonly Case[] = [
  { who: 'a signer', peer: member.peerId, given: ready, ...both(undefined) },
  { who: 'a pending key', peer: incoming.peerId, given: ready, ...both(undefined) },
  { who: 'a bridge', peer: bridge.peerId, given: ready, inbound: undefined, outbound: 'wrong_direction' },
  { who: 'a stranger', peer: stranger.peerId, given: ready, ...both('not_in_registry') },
  { who: 'a key of another type', peer: ED25519, given: ready, ...both('not_a_secp256k1_key') },
  { who: 'a signer, this node being removed', peer: member.peerId, given: removed, ...both('self_removed') },
  { who: 'a bridge, this node being removed', peer: bridge.peerId, given: removed, ...both('self_removed') },
  { who: 'a signer, before the registry was read', peer: member.peerId, given: () => {}, ...both('not_ready') },
]

describe.each(HOOKS)('$name', ({ direction, place, address, denies }) => {
  it.each(CASES)('should decide by the role of $who', async (c) => {
    c.given()
    const reason = c[direction]
    expect(await denies(peerIdFromString(c.peer))).toBe(reason !== undefined)
    expect(gate.denials.totals()).toEqual(reason === undefined ? {} : { [reason]: 1 })
    expect(metrics.of('gate_denials_total', `${reason},${place}`)).toBe(reason === undefined ? 0 : 1)
    expect(logger.lines.map((l) => l.fields)).toEqual(
      reason === undefined
        ? []
        : [{ peerId: c.peer, reason, place, ...(address === undefined ? {} : { remoteAddress: address }) }],
    )
  })
})

describe('createConnectionGater', () => {
  it('should refuse a dial to an address that names no peer', async () => {
    ready()
    expect(await gater.denyDialMultiaddr(multiaddr(ADDRESS))).toBe(true)
    expect(metrics.of('gate_denials_total', 'unknown_peer_dial,dial')).toBe(1)
  })

  it('should let a dial to a listed seed through, and to nothing beside it', async () => {
    ready()
    const withSeed = createConnectionGater(gate, clock, {
      isSeed: (address) => address === ADDRESS,
      named: () => new Map(),
    })
    expect(await withSeed.denyDialMultiaddr(multiaddr(ADDRESS))).toBe(false)
    expect(await withSeed.denyDialMultiaddr(multiaddr('/ip4/127.0.0.1/tcp/4002'))).toBe(true)
    expect(
      await withSeed.denyOutboundEncryptedConnection(peerIdFromString(stranger.peerId), connectionFrom(ADDRESS)),
    ).toBe(true)
  })

  it('should leave a dial to an address that names its peer to the other hooks', async () => {
    ready()
    expect(await gater.denyDialMultiaddr(multiaddr(`${ADDRESS}/p2p/${stranger.peerId}`))).toBe(false)
    expect(gate.denials.totals()).toEqual({})
  })

  it.each(CASES)('should keep addresses of $who only if it may be dialled', async (c) => {
    c.given()
    const kept = await gater.filterMultiaddrForPeer(peerIdFromString(c.peer), multiaddr(ADDRESS))
    expect(kept).toBe(c.outbound === undefined)
  })

  it('should decide by the snapshot of this moment, not by that of its making', async () => {
    ready()
    expect(await gater.denyInboundEncryptedConnection(peerIdFromString(member.peerId), at)).toBe(false)
    gate.applySnapshot(holding(signerSet([self, incoming], 2, '33'.repeat(32))))
    expect(await gater.denyInboundEncryptedConnection(peerIdFromString(member.peerId), at)).toBe(true)
  })
})

describe('the log of denials', () => {
  const knock = async (peer: PeerIdStr) => await gater.denyInboundEncryptedConnection(peerIdFromString(peer), at)

  it('should name one peer once a minute, and count it every time', async () => {
    ready()
    for (let i = 0; i < 5; i++) await knock(stranger.peerId)
    expect(logger.messages('warn')).toHaveLength(1)
    clock.advance(59_999)
    await knock(stranger.peerId)
    expect(logger.messages('warn')).toHaveLength(1)
    clock.advance(1)
    await knock(stranger.peerId)
    expect(logger.messages('warn')).toHaveLength(2)
    expect(gate.denials.totals()).toEqual({ not_in_registry: 7 })
  })

  it('should not let one noisy peer hide another', async () => {
    ready()
    await knock(stranger.peerId)
    await knock(ED25519)
    expect(logger.lines.map((l) => l.fields.peerId)).toEqual([stranger.peerId, ED25519])
  })
})

describe('denyInboundConnection', () => {
  const STRANGER_HOST = '/ip4/203.0.113.9/tcp/4001'
  /** A connection that can be closed, as the library's can. */
  const arriving = (address: string) => {
    const events = new EventTarget()
    const partial: Pick<MultiaddrConnection, 'remoteAddr'> = { remoteAddr: multiaddr(address) }
    const connection = Object.assign(events, partial) as EventTarget & MultiaddrConnection
    return { connection, close: () => events.dispatchEvent(new Event('close')) }
  }
  const isDenied = async (address: string): Promise<boolean> =>
    gater.denyInboundConnection(arriving(address).connection)
  /** Opens as many as one stranger's host may have pending. */
  const fill = async (address: string) => {
    const opened = Array.from({ length: LIMITS.maxPendingPerStrangerHost }, () => arriving(address))
    for (const { connection } of opened) expect(await gater.denyInboundConnection(connection)).toBe(false)
    const [first] = opened
    if (first === undefined) throw new Error('the cap is 0')
    return first
  }

  it('should refuse one more unproven handshake than a host may have, and count it without a peer', async () => {
    await fill(STRANGER_HOST)
    expect(await isDenied(STRANGER_HOST)).toBe(true)
    expect(metrics.of('gate_denials_total', 'host_pending,connection')).toBe(1)
    expect(gate.denials.recent().map((d) => d.peerId)).toEqual([undefined])
    expect(await isDenied('/ip4/203.0.113.10/tcp/4001')).toBe(false)
  })
  it('should make room when a connection closes', async () => {
    const first = await fill(STRANGER_HOST)
    first.close()
    expect(await isDenied(STRANGER_HOST)).toBe(false)
  })
  it('should make room when an identity is proven, even one that is refused', async () => {
    ready()
    const { connection } = await fill(STRANGER_HOST)
    expect(await gater.denyInboundEncryptedConnection(peerIdFromString(stranger.peerId), connection)).toBe(true)
    expect(await isDenied(STRANGER_HOST)).toBe(false)
    expect(await isDenied(STRANGER_HOST)).toBe(true)
  })
  it('should make room once only for a connection that is proven and then closes', async () => {
    ready()
    const { connection, close } = await fill(STRANGER_HOST)
    await gater.denyInboundEncryptedConnection(peerIdFromString(stranger.peerId), connection)
    close()
    expect(await isDenied(STRANGER_HOST)).toBe(false)
    expect(await isDenied(STRANGER_HOST)).toBe(true)
  })
  it.each(['denyInboundEncryptedConnection', 'denyOutboundEncryptedConnection'] as const)(
    'should give more room to a host where a member proved its key (%s)',
    async (hook) => {
      ready()
      await gater[hook](peerIdFromString(member.peerId), arriving(STRANGER_HOST).connection)
      await fill(STRANGER_HOST)
      expect(await isDenied(STRANGER_HOST)).toBe(false)
    },
  )
  it('should give no more room to a host where a stranger proved its key', async () => {
    ready()
    await gater.denyInboundEncryptedConnection(peerIdFromString(stranger.peerId), arriving(STRANGER_HOST).connection)
    await fill(STRANGER_HOST)
    expect(await isDenied(STRANGER_HOST)).toBe(true)
  })
  it('should take the room back when the member is removed', async () => {
    ready()
    await gater.denyInboundEncryptedConnection(peerIdFromString(member.peerId), arriving(STRANGER_HOST).connection)
    gate.applySnapshot(holding(signerSet([self, incoming], 2, '33'.repeat(32))))
    await fill(STRANGER_HOST)
    expect(await isDenied(STRANGER_HOST)).toBe(true)
  })
})

describe('relays', () => {
  const relay = member
  const id = (key: KeyPair) => peerIdFromString(key.peerId)
  const RELAYED = `${ADDRESS}/p2p/${relay.peerId}/p2p-circuit`
  /** Each hook that asks for the right to relays, with the peer in every place that it judges. */
  const PLACES: readonly (readonly [string, (peer: KeyPair) => boolean | Promise<boolean>])[] = [
    ['denyInboundRelayReservation', (p) => gater.denyInboundRelayReservation(id(p))],
    ['denyOutboundRelayedConnection from', (p) => gater.denyOutboundRelayedConnection(id(p), id(member))],
    ['denyOutboundRelayedConnection to', (p) => gater.denyOutboundRelayedConnection(id(member), id(p))],
    ['denyInboundRelayedConnection through', (p) => gater.denyInboundRelayedConnection(id(p), id(member))],
    [
      'denyDialMultiaddr through',
      (p) => gater.denyDialMultiaddr(multiaddr(`${ADDRESS}/p2p/${p.peerId}/p2p-circuit/p2p/${incoming.peerId}`)),
    ],
  ]

  it.each(PLACES)('should be for signers and pending keys (%s)', async (_place, denies) => {
    ready()
    expect(await denies(member)).toBe(false)
    expect(await denies(incoming)).toBe(false)
    expect(gate.denials.totals()).toEqual({})
  })
  it.each(PLACES)('should be refused to a stranger and to a bridge, and counted (%s)', async (_place, denies) => {
    ready()
    expect(await denies(stranger)).toBe(true)
    expect(await denies(bridge)).toBe(true)
    expect(metrics.of('gate_denials_total', 'not_in_registry,relay')).toBe(1)
    expect(metrics.of('gate_denials_total', 'no_right_to_protocol,relay')).toBe(1)
  })
  it.each(PLACES)('should be refused to everyone when this node is removed (%s)', async (_place, denies) => {
    removed()
    expect(await denies(member)).toBe(true)
  })

  it('should put nobody through to this node who may not connect to it', async () => {
    ready()
    expect(await gater.denyInboundRelayedConnection(id(relay), id(incoming))).toBe(false)
    expect(await gater.denyInboundRelayedConnection(id(relay), id(stranger))).toBe(true)
    expect(gate.denials.recent()).toMatchObject([
      { peerId: stranger.peerId, reason: 'not_in_registry', place: 'relay' },
    ])
  })

  it('should not show where the peers behind them are: a relayed member vouches for no host', async () => {
    ready()
    const host = '/ip4/203.0.113.7/tcp/1'
    const direct = connectionFrom(host)
    await gater.denyInboundEncryptedConnection(id(incoming), direct)
    await gater.denyInboundEncryptedConnection(id(incoming), connectionFrom(`${RELAYED}/p2p/${incoming.peerId}`))
    const arrive = async (address: string, times: number) => {
      const arriving = () => Object.assign(new EventTarget(), { remoteAddr: multiaddr(address) })
      let refused = 0
      for (let i = 0; i < times; i++)
        if (await gater.denyInboundConnection(arriving() as EventTarget & MultiaddrConnection)) refused++
      return refused
    }
    // Incoming's own host has kept the room of a member's, and the relay's address has got none.
    expect(await arrive(host, LIMITS.maxPendingPerMemberHost)).toBe(0)
    expect(await arrive(ADDRESS, LIMITS.maxPendingPerMemberHost)).toBeGreaterThan(0)
  })
})
