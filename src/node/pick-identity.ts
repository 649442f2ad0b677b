import type { PublicKey } from '../base/index.ts'
import type { Snapshot } from '../registry/index.ts'

/** The keys of one operator: `key_file`'s, and the one that is to take its place (R7). */
export interface OwnKeys<T = PublicKey> {
  readonly own: T
  readonly next: T | undefined
}

/**
 * Under which key the node lives: its own while that is a member, the next one when the chain holds that instead. Where
 * neither is, nothing moves: a removed node stays who it was, and a start begins with `key_file`.
 */
export function pickIdentity(
  snapshot: Snapshot | undefined,
  { own, next }: OwnKeys,
  inUse: PublicKey = own,
): PublicKey {
  const members = snapshot?.kind === 'set' ? snapshot.set.keys : []
  if (next === undefined || members.includes(own)) return own
  return members.includes(next) ? next : inUse
}
