import { BoundedMap, type Clock, type PublicKey, TokenBucket, toHex } from '../../base/index.ts'
import { hashOfItems } from '../request-shape.ts'
import type { ThresholdRequest } from '../types.ts'
import type { Asker } from './decisions.ts'
import { Slots } from './slots.ts'
import type { Verdict } from './validator.ts'

/** Questions of own bridges at once. */
const MAX_OWN_AT_ONCE = 8
/** Questions on behalf of members at once: members must not take the places of this operator's own bridges. */
const MAX_FOR_MEMBERS_AT_ONCE = 8
/** Of those, for one coordinator. */
const MAX_PER_COORDINATOR_AT_ONCE = 2
/** New questions that one coordinator may cause; an honest one has as many requests as its bridge. */
const COORDINATOR_BURST = 32
const COORDINATOR_PER_SECOND = 4
/** Coordinators are members of the current and recalled sets. */
const MAX_COORDINATORS = 512
/** Answers that are remembered, under 500 bytes each. Who pushes one out costs the validator one more question. */
const MAX_REMEMBERED = 4_096
/** Until a question that was put off is asked again for members: doubled each time. */
const MIN_PAUSE_MS = 250
const MAX_PAUSE_MS = 15_000

export interface QuestionsInit {
  /** Never rejects. */
  readonly ask: (request: ThresholdRequest, by: Asker) => Promise<Verdict>
  /** How long a refusal is believed where the request has no end of its own. */
  readonly refusalTtlMs: number
  readonly clock: Clock
  /** For jitter; 0 ≤ x < 1. */
  readonly random: () => number
}

interface Remembered {
  /** Refused until then, unix ms. */
  readonly refusedUntilMs: number
  /** Put off until then. */
  readonly pausedUntilMs: number
  readonly putOff: number
  readonly verdict: Verdict
}

interface Coordinator {
  readonly bucket: TokenBucket
  asking: number
}

/**
 * What the validator is asked: identical questions once at a time, few at once, and for members no more often than their
 * coordinator's allowance. Members decide which questions there are, never how many.
 */
export class Questions {
  readonly #c: QuestionsInit
  readonly #open = new Map<string, Promise<Verdict>>()
  readonly #remembered = new BoundedMap<string, Remembered>(MAX_REMEMBERED)
  readonly #coordinators = new BoundedMap<PublicKey, Coordinator>(MAX_COORDINATORS)
  readonly #own: Slots
  readonly #forMembers: Slots

  constructor(init: QuestionsInit) {
    this.#c = init
    this.#own = new Slots(MAX_OWN_AT_ONCE, init.clock)
    this.#forMembers = new Slots(MAX_FOR_MEMBERS_AT_ONCE, init.clock)
  }

  /** For an own bridge: always asks, or joins who asks the same. */
  async askOwn(request: ThresholdRequest, name: string, withinMs: number, signal: AbortSignal): Promise<Verdict> {
    const key = nameOf(request)
    const open = this.#open.get(key)
    if (open !== undefined) return await open
    if (!(await this.#own.take(withinMs, signal))) return BUSY
    const joined = this.#open.get(key)
    if (joined !== undefined) {
      this.#own.give()
      return await joined
    }
    return await this.#ask(key, request, { kind: 'bridge', name }, () => this.#own.give())
  }

  /** For a member's round: what is remembered, or one question if the coordinator may cause one now. */
  async askFor(coordinator: PublicKey, request: ThresholdRequest): Promise<Verdict> {
    const key = nameOf(request)
    const known = this.#remembered.get(key)
    const nowMs = this.#c.clock.now()
    if (known !== undefined && (nowMs < known.refusedUntilMs || nowMs < known.pausedUntilMs)) return known.verdict
    const open = this.#open.get(key)
    if (open !== undefined) return await open
    const account = this.#coordinators.getOrMake(coordinator, () => ({
      bucket: new TokenBucket(COORDINATOR_BURST, COORDINATOR_PER_SECOND, nowMs),
      asking: 0,
    }))
    if (account.asking >= MAX_PER_COORDINATOR_AT_ONCE || !account.bucket.holds(nowMs)) return BUSY
    if (!this.#forMembers.tryTake()) return BUSY
    account.bucket.take(nowMs)
    account.asking++
    return await this.#ask(key, request, { kind: 'member', name: coordinator }, () => {
      account.asking--
      this.#forMembers.give()
    })
  }

  #ask(key: string, request: ThresholdRequest, by: Asker, done: () => void): Promise<Verdict> {
    const asked = this.#c.ask(request, by).then((verdict) => {
      this.#remember(key, request, verdict)
      return verdict
    })
    this.#open.set(key, asked)
    return asked.finally(() => {
      this.#open.delete(key)
      done()
    })
  }

  #remember(key: string, { expiresAtMs }: ThresholdRequest, verdict: Verdict): void {
    const nowMs = this.#c.clock.now()
    if (verdict.decision === 'approve') {
      this.#remembered.delete(key)
      return
    }
    const isRefused = verdict.decision === 'refuse'
    const putOff = isRefused ? 0 : (this.#remembered.get(key)?.putOff ?? 0) + 1
    this.#remembered.set(key, {
      refusedUntilMs: isRefused ? (expiresAtMs ?? nowMs + this.#c.refusalTtlMs) : 0,
      pausedUntilMs: isRefused ? 0 : nowMs + pauseMs(putOff, this.#c.random),
      putOff,
      verdict,
    })
  }
}

/** After the n-th "later" in a row: doubled, capped, and a half of it at random, so that nodes do not ask in step. */
export function pauseMs(putOff: number, random: () => number): number {
  const full = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** Math.min(putOff - 1, 16))
  return full / 2 + (full / 2) * random()
}

const BUSY: Verdict = { decision: 'later', reason: 'validator_busy' }

/** Who asks is no part of the question: the answer is for all. */
const nameOf = ({ groupKey, requestId, items }: ThresholdRequest): string =>
  `${groupKey}/${requestId}/${toHex(hashOfItems(items))}`
