import { describe, expect, it } from 'vitest'
import { asPendingId, asSetHash, type PeerIdStr, type SetHash } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import {
  decideConnection,
  decideStream,
  decideTopic,
  type GateState,
  RIGHTS,
  ROLES,
  STREAM_KINDS,
  standingOf,
} from '../../../src/gating/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'

const [self, member, incoming, stranger, bridge, retired, backup] = Array.from({ length: 7 }, () =>
  KeyPair.generate(),
) as [KeyPair, KeyPair, KeyPair, KeyPair, KeyPair, KeyPair, KeyPair]
const set = signerSet([self, member])
const oldSet = signerSet([self, retired], 2, '22'.repeat(32))
const pendingId = asPendingId('ab'.repeat(32))
const state: GateState = {
  self: self.publicKey,
  set,
  pending: { id: pendingId, keys: [self.publicKey, member.publicKey, incoming.publicKey], threshold: 2 },
  trust: 'fresh',
  recalled: new Map([[oldSet.hash, oldSet]]),
  registryScope: SCOPE,
  bridges: new Set([bridge.peerId]),
  backups: new Set([backup.peerId]),
  denied: new Set(),
  selfRemoved: false,
}
const PROTOCOL = {
  gossip: '/meshsub/1.2.0',
  identify: '/ipfs/id/1.0.0',
  ping: '/ipfs/ping/1.0.0',
  direct: '/countersign/direct/1',
  addresses: '/countersign/addresses/1',
  relay: '/libp2p/circuit/relay/0.2.0/hop',
  backup: '/countersign/backup/1',
  rpc: '/countersign/rpc/1',
  other: '/ipfs/kad/1.0.0',
} as const

describe('roles × rights', () => {
  const peers = { signer: member, pending: incoming, retired, bridge, backup, none: stranger }

  it('should give every role exactly the streams of the table', () => {
    for (const role of ROLES)
      for (const kind of STREAM_KINDS)
        expect(decideStream(state, peers[role].peerId, PROTOCOL[kind]).ok, `${role} ${kind}`).toBe(
          RIGHTS[role].streams[kind],
        )
  })

  it('should give every role exactly the connections of the table', () => {
    for (const role of ROLES)
      for (const direction of ['inbound', 'outbound'] as const)
        expect(decideConnection(state, peers[role].peerId, direction).ok).toBe(RIGHTS[role].connect[direction])
  })

  it('should refuse a stranger by saying that it is not in the registry', () => {
    expect(decideConnection(state, stranger.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_in_registry' })
  })

  it('should refuse to dial a bridge', () => {
    expect(decideConnection(state, bridge.peerId, 'outbound')).toEqual({ ok: false, reason: 'wrong_direction' })
  })

  it('should refuse a PeerID that is not of a secp256k1 key', () => {
    const ed25519 = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp' as PeerIdStr
    expect(decideConnection(state, ed25519, 'inbound')).toEqual({ ok: false, reason: 'not_a_secp256k1_key' })
  })

  it('should refuse the sign topic to a pending key, and allow it the keygen topic', () => {
    expect(decideTopic(state, incoming.peerId, { scope: set.hash, purpose: 'sign' }).ok).toBe(false)
    expect(decideTopic(state, incoming.peerId, { scope: pendingId, purpose: 'keygen' }).ok).toBe(true)
  })

  it('R14: should refuse the topic of another set to a signer', () => {
    const other = asSetHash('cd'.repeat(32))
    expect(decideTopic(state, member.peerId, { scope: other, purpose: 'sign' })).toEqual({
      ok: false,
      reason: 'topic_of_another_set',
    })
  })

  describe('topics that honest nodes have while they see a rotation at different times', () => {
    const elsewhere = { ok: false, reason: 'topic_of_another_set' }
    const wrong = { ok: false, reason: 'no_right_to_topic' }
    const sign = (scope: SetHash) => ({ scope, purpose: 'sign' }) as const
    const unknown = sign(asSetHash('cd'.repeat(32)))
    const unknownKeygen = { scope: asPendingId('cd'.repeat(32)), purpose: 'keygen' } as const
    const liveness = { scope: SCOPE, purpose: 'liveness' } as const

    it('should be refused to every signer without blame, where this node knows no such set', () => {
      for (const peer of [member, incoming, retired])
        for (const topic of [unknown, unknownKeygen]) expect(decideTopic(state, peer.peerId, topic)).toEqual(elsewhere)
    })
    it('should be so of a newcomer that hears of its set a moment earlier, and beats its heart', () => {
      expect(decideTopic(state, incoming.peerId, liveness)).toEqual(elsewhere)
    })
    it('should be so of members whom a newcomer meets before it is one', () => {
      const outside = { ...state, self: incoming.publicKey }
      expect(standingOf(outside, member.peerId).role).toBe('pending')
      for (const topic of [sign(set.hash), liveness])
        expect(decideTopic(outside, member.peerId, topic)).toEqual(elsewhere)
    })
    it('should not be so of a role that has no topics at all, nor of strangers', () => {
      for (const topic of [unknown, unknownKeygen, liveness, sign(set.hash)]) {
        for (const peer of [bridge, backup]) expect(decideTopic(state, peer.peerId, topic)).toEqual(wrong)
        expect(decideTopic(state, stranger.peerId, topic)).toEqual({ ok: false, reason: 'not_in_registry' })
      }
    })
    it('should not be so of a set that is known here, and known not to hold the peer', () => {
      for (const peer of [incoming, retired]) expect(decideTopic(state, peer.peerId, sign(set.hash))).toEqual(wrong)
      for (const peer of [member, incoming]) expect(decideTopic(state, peer.peerId, sign(oldSet.hash))).toEqual(wrong)
      expect(decideTopic(state, retired.peerId, { scope: pendingId, purpose: 'keygen' })).toEqual(wrong)
    })
    it('should not be so of heartbeats by a retired peer, nor of those for another registry', () => {
      expect(decideTopic(state, retired.peerId, liveness)).toEqual(wrong)
      const other = { scope: asSetHash('cd'.repeat(32)), purpose: 'liveness' } as const
      expect(decideTopic(state, member.peerId, other)).toEqual(wrong)
    })
  })

  it('R15: should refuse every topic to a bridge', () => {
    for (const topic of [
      { scope: set.hash, purpose: 'sign' },
      { scope: pendingId, purpose: 'keygen' },
    ] as const)
      expect(decideTopic(state, bridge.peerId, topic).ok).toBe(false)
  })

  it('should refuse a pending key once its pending set was dropped', () => {
    expect(standingOf({ ...state, pending: undefined }, incoming.peerId).denial).toBe('not_in_registry')
  })

  it('should admit no signer while this node itself stands in no set', () => {
    const outside = { ...state, self: stranger.publicKey }
    expect(decideConnection(outside, member.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_ready' })
  })

  it('should refuse everyone, its own bridge too, once this node was removed', () => {
    for (const peer of [member, bridge, backup, retired])
      expect(
        decideConnection(
          { ...state, pending: undefined, recalled: new Map(), selfRemoved: true },
          peer.peerId,
          'inbound',
        ),
      ).toEqual({
        ok: false,
        reason: 'self_removed',
      })
  })

  it('should go to work for a pending set that takes a removed node back', () => {
    const back = { ...state, recalled: new Map(), selfRemoved: true }
    const outside = { ...back, set: signerSet([member, bridge], 2, '77'.repeat(32)) }
    expect(decideConnection(outside, member.peerId, 'inbound').ok).toBe(true)
    expect(standingOf(outside, member.peerId).role).toBe('pending')
    expect(decideTopic(outside, member.peerId, { scope: outside.set.hash, purpose: 'sign' }).ok).toBe(false)
    expect(decideTopic(outside, member.peerId, { scope: pendingId, purpose: 'keygen' }).ok).toBe(true)
    expect(decideConnection(outside, bridge.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
    expect(decideConnection(back, stranger.peerId, 'inbound').ok).toBe(false)
  })
})

describe('R8: a recalled set', () => {
  const inRecalled = { scope: oldSet.hash, purpose: 'sign' } as const

  it('should give its members the sign topic of that set, and no other topic', () => {
    expect(standingOf(state, retired.peerId).role).toBe('retired')
    expect(decideTopic(state, retired.peerId, inRecalled).ok).toBe(true)
    expect(decideTopic(state, retired.peerId, { scope: set.hash, purpose: 'sign' }).ok).toBe(false)
    expect(decideTopic(state, retired.peerId, { scope: pendingId, purpose: 'keygen' }).ok).toBe(false)
    expect(decideTopic(state, retired.peerId, { scope: SCOPE, purpose: 'liveness' }).ok).toBe(false)
  })

  it('should give its topic to none but its own members, signers of the current set included', () => {
    expect(decideTopic(state, member.peerId, inRecalled).ok).toBe(false)
    const both = { ...oldSet, keys: [...oldSet.keys, member.publicKey] }
    const shared = { ...state, recalled: new Map([[both.hash, both]]) }
    expect(decideTopic(shared, member.peerId, inRecalled).ok).toBe(true)
    expect(standingOf(shared, member.peerId).role).toBe('signer')
  })

  it('should admit nobody without the recall, by an old registry, or where this node was no member of it', () => {
    const foreign = { ...oldSet, keys: [retired.publicKey, member.publicKey] }
    for (const other of [
      { ...state, recalled: new Map() },
      { ...state, trust: 'frozen' as const },
      { ...state, recalled: new Map([[foreign.hash, foreign]]) },
    ]) {
      expect(standingOf(other, retired.peerId).role).toBe('none')
      expect(decideTopic(other, retired.peerId, inRecalled).ok).toBe(false)
    }
  })

  it('R27: should let a removed node work with the recalled set, and hear its own bridge for that', () => {
    const removed = { ...state, set: signerSet([member, stranger]), pending: undefined, selfRemoved: true }
    expect(standingOf(removed, retired.peerId).role).toBe('retired')
    expect(decideTopic(removed, retired.peerId, inRecalled).ok).toBe(true)
    expect(standingOf(removed, bridge.peerId).role).toBe('bridge')
    for (const peer of [member, backup]) expect(decideConnection(removed, peer.peerId, 'inbound').ok).toBe(false)
  })

  it('R9: should let no bridge in where a removed node recalled nothing that counts', () => {
    const removed = { ...state, set: signerSet([member, stranger]), selfRemoved: true }
    const foreign = { ...oldSet, keys: [retired.publicKey, member.publicKey] }
    for (const other of [
      { ...removed, recalled: new Map() },
      { ...removed, trust: 'frozen' as const },
      { ...removed, recalled: new Map([[foreign.hash, foreign]]) },
    ])
      expect(decideConnection(other, bridge.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
  })
})

describe('the deny list', () => {
  const ready = { signer: member, pending: incoming, retired, bridge, backup, none: stranger }
  const denying = { ...state, denied: new Set(Object.values(ready).map((k) => k.peerId)) }

  it.each(ROLES)('should win over the role %s: no connection, stream or topic', (role) => {
    const refused = { ok: false, reason: 'denied_by_operator' }
    const { peerId } = ready[role]
    expect(standingOf(denying, peerId).role).toBe('none')
    for (const direction of ['inbound', 'outbound'] as const)
      expect(decideConnection(denying, peerId, direction)).toEqual(refused)
    for (const kind of STREAM_KINDS) expect(decideStream(denying, peerId, PROTOCOL[kind])).toEqual(refused)
    expect(decideTopic(denying, peerId, { scope: set.hash, purpose: 'sign' })).toEqual(refused)
    expect(decideTopic(denying, peerId, { scope: pendingId, purpose: 'keygen' })).toEqual(refused)
  })

  it('should say so even when the node serves nobody', () => {
    expect(standingOf({ ...denying, selfRemoved: true }, member.peerId).denial).toBe('denied_by_operator')
    expect(standingOf({ ...denying, set: undefined, pending: undefined }, member.peerId).denial).toBe(
      'denied_by_operator',
    )
  })

  it('should touch nobody else', () => {
    const one = { ...state, denied: new Set([incoming.peerId]) }
    expect(standingOf(one, member.peerId).role).toBe('signer')
    expect(standingOf(one, bridge.peerId).role).toBe('bridge')
  })
})

describe('R5: a stale registry', () => {
  const frozen: GateState = { ...state, trust: 'frozen' }
  const closed: GateState = { ...state, trust: 'closed' }
  const sign = { scope: set.hash, purpose: 'sign' } as const
  const keygen = { scope: pendingId, purpose: 'keygen' } as const

  it('R5: should keep members and bridges while frozen', () => {
    for (const direction of ['inbound', 'outbound'] as const)
      expect(decideConnection(frozen, member.peerId, direction).ok).toBe(true)
    expect(decideTopic(frozen, member.peerId, sign).ok).toBe(true)
    expect(decideConnection(frozen, bridge.peerId, 'inbound').ok).toBe(true)
  })

  it('R5: should not admit a pending set while frozen', () => {
    expect(decideConnection(frozen, incoming.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_in_registry' })
  })

  it('R5: should have no keygen messages while frozen, not even of members', () => {
    expect(decideTopic(state, member.peerId, keygen).ok).toBe(true)
    expect(decideTopic(frozen, member.peerId, keygen)).toEqual({ ok: false, reason: 'topic_of_another_set' })
  })

  it('R5: should give a node that only a pending set names nothing to do while frozen', () => {
    const outside: GateState = { ...frozen, set: signerSet([member, stranger]) }
    expect(decideConnection({ ...outside, trust: 'fresh' }, member.peerId, 'inbound').ok).toBe(true)
    expect(decideConnection(outside, member.peerId, 'inbound')).toEqual({ ok: false, reason: 'not_ready' })
  })

  it('R5: should not have a removed node wanted back while frozen', () => {
    const removed: GateState = { ...frozen, selfRemoved: true, set: signerSet([member, stranger]) }
    expect(decideConnection(removed, member.peerId, 'inbound')).toEqual({ ok: false, reason: 'self_removed' })
  })

  it.each([
    ['a member', member],
    ['a pending member', incoming],
    ['a bridge', bridge],
    ['a stranger', stranger],
  ])('R5: should not admit %s while closed', (_who, peer) => {
    expect(decideConnection(closed, peer.peerId, 'inbound')).toEqual({ ok: false, reason: 'registry_stale' })
    expect(decideStream(closed, peer.peerId, PROTOCOL.ping)).toEqual({ ok: false, reason: 'registry_stale' })
    expect(decideTopic(closed, peer.peerId, sign)).toEqual({ ok: false, reason: 'registry_stale' })
  })
})
