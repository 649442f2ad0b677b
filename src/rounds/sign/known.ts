import { LIMITS, type PublicKey } from '../../base/index.ts'
import type { CoordinatorState } from './coordinator.types.ts'
import { coordinatorOrder } from './hashes.ts'
import type { DeclineReason, RoundFacts } from './types.ts'

/** What this node knows of a request that is not signed yet. */
export interface KnownRound extends RoundFacts {
  /** Who told of it first: a flood pushes out only its author's. */
  readonly from: PublicKey
  /** This operator's own bridge waits for it. */
  isWanted: boolean
  /** What this operator's policy says (docs/POLICY.md). */
  own: 'unasked' | 'asked' | 'yes' | DeclineReason
  /** Members whose operators approved it, in the order in which they were heard. */
  readonly ready: Set<PublicKey>
  readonly declined: Map<PublicKey, DeclineReason>
  /** Members on whose behalf this operator's policy was asked, since it was asked for all of them. */
  readonly askedFor: Set<PublicKey>
  /** Members that were told that this node declines. */
  readonly told: Set<PublicKey>
  /** Coordinator delays that have passed since enough members were ready. */
  turns: number
  hasEnough: boolean
  /** Coordinator delays since it was last heard of, and since this node last spoke. */
  idleTicks: number
  ticks: number
  /** Coordinator delays since it was given its place. */
  placeTicks: number
  coordinator: CoordinatorState | undefined
  /** The latest session of this node is so young that no other is opened beside it. */
  hasHeadStart: boolean
  /** `coordinatorOrder` of all members, once it was needed. */
  order: readonly PublicKey[] | undefined
}

export const knownRound = (facts: RoundFacts, from: PublicKey): KnownRound => ({
  ...facts,
  from,
  isWanted: false,
  own: 'unasked',
  ready: new Set(),
  declined: new Map(),
  askedFor: new Set(),
  told: new Set(),
  turns: 0,
  hasEnough: false,
  idleTicks: 0,
  ticks: 0,
  placeTicks: 0,
  coordinator: undefined,
  hasHeadStart: false,
  order: undefined,
})

/** Coordinator delays after which everybody tries. */
const LAST_TURN = 8

/**
 * Is it this node's turn to coordinate? The order runs over the members that are ready, so absent ones are skipped. The first
 * starts at once, after one delay as many more as may be faulty at worst (n − t), so that one of them is not. The others have
 * patience: on machines that are merely slow, every coordinator more is work that makes all of them slower.
 */
export function isOwnTurn(r: KnownRound, self: PublicKey): boolean {
  if (!r.hasEnough || !r.ready.has(self)) return false
  r.order ??= coordinatorOrder(r.round, r.key.members)
  const rank = r.order.filter((m) => r.ready.has(m)).indexOf(self)
  const faulty = Math.min(r.key.members.length - r.key.threshold, LIMITS.maxCoordinatorsPerTurn)
  return rank === 0 || (r.turns >= 1 && rank <= faulty) || r.turns >= LAST_TURN
}

/** Which of these goes first: the oldest, of the author that told of most of them, so that a flood pushes out only its own. */
export function oldestOfLoudest(idle: readonly KnownRound[]): KnownRound | undefined {
  const counts = new Map<PublicKey, number>()
  for (const { from } of idle) counts.set(from, (counts.get(from) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return idle.find((r) => counts.get(r.from) === most)
}

/** Members that have said nothing to it at all. */
export const unheard = ({ key, ready, declined }: KnownRound): PublicKey[] =>
  key.members.filter((m) => !ready.has(m) && !declined.has(m))

/** Does it owe a share to this session of this node's? */
export const isBusyIn = ({ coordinator }: KnownRound, member: PublicKey, session: number): boolean => {
  const standing = coordinator?.members.get(member)?.standing
  return standing?.at === 'busy' && standing.session === session
}

/** This operator wants it, or would take part. */
export const isApproved = (r: KnownRound): boolean => r.isWanted || r.own === 'yes'

/** So many members refuse that the others can't sign. */
export const isRefused = ({ declined, key }: KnownRound): boolean =>
  [...declined.values()].filter((reason) => reason === 'refused').length > key.members.length - key.threshold

/** 1, 2, 4, 8 …: what is repeated, is repeated ever more seldom. */
export const isPowerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0
