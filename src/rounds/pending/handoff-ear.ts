import { equalBytes, type PublicKey } from '../../base/index.ts'
import type { Envelope } from '../../p2p/index.ts'
import type { HandoffList, HeardHandoffs } from './handoff.ts'
import { decodeHandoff } from './messages.ts'
import type { PendingSpec } from './types.ts'

/** What other members of the current set list for the handoff: the latest of each, so no more than one message per member. */
export class HandoffEar {
  readonly #spec: Pick<PendingSpec, 'currentKeys'>
  readonly #lists = new Map<PublicKey, HandoffList>()
  /** As they were said, so that a repetition costs no decoding. */
  readonly #payloads = new Map<PublicKey, Uint8Array>()

  constructor(spec: Pick<PendingSpec, 'currentKeys'>) {
    this.#spec = spec
  }

  get lists(): HeardHandoffs {
    return this.#lists
  }

  /** Only who holds a share of the old key has anything to hand over. Never throws. */
  hear({ author, payload }: Pick<Envelope, 'author' | 'payload'>): 'first' | 'changed' | 'known' | 'refused' {
    if (!this.#spec.currentKeys.includes(author)) return 'refused'
    const known = this.#payloads.get(author)
    if (known !== undefined && equalBytes(known, payload)) return 'known'
    const list = decodeHandoff(payload)
    if (list === undefined) return 'refused'
    const before = this.#lists.get(author)
    // Gossip comes in any order: what was said before this list was made, or with fewer signatures, is over.
    if (before !== undefined && !isNewer(list, before)) return 'known'
    this.#lists.set(author, list)
    this.#payloads.set(author, payload)
    return before === undefined ? 'first' : 'changed'
  }
}

const isNewer = (list: HandoffList, before: HandoffList): boolean =>
  list.revision > before.revision ||
  (list.revision === before.revision && list.signatures.size > before.signatures.size)
