import { BoundedMap, type Clock, LIMITS, type PublicKey, Semaphore, TokenBucket, toHex } from '../../base/index.ts'
import { hashOfItems } from '../request-shape.ts'
import type { ThresholdRequest } from '../types.ts'
import type { Asker } from './decisions.ts'
import { FairSlots } from './fair-slots.ts'
import type { Verdict } from './validator.ts'

/** Questions of own bridges at once. */
const MAX_OWN_AT_ONCE = 8
/** Questions on behalf of members at once: members must not take the places of this operator's own bridges. */
const MAX_FOR_MEMBERS_AT_ONCE = 8
/** Of those, for one coordinator. */
const MAX_PER_COORDINATOR_AT_ONCE = 2
/** Of those, free for coordinators that have none: else few could hold all of them, where the validator is slow. */
const RESERVED_FOR_OTHERS = 2
/** Waiting for one of those places, of one coordinator: with 64 digests each, 32 KiB of a member. */
const MAX_WAITING_PER_COORDINATOR = 4
/** Half of a sign round: a later answer would come too late for most. */
const MAX_WAIT_MS = LIMITS.signTimeoutMs / 2
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

/**
 * What the validator is asked: identical questions once at a time, few at once, and for members no more often than their
 * coordinator's allowance. Members decide which questions there are, never how many.
 */
export class Questions {
  readonly #c: QuestionsInit
  readonly #open = new Map<string, Promise<Verdict>>()
  readonly #remembered = new BoundedMap<string, Remembered>(MAX_REMEMBERED)
  readonly #coordinators = new BoundedMap<PublicKey, TokenBucket>(MAX_COORDINATORS)
  readonly #own: Semaphore
  readonly #forMembers: FairSlots

  constructor(init: QuestionsInit) {
    this.#c = init
    this.#own = new Semaphore(MAX_OWN_AT_ONCE, init.clock)
    this.#forMembers = new FairSlots({
      total: MAX_FOR_MEMBERS_AT_ONCE,
      perMember: MAX_PER_COORDINATOR_AT_ONCE,
      reserved: RESERVED_FOR_OTHERS,
      waitingPerMember: MAX_WAITING_PER_COORDINATOR,
      maxWaitMs: MAX_WAIT_MS,
      clock: init.clock,
    })
  }

  /** For an own bridge: always asks, or joins who asks the same. */
  async askOwn(request: ThresholdRequest, name: string, withinMs: number, signal: AbortSignal): Promise<Verdict> {
    const key = nameOf(request)
    const open = this.#open.get(key)
    if (open !== undefined) return await open
    if (withinMs <= 0 || !(await this.#own.take(withinMs, signal))) return BUSY
    const joined = this.#open.get(key)
    if (joined !== undefined) {
      this.#own.give()
      return await joined
    }
    return await this.#ask(key, request, { kind: 'bridge', name }, () => this.#own.give())
  }

  /** For a member's round: what is known or asked already, or one question if the coordinator may cause one. */
  async askFor(coordinator: PublicKey, request: ThresholdRequest): Promise<Verdict> {
    const key = nameOf(request)
    const known = this.#known(key)
    if (known !== undefined) return await known
    const nowMs = this.#c.clock.monotonicMs()
    const full = () => new TokenBucket(COORDINATOR_BURST, COORDINATOR_PER_SECOND, nowMs)
    const bucket = this.#coordinators.getOrMake(coordinator, full)
    if (!bucket.holds(nowMs)) return BUSY
    if (!this.#forMembers.tryTake(coordinator)) {
      if (!(await this.#forMembers.wait(coordinator))) return BUSY
      // Another one's question may have brought the answer meanwhile.
      const since = this.#known(key)
      if (since !== undefined) {
        this.#forMembers.give(coordinator)
        return await since
      }
    }
    const done = () => this.#forMembers.give(coordinator)
    if (!bucket.take(this.#c.clock.monotonicMs())) {
      done()
      return BUSY
    }
    return await this.#ask(key, request, { kind: 'member', name: coordinator }, done)
  }

  /** For members: a refusal that stands, a pause that is not over, or the question as it is being asked. */
  #known(key: string): Verdict | Promise<Verdict> | undefined {
    const known = this.#remembered.get(key)
    const { clock } = this.#c
    const stands =
      known !== undefined && (clock.now() < known.refusedUntilMs || clock.monotonicMs() < known.pausedUntilMs)
    return stands ? known.verdict : this.#open.get(key)
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
    const { clock } = this.#c
    if (verdict.decision === 'approve') {
      this.#remembered.delete(key)
      return
    }
    const isRefused = verdict.decision === 'refuse'
    const putOff = isRefused ? 0 : (this.#remembered.get(key)?.putOff ?? 0) + 1
    this.#remembered.set(key, {
      refusedUntilMs: isRefused ? (expiresAtMs ?? clock.now() + this.#c.refusalTtlMs) : 0,
      pausedUntilMs: isRefused ? 0 : clock.monotonicMs() + pauseMs(putOff, this.#c.random),
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
