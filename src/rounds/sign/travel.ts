import { LIMITS } from '../../base/index.ts'
import type { SignEnvelope } from './received.ts'
import type { SignStep } from './types.ts'

/** What a direct message leaves beside its envelope. */
export const MAX_SIGN_PAYLOAD_BYTES = LIMITS.maxDirectBytes - 1024

/** Upper bounds of what the codec takes, tags and lengths included. */
export const ITEM_BYTES = 76
export const PAIR_BYTES = 72
export const HEAD_BYTES = 256
/** A signature, or a share. */
const VALUE_BYTES = 68

const mostOf = (bytes: number): number => HEAD_BYTES + LIMITS.maxSignItems * bytes

interface Travel {
  readonly via: readonly SignEnvelope['via'][]
  /** Longer ones are not even decoded. */
  readonly maxBytes: number
}

/**
 * How each step travels. What is meant for one member goes straight to it: gossiped, all of the set would pass it on and read
 * it. A result is gossiped, and sent to who asks late.
 */
const TRAVEL: { readonly [S in SignStep]: Travel } = {
  ready: { via: ['gossip'], maxBytes: mostOf(ITEM_BYTES) },
  want: { via: ['direct'], maxBytes: HEAD_BYTES },
  nonces: { via: ['direct'], maxBytes: mostOf(PAIR_BYTES) },
  package: { via: ['direct'], maxBytes: MAX_SIGN_PAYLOAD_BYTES },
  share: { via: ['direct'], maxBytes: mostOf(VALUE_BYTES) },
  decline: { via: ['direct'], maxBytes: HEAD_BYTES },
  result: { via: ['gossip', 'direct'], maxBytes: mostOf(VALUE_BYTES) },
}

/** One's own words, as sent, travel no way at all. */
export const travelsBy = (step: SignStep, via: SignEnvelope['via']): boolean =>
  via === 'self' || TRAVEL[step].via.includes(via)
export const maxBytesOf = (step: SignStep): number => TRAVEL[step].maxBytes
