import { afterEach, describe, expect, it } from 'vitest'
import { asPendingId, utf8 } from '../../src/base/index.ts'
import type { Topic } from '../../src/p2p/index.ts'
import type { PendingSpec } from '../../src/rounds/index.ts'
import { untilWithin } from '../fixtures/until.ts'
import {
  isFullMesh,
  linkedTo,
  NETWORK,
  type RealMember,
  snapshotOf,
  startMembers,
  type WiredMembers,
} from '../integration/fixtures/members.ts'

const DEADLINE_MS = 60_000
const PENDING_ID = asPendingId('ab'.repeat(32))
const KEYGEN: Topic = { network: NETWORK, scope: PENDING_ID, purpose: 'keygen' }

let net: WiredMembers | undefined
afterEach(async () => {
  await net?.stop()
})

/** Messages of one topic that a member took, by author. */
function hear(at: RealMember, topic: Topic): Set<string> {
  const authors = new Set<string>()
  at.parts.host.messenger.join(topic, ({ author }) => {
    authors.add(author)
    return 'accept'
  })
  return authors
}

let rounds = 0
const say = (from: RealMember, topic: Topic) =>
  from.parts.host.messenger.publish(topic, {
    round: (rounds++).toString(16).padStart(64, '0'),
    attempt: 0,
    step: 'test',
    payload: utf8('hello'),
  })

/**
 * sBTC #1714: the gate knew only the set on chain, so the set that was to come could not make its key. Here the operators'
 * approval lets it in, for that and nothing else.
 */
describe('incident 2: a new member before it stands on chain', () => {
  it('should be let in by approval only, and only to the keygen of its pending set', async () => {
    net = await startMembers(4, 'tcp')
    const { members } = net
    const [first, , , newcomer] = members as [RealMember, RealMember, RealMember, RealMember]
    const set = members.slice(0, 3)
    const onChain = snapshotOf(set, 'a1')
    if (onChain.kind !== 'set') throw new Error('not a set')
    const { hash, keys, threshold, principal } = onChain.set
    const spec: PendingSpec = {
      id: PENDING_ID,
      parentSetHash: hash,
      keys: members.map((m) => m.key.publicKey).toSorted(),
      threshold: 3,
      attempt: 1,
      currentKeys: keys,
      currentThreshold: threshold,
      principal,
    }
    const sign: Topic = { network: NETWORK, scope: hash, purpose: 'sign' }
    for (const m of members) m.parts.membership.applySnapshot(onChain)
    await untilWithin(DEADLINE_MS, 'the set is connected', () => isFullMesh(set))

    // Approved by the newcomer's operator alone: it dials, and is refused by everyone.
    newcomer.parts.membership.applyPending(spec)
    await untilWithin(DEADLINE_MS, 'the newcomer is refused', () =>
      set.every((m) => m.parts.gate.denials.recent().some((d) => d.peerId === newcomer.key.peerId)),
    )
    expect(set.map((m) => linkedTo(m, [newcomer]).length)).toEqual([0, 0, 0])

    for (const m of set) m.parts.membership.applyPending(spec)
    const inKeygen = members.map((m) => hear(m, KEYGEN))
    const inSign = members.map((m) => hear(m, sign))
    await untilWithin(DEADLINE_MS, 'the newcomer is connected', () => isFullMesh(members))
    // A topic's mesh grows by the second: said until heard.
    const speak = setInterval(() => {
      for (const topic of [KEYGEN, sign]) for (const m of [first, newcomer]) void say(m, topic).catch(() => {})
    }, 250)
    try {
      await untilWithin(DEADLINE_MS, 'all hear the newcomer in its keygen, and it hears them', () =>
        inKeygen.every((authors, i) =>
          authors.has(members[i] === newcomer ? first.key.publicKey : newcomer.key.publicKey),
        ),
      )
      await untilWithin(DEADLINE_MS, 'the set hears itself', () =>
        inSign.slice(1, 3).every((authors) => authors.has(first.key.publicKey)),
      )
    } finally {
      clearInterval(speak)
    }
    expect(inSign.some((authors) => authors.has(newcomer.key.publicKey))).toBe(false)
    expect(inSign[3]).toEqual(new Set())

    // R7: it dies with its parent set.
    for (const m of set) m.parts.membership.applySnapshot(snapshotOf(set, 'c3', 8))
    await untilWithin(DEADLINE_MS, 'the newcomer is out again', () =>
      set.every((m) => linkedTo(m, [newcomer]).length === 0),
    )
  }, 180_000)
})
