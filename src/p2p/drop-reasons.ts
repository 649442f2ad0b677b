import type { Verdict } from './types.ts'

/** Why a message went no further; the closed list of labels of `p2p_messages_dropped_total`, with the verdict of R14. */
export const DROPS = {
  too_large: 'reject',
  malformed: 'reject',
  bad_signature: 'reject',
  /** A direct stream carries only what its own peer says, and whom it carries by both their word (R7). */
  author_mismatch: 'reject',
  /** The state machine's word. */
  rejected: 'reject',

  /** A newer node's format is no offence. */
  version: 'ignore',
  forwarder_rate: 'ignore',
  /** The forwarder sent too much that no honest node forwards. */
  forwarder_muted: 'ignore',
  /** It sent more than can be checked in time, and went on. */
  forwarder_backlog: 'ignore',
  forwarder_role: 'ignore',
  author_role: 'ignore',
  author_rate: 'ignore',
  own_key: 'ignore',
  other_network: 'ignore',
  not_joined: 'ignore',
  older_boot: 'ignore',
  replay: 'ignore',
  expired: 'ignore',
  expires_too_late: 'ignore',
  ignored: 'ignore',
  handler_failed: 'ignore',
} as const satisfies Record<string, Exclude<Verdict, 'accept'>>

export type DropReason = keyof typeof DROPS
