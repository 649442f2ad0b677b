import { equalBytes } from '../../base/index.ts'
import { isOfLostRun, type NonceRecord, type OneTimeRecord, type WotsRecord } from './one-time-record.ts'
import type { NonceMode, S2Failure } from './types.ts'

/** Under which the rules are asked. */
export interface Situation {
  /** `lost`: the store can't prove that it remembers what the seed was used for (R32). */
  readonly standing: 'proven' | 'lost'
  readonly nonceMode: NonceMode
  readonly generation: number
  /** Of this process, 8 bytes; another one once a lost store is found again. */
  readonly run: Uint8Array
  /** Of this process while its store was lost. */
  readonly lostRun?: Uint8Array | undefined
}

/** `write`: the record must be on disk before the answer leaves. */
export type Verdict<R> =
  | { readonly kind: 'answer'; readonly record: R }
  | { readonly kind: 'write'; readonly record: R }
  | { readonly kind: 'refuse'; readonly reason: S2Failure }

const refuse = (reason: S2Failure) => ({ kind: 'refuse', reason }) as const

/** May the public nonce be shown? `fresh` makes 32 random bytes, for a native one (R31). */
export function judgeNonce(
  known: OneTimeRecord | undefined,
  s: Situation,
  fresh: () => Uint8Array,
): Verdict<NonceRecord> {
  if (known === undefined) return { kind: 'write', record: newNonce(s, fresh) }
  // What another store made can't be made again, and a second nonce for the same would take its place among the signers.
  if (known.kind !== 'nonce' || known.origin === 'elsewhere') return refuse('STATE_LOST')
  if (!isTrusted(known, s)) return refuse('STATE_LOST')
  return { kind: 'answer', record: known }
}

function newNonce(s: Situation, fresh: () => Uint8Array): NonceRecord {
  const native = s.nonceMode === 'native'
  return {
    kind: 'nonce',
    origin: native ? 'native' : 'reference',
    generation: s.generation,
    run: s.run,
    randomness: native ? fresh() : undefined,
    use: undefined,
  }
}

/** May it sign what `use` stands for? First what can never be, then what this store can't know. */
export function judgePartial(known: OneTimeRecord | undefined, use: Uint8Array, s: Situation): Verdict<NonceRecord> {
  // R33, and in native mode the same: a nonce that was never shown here is in nobody's aggregate.
  if (known === undefined) return refuse(s.standing === 'lost' ? 'STATE_LOST' : 'NONCE_NOT_ISSUED')
  if (known.kind !== 'nonce') return refuse('STATE_LOST')
  // R30. Another use of the same nonce is what gives the key away.
  if (known.use !== undefined && !equalBytes(known.use, use)) return refuse('EQUIVOCATION')
  if (known.origin === 'elsewhere' || !isTrusted(known, s)) return refuse('STATE_LOST')
  // R32: a nonce that can be derived at any time may have signed where this store does not know of it.
  if (s.standing === 'lost' && known.origin === 'reference') return refuse('STATE_LOST')
  return known.use === undefined ? { kind: 'write', record: { ...known, use } } : { kind: 'answer', record: known }
}

/** May the one-time key do what `use` stands for, its export among that (R34)? */
export function judgeWots(known: OneTimeRecord | undefined, use: Uint8Array, s: Situation): Verdict<WotsRecord> {
  if (known !== undefined) {
    const isSame = known.kind === 'wots' && known.use !== 'spoiled' && equalBytes(known.use, use)
    if (!isSame) return refuse('EQUIVOCATION')
  }
  if (s.standing === 'lost') return refuse('STATE_LOST')
  if (known?.kind === 'wots') return { kind: 'answer', record: known }
  return { kind: 'write', record: { kind: 'wots', use } }
}

/**
 * An older copy of a store holds nonces that may have signed since; what this process made itself can't have. What a store made while it
 * was lost no journal tells of, so a copy from that time is never trusted with it.
 */
function isTrusted(known: NonceRecord, s: Situation): boolean {
  if (equalBytes(known.run, s.run) || (s.lostRun !== undefined && equalBytes(known.run, s.lostRun))) return true
  return s.standing === 'proven' && !(known.origin === 'native' && isOfLostRun(known))
}
