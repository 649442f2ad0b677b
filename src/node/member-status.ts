import type { PeerIdStr, PublicKey, SetHash } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import { type Gate, standingOf } from '../gating/index.ts'
import type { ConnectionInfo } from '../p2p/index.ts'
import type { Snapshot } from '../registry/index.ts'
import { type PendingSpec, participantsOf } from '../rounds/index.ts'
import type { LivenessView } from './liveness/index.ts'
import type { RecallView } from './recall-view.ts'

/** What a member last said of itself; only its own claim. */
export interface MemberClaims {
  readonly stacksHeight: number
  readonly burnHeight: number
  readonly keyHeld: boolean
  readonly signing: boolean
  readonly registryFresh: boolean
}

/** One peer that has a part in this federation, as this node sees it. */
export interface MemberStatus {
  readonly publicKey: PublicKey
  readonly peerId: PeerIdStr
  readonly self: boolean
  /** As the gate has it now; `none` for a member of a set whom this node refuses all the same. Its own is what it is in the set. */
  readonly role: 'signer' | 'pending' | 'retired' | 'none'
  /** Why it has that role, in words. */
  readonly reason: string
  readonly connected: boolean
  readonly links: readonly MemberLink[]
  /** Heard within the time that heartbeats allow; null for whoever sends none to this node. */
  readonly alive: boolean | null
  /** Unix ms by this node's clock. */
  readonly lastHeartbeatAtMs: number | null
  /** Signer set that it acts by, as it says. */
  readonly claimedSetHash: SetHash | null
  /** That is another one than this node's. */
  readonly diverges: boolean
  /** Its clock minus this node's, as near as heartbeats tell. */
  readonly clockOffsetMs: number | null
  readonly claims: MemberClaims | null
}

export type MemberLink = Pick<ConnectionInfo, 'transport' | 'direction' | 'remoteAddress'> & {
  /** Round trip; null until the first ping was answered. */
  readonly rttMs: number | null
}

export interface MemberFacts {
  readonly gate: Gate
  /** This operator's other key, while it has one (R7). */
  readonly nextKey?: PublicKey | undefined
  readonly snapshot: Snapshot | undefined
  /** The rotation that this operator approved, if there is one. */
  readonly pending: PendingSpec | undefined
  readonly connections: readonly ConnectionInfo[]
  readonly liveness: LivenessView
  /** Replaced sets that this operator recalled (R8). */
  readonly recalled: readonly Pick<RecallView, 'setHash' | 'keys'>[]
}

/** Signers first, then who is only in the pending set, then who is only in a recalled one. */
export function memberStatuses(f: MemberFacts): readonly MemberStatus[] {
  const { set } = f.gate.state
  const rows = new Map<PublicKey, Pick<MemberStatus, 'role' | 'reason'>>()
  const add = (keys: readonly PublicKey[], role: MemberStatus['role'], reason: string) => {
    for (const key of keys) if (!rows.has(key)) rows.set(key, { role, reason })
  }
  if (set !== undefined) add(set.keys, 'signer', `in set ${short(set.hash)}${blockOf(f.snapshot)}`)
  if (f.pending !== undefined)
    add(participantsOf(f.pending), 'pending', `in pending set ${short(f.pending.id)} approved by this operator`)
  for (const { setHash, keys } of f.recalled)
    add(keys, 'retired', `in recalled set ${short(setHash)} recalled by this operator`)
  return [...rows].map(([key, row]) => ({ ...memberStatus(f, key), ...asAdmitted(f, key, row) }))
}

/** A set says who may be admitted; whether this node does so now is the gate's word. */
function asAdmitted(
  { gate, nextKey }: MemberFacts,
  key: PublicKey,
  row: Pick<MemberStatus, 'role' | 'reason'>,
): Pick<MemberStatus, 'role' | 'reason'> {
  if (key === gate.state.self || key === nextKey) return row
  const { role, denial } = standingOf(gate.state, peerIdOfKey(key))
  return role === 'none' ? { role, reason: `${row.reason}, refused here: ${denial}` } : row
}

function memberStatus(f: MemberFacts, publicKey: PublicKey): Omit<MemberStatus, 'role' | 'reason'> {
  const peerId = peerIdOfKey(publicKey)
  const self = publicKey === f.gate.state.self || publicKey === f.nextKey
  const links = f.connections.filter((c) => c.peerId === peerId).map(linkOf)
  const heard = f.liveness.members.get(publicKey)
  const { beat } = heard ?? {}
  return {
    ...{ publicKey, peerId, self, connected: links.length > 0, links },
    alive: heard === undefined ? null : heard.sign === 'alive',
    lastHeartbeatAtMs: heard?.lastHeardAtMs ?? null,
    claimedSetHash: beat?.setHash ?? null,
    diverges: heard?.divergesSinceMs !== undefined,
    clockOffsetMs: heard?.clockOffsetMs ?? null,
    claims:
      beat === undefined
        ? null
        : {
            stacksHeight: beat.stacksHeight,
            burnHeight: beat.burnHeight,
            keyHeld: beat.keyHeld,
            signing: beat.signing,
            registryFresh: beat.registryFresh,
          },
  }
}

const linkOf = ({ transport, direction, remoteAddress, rttMs }: ConnectionInfo): MemberLink => ({
  ...{ transport, direction, remoteAddress },
  rttMs: rttMs ?? null,
})

/** Where the set was read. */
const blockOf = (snapshot: Snapshot | undefined): string =>
  snapshot?.kind === 'set' ? ` at Bitcoin block ${snapshot.tip.burnHeight}` : ''

const short = (hash: string): string => hash.slice(0, 8)
