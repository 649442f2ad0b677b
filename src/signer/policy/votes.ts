import { type Clock, encodeFields, equalBytes, type PeerIdStr, utf8 } from '../../base/index.ts'
import type { Space } from '../../store/index.ts'
import { SignerError } from '../errors.ts'
import { decodeFieldList, decodeNumber } from '../fields.ts'
import { hashOfItems } from '../request-shape.ts'
import type { ThresholdRequest } from '../types.ts'

export interface VotesInit {
  readonly space: Space
  /** Distinct bridges that must ask for exactly the same; at least 1. */
  readonly quorum: number
  /** Does this bridge's asking count? Asked at every count: a bridge may have lost its grant since. */
  readonly counts: (peer: PeerIdStr) => boolean
}

interface Vote {
  readonly peer: PeerIdStr
  readonly itemsHash: Uint8Array
  /** Unix ms; from then on it counts no more, but still holds its bridge to what it asked for. */
  readonly untilMs: number
}

/** `untilMs`: how long the quorum stands; undefined while there is none. `votes` count now, of `quorum` that must. */
export interface Tally {
  readonly untilMs: number | undefined
  readonly votes: number
  readonly quorum: number
}

/** A change of one request's votes, waited for. */
export interface Change {
  /** True if it came before time ran out or the signal aborted. */
  happens(withinMs: number, signal: AbortSignal): Promise<boolean>
  cancel(): void
}

/**
 * Which bridges asked for what under which request id, on disk until the request is bound (R27): a restart between two of them
 * loses no vote. One vote per bridge and id. Votes bind nothing: a bridge that guesses an id can't block the true request.
 */
export class Votes {
  readonly #c: VotesInit
  readonly #clock: Clock
  /** Read, change, write: one at a time for each request. */
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #listeners = new Map<string, Set<() => void>>()

  constructor(init: VotesInit, clock: Clock) {
    this.#c = init
    this.#clock = clock
  }

  /** Does this bridge's asking count now? */
  counts(peer: PeerIdStr): boolean {
    return this.#c.counts(peer)
  }

  /** Counts this bridge's vote, if it counts at all; on disk when it resolves. `changed`: it asked for something else before. */
  cast(request: ThresholdRequest, peer: PeerIdStr, untilMs: number): Promise<Tally | 'changed'> {
    const key = keyOf(request)
    const itemsHash = hashOfItems(request.items)
    return this.#inTurn(key, async () => {
      const votes = await this.#read(key)
      if (!this.#c.counts(peer)) return this.#tally(votes, itemsHash)
      const mine = votes.find((v) => v.peer === peer)
      if (mine !== undefined && !equalBytes(mine.itemsHash, itemsHash)) return 'changed'
      if (mine !== undefined && mine.untilMs >= untilMs) return this.#tally(votes, itemsHash)
      const now = [...votes.filter((v) => v !== mine), { peer, itemsHash, untilMs }]
      await this.#c.space.put(key, encode(now))
      this.#wake(key)
      return this.#tally(now, itemsHash)
    })
  }

  /** The request is bound: its binding says everything from now on. */
  forget(request: ThresholdRequest): Promise<void> {
    const key = keyOf(request)
    return this.#inTurn(key, async () => {
      if ((await this.#c.space.get(key)) !== undefined) await this.#c.space.delete(key)
      this.#wake(key)
    })
  }

  listen(request: ThresholdRequest): Change {
    const key = keyOf(request)
    const { promise: changed, resolve } = Promise.withResolvers<boolean>()
    const listener = () => resolve(true)
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return {
      happens: async (withinMs, signal) => {
        if (withinMs <= 0 || signal.aborted) return false
        const end = () => resolve(false)
        const cancel = this.#clock.after(withinMs, end)
        signal.addEventListener('abort', end, { once: true })
        try {
          return await changed
        } finally {
          cancel()
          signal.removeEventListener('abort', end)
        }
      },
      cancel: () => {
        listeners.delete(listener)
        if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key)
      },
    }
  }

  /** A quorum stands as long as its shortest vote: of more than enough, the longest ones count. */
  #tally(votes: readonly Vote[], itemsHash: Uint8Array): Tally {
    const nowMs = this.#clock.now()
    const ends = votes
      .filter((v) => v.untilMs > nowMs && equalBytes(v.itemsHash, itemsHash) && this.#c.counts(v.peer))
      .map((v) => v.untilMs)
      .toSorted((a, b) => b - a)
    const { quorum } = this.#c
    return { untilMs: ends[quorum - 1], votes: ends.length, quorum }
  }

  async #read(key: string): Promise<readonly Vote[]> {
    const stored = await this.#c.space.get(key)
    return stored === undefined ? [] : decode(key, stored)
  }

  #wake(key: string): void {
    for (const listener of this.#listeners.get(key) ?? []) listener()
  }

  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#queues.get(key) ?? Promise.resolve()).then(work, work)
    this.#queues.set(key, turn)
    try {
      return await turn
    } finally {
      if (this.#queues.get(key) === turn) this.#queues.delete(key)
    }
  }
}

/** Bridges of one operator; the config lists fewer. */
const MAX_VOTES = 256
const keyOf = ({ groupKey, requestId }: ThresholdRequest): string => `${groupKey}/${requestId}`

const encode = (votes: readonly Vote[]): Uint8Array =>
  encodeFields(...votes.flatMap(({ peer, itemsHash, untilMs }) => [utf8(peer), itemsHash, untilMs]))

function decode(key: string, bytes: Uint8Array): readonly Vote[] {
  const fields = decodeFieldList(bytes, 3 * MAX_VOTES)
  if (fields === undefined || fields.length % 3 !== 0) throw unreadable(key)
  return Array.from({ length: fields.length / 3 }, (_, i) => {
    const [peer, itemsHash, until] = fields.slice(3 * i, 3 * i + 3)
    const untilMs = until && decodeNumber(until)
    if (peer === undefined || itemsHash?.length !== 32 || untilMs === undefined) throw unreadable(key)
    return { peer: new TextDecoder().decode(peer) as PeerIdStr, itemsHash: itemsHash.slice(), untilMs }
  })
}

const unreadable = (key: string) =>
  new SignerError('BINDINGS_UNREADABLE', `the stored votes of ${key} are malformed; restore the data folder`, { key })
