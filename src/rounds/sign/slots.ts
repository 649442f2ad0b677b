import { BoundedMap, equalBytes, LIMITS, type PublicKey } from '../../base/index.ts'
import { sha256 } from '../../curve/index.ts'
import { decodeSign } from './codec.ts'
import type { SignEnvelope } from './received.ts'

/** Slots remembered per author: some minutes of rounds. */
const MAX_SLOTS = 256
/** Wires kept per author, so that a second payload can be shown beside the first; packages of many items are the largest. */
const MAX_BYTES = 512 * 1024

/**
 * The slot in which an honest process says one thing only (R16), as text; undefined where it may say several: a decline changes
 * its reason, a result may be another valid signature (R28), and what is wanted grows. A share's package is part of its slot,
 * since coordinators number their sessions each for itself; batches of nonces and sessions have numbers that their author's
 * process gives to nothing else.
 */
export function slotOf({
  topic,
  boot,
  round,
  attempt,
  step,
  payload,
}: Omit<SignEnvelope, 'wire' | 'via'>): string | undefined {
  const place = [topic.scope, boot, round, attempt, step].join('/')
  if (step === 'ready' || step === 'nonces' || step === 'package') return place
  const share = step === 'share' ? decodeSign(step, payload) : undefined
  return share && [place, share.coordinator, share.packageHash].join('/')
}

interface Slot {
  readonly payloadHash: Uint8Array
  readonly wire: Uint8Array
  /** A second payload was shown already: once is enough. */
  told: boolean
}
interface Author {
  readonly slots: BoundedMap<string, Slot>
  bytes: number
}

/**
 * First word of each member in each slot (round, attempt, step, boot) (R16): two different payloads in one are equivocation,
 * and provable. A resend has the same payload, and a restarted process another boot.
 */
export class Slots {
  readonly #authors = new BoundedMap<PublicKey, Author>(4 * LIMITS.maxSigners)

  /** `wires`: both, the first time that a slot is contradicted. */
  hear(e: SignEnvelope): 'first' | 'same' | { readonly wires: readonly Uint8Array[] } | 'contradicted' {
    const name = slotOf(e)
    if (name === undefined) return 'first'
    const author = this.#authorOf(e.author)
    const payloadHash = sha256(e.payload)
    const known = author.slots.get(name)
    if (known === undefined) {
      this.#keep(author, name, { payloadHash, wire: e.wire, told: false })
      return 'first'
    }
    if (equalBytes(known.payloadHash, payloadHash)) return 'same'
    if (known.told) return 'contradicted'
    known.told = true
    return { wires: [known.wire, e.wire] }
  }

  #authorOf(key: PublicKey): Author {
    const known = this.#authors.get(key)
    if (known !== undefined) return known
    const made: Author = {
      slots: new BoundedMap(MAX_SLOTS, (_, slot) => {
        made.bytes -= slot.wire.length
      }),
      bytes: 0,
    }
    this.#authors.set(key, made)
    return made
  }

  #keep(author: Author, name: string, slot: Slot): void {
    author.slots.set(name, slot)
    author.bytes += slot.wire.length
    for (const [oldest, { wire }] of author.slots) {
      if (author.bytes <= MAX_BYTES || oldest === name) return
      author.slots.delete(oldest)
      author.bytes -= wire.length
    }
  }
}
