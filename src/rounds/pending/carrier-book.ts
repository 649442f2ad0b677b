import type { PublicKey } from '../../base/index.ts'
import type { Envelope, P2pHost, Topic, Verdict } from '../../p2p/index.ts'
import { openCarrier } from './carrier.ts'
import type { PendingSpec } from './types.ts'

/** Port of `p2p`: lets one key speak over another's link until the answer is called. */
export type Carry = P2pHost['carry']

/** The statements heard for one pending set (R7); they die with it. At most one per leaving and one per coming member. */
export class CarrierBook {
  readonly #spec: PendingSpec
  readonly #topic: Topic
  readonly #carry: Carry
  readonly #carriers = new Map<PublicKey, PublicKey>()
  readonly #stops: (() => void)[] = []

  constructor(spec: PendingSpec, topic: Topic, carry: Carry) {
    this.#spec = spec
    this.#topic = topic
    this.#carry = carry
  }

  /** The first statement of a key stands; it is repeated every few seconds. */
  take({ author, payload, via }: Envelope): Verdict {
    if (via !== 'gossip') return 'ignore'
    if (this.#carriers.has(author)) return 'accept'
    const carrier = openCarrier(payload, this.#topic, this.#spec, author)
    if (carrier === undefined || [...this.#carriers.values()].includes(carrier)) return 'ignore'
    this.#carriers.set(author, carrier)
    this.#stops.push(this.#carry(this.#topic, author, carrier))
    return 'accept'
  }

  stop(): void {
    this.#carriers.clear()
    for (const stop of this.#stops.splice(0)) stop()
  }
}
