import type { PublicKey } from '../../base/index.ts'
import type { DeclineReason, PackageEntries, RoundFacts, SignEffect, SignPackage } from './types.ts'

/** Where a member stands with this coordinator (ROAST). */
export type Standing =
  /** May be chosen. */
  | { readonly at: 'responsive' }
  /** Owes a share to the open session of this number. */
  | { readonly at: 'busy'; readonly session: number }
  /** Has declined for now; a later `ready` of it brings it back (R27). */
  | { readonly at: 'waiting'; readonly reason: DeclineReason }
  /** Not chosen again in this round. */
  | { readonly at: 'out'; readonly why: 'refused' | 'cheated' | 'unreliable' }

export interface Member {
  readonly standing: Standing
  /** When it last said something to this round, in order; 0 or less: never. The most recent are chosen first. */
  readonly heardAt: number
  /** It spoiled a session once without fault, as a restarted member does. The second time it is out of this round. */
  readonly excused: boolean
}

export interface ShareIn {
  readonly shares: readonly Uint8Array[]
  readonly wire: Uint8Array
  /** Checked singly and found right. */
  readonly isProven: boolean
}

export interface Session {
  readonly number: number
  readonly package: SignPackage
  readonly packageHash: string
  readonly payload: Uint8Array
  /** The package as signed, once it came back from the messenger. */
  readonly wire: Uint8Array | undefined
  readonly shares: ReadonlyMap<PublicKey, ShareIn>
}

/** One coordinator of one request, over all its sessions. */
export interface CoordinatorState extends RoundFacts {
  readonly self: PublicKey
  readonly members: ReadonlyMap<PublicKey, Member>
  /** Sessions that may still end in a signature, in order of age. */
  readonly sessions: readonly Session[]
  /** Sessions that failed, by a member that is out or will be the next time. */
  readonly failedSessions: number
  /** Counts what was heard. */
  readonly events: number
  readonly isOver: boolean
}

export type CoordinatorEvent =
  /** The member's operator approved this request. */
  | { readonly kind: 'ready'; readonly member: PublicKey }
  /** The member is another process now: it will not answer what its former one was asked. */
  | { readonly kind: 'restarted'; readonly member: PublicKey }
  /** A share of its in a session that has ended is wrong. */
  | { readonly kind: 'cheated'; readonly member: PublicKey }
  /** A session with exactly these members and pairs, chosen by `choose`. */
  | { readonly kind: 'open'; readonly session: number; readonly entries: PackageEntries }
  | { readonly kind: 'sent'; readonly session: number; readonly wire: Uint8Array }
  | {
      readonly kind: 'share'
      readonly member: PublicKey
      readonly packageHash: string
      readonly shares: readonly Uint8Array[]
      readonly wire: Uint8Array
    }
  /** Session 0: of the request, not of a package. */
  | { readonly kind: 'decline'; readonly member: PublicKey; readonly session: number; readonly reason: DeclineReason }
  /** Say again what may have been lost (R14). */
  | { readonly kind: 'resend' }

/** These signatures are this coordinator's own work: the book makes them the round's, and says `done`. */
export interface Signed {
  readonly kind: 'signed'
  readonly signatures: readonly Uint8Array[]
}
/** No signature comes of this session any more. What was given to it is looked at later (`Aftermath`). */
export interface Ended {
  readonly kind: 'ended'
  readonly session: Session
  /** Members that were named for it already. */
  readonly named: ReadonlySet<PublicKey>
}
export interface CoordinatorStep {
  readonly state: CoordinatorState
  readonly effects: readonly (SignEffect | Signed | Ended)[]
}
