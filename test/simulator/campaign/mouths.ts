import type { Clock, PublicKey } from '../../../src/base/index.ts'
import type { Messenger, Sending, Topic, Utterance } from '../../../src/p2p/index.ts'
import type { Mouth } from '../process.ts'
import type { Cheat, Falsehood, Falsified, Parcel } from './cheats.ts'

/** What left a member's sign rounds, as its envelope says it, and what was false in it. */
export interface Spoken {
  readonly author: PublicKey
  readonly boot: number
  readonly said: Utterance
  readonly to: readonly PublicKey[] | undefined
  readonly atMs: number
  readonly falsehood: Falsehood | undefined
  readonly cheat: Cheat | undefined
}

/** Notes all that a member says of signing, after its own software has made of it what it likes. */
export function mouthOf(
  author: PublicKey,
  wayOfProcess: () => (parcel: Parcel) => readonly Falsified[],
  note: (spoken: Spoken) => void,
): Mouth {
  return (messenger, process) => new OwnSoftware(messenger, process, author, wayOfProcess(), note)
}

class OwnSoftware implements Messenger {
  readonly join: Messenger['join']
  readonly #inner: Messenger
  readonly #process: { readonly boot: number; readonly clock: Clock }
  readonly #author: PublicKey
  readonly #way: (parcel: Parcel) => readonly Falsified[]
  readonly #note: (spoken: Spoken) => void

  constructor(
    inner: Messenger,
    process: { readonly boot: number; readonly clock: Clock },
    author: PublicKey,
    way: (parcel: Parcel) => readonly Falsified[],
    note: (spoken: Spoken) => void,
  ) {
    this.#inner = inner
    this.#process = process
    this.#author = author
    this.#way = way
    this.#note = note
    this.join = (topic, onEnvelope) => inner.join(topic, onEnvelope)
  }

  async publish(topic: Topic, said: Utterance) {
    const parcels = this.#way({ said, to: undefined })
    const [only] = parcels
    if (parcels.length === 1 && only?.said === said && only.lateMs === undefined) {
      this.#noteOf(only)
      return await this.#inner.publish(topic, said)
    }
    for (const parcel of parcels) this.#utter(topic, parcel)
    return this.#inner.sendEach([], topic, said).envelope
  }
  send(to: PublicKey, topic: Topic, said: Utterance, signal?: AbortSignal) {
    return this.#inner.send(to, topic, said, signal)
  }

  sendEach(to: readonly PublicKey[], topic: Topic, said: Utterance): Sending {
    const parcels = this.#way({ said, to })
    const [only] = parcels
    // An honest word goes as it came, with its own envelope and its own failures.
    if (parcels.length === 1 && only?.said === said && only.to === to && only.lateMs === undefined) {
      this.#noteOf(only)
      return this.#inner.sendEach(to, topic, said)
    }
    for (const parcel of parcels) this.#utter(topic, parcel)
    // What it says to itself is what its own node meant.
    return this.#inner.sendEach([], topic, said)
  }

  #utter(topic: Topic, parcel: Falsified): void {
    if (parcel.lateMs === undefined) this.#now(topic, parcel)
    else this.#process.clock.after(parcel.lateMs, () => this.#now(topic, parcel))
  }
  #now(topic: Topic, parcel: Falsified): void {
    this.#noteOf(parcel)
    const { said, to } = parcel
    if (to !== undefined) this.#inner.sendEach(to, topic, said)
    else this.#inner.publish(topic, said).catch(() => {})
  }
  #noteOf({ said, to, falsehood, cheat }: Falsified): void {
    const { boot, clock } = this.#process
    this.#note({ author: this.#author, boot, said, to, atMs: clock.now(), falsehood, cheat })
  }
}
