import {
  accept,
  type Clock,
  CodedError,
  type Counter,
  describeError,
  type GroupKey,
  LIMITS,
  type Logger,
  type Metrics,
  type Outcome,
  type PeerIdStr,
  refuse,
} from '../base/index.ts'
import { tweakedPublicKey } from '../crypto/index.ts'
import { curve } from '../curve/index.ts'
import type { RequestBindings } from './bindings.ts'
import { SignerError } from './errors.ts'
import type { Approval, Asking, SigningPolicy } from './policy/types.ts'
import { findShapeFault } from './request-shape.ts'
import type {
  ActiveKey,
  NoKey,
  ShareVault,
  SignFailure,
  SignItem,
  SignResult,
  ThresholdRequest,
  ThresholdRounds,
  ThresholdService,
} from './types.ts'
import { waitFor } from './wait-for.ts'

export interface ThresholdServiceInit {
  /**
   * The key that this node may sign under now (R9, R21): of the current set, or the given one if that is the current or a recalled
   * set's. Synchronous: asked again right before a round.
   */
  readonly activeKey: (key?: GroupKey) => ActiveKey | undefined
  /** Is this node in the current set? Tells "no key yet" from "not a signer". */
  readonly isSigner: () => boolean
  /** R17: another node was heard speaking with this node's key, so nothing is signed until a restart. */
  readonly isKeyElsewhere?: () => boolean
  readonly shares: Pick<ShareVault, 'byGroupKey'>
  readonly policy: SigningPolicy
  readonly bindings: RequestBindings
  readonly rounds: ThresholdRounds
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Rounds of this operator's own requests at once; `LIMITS.maxSignSessions` unless said. */
  readonly maxRounds?: number
}

/** A service that can be stopped: running rounds are aborted, later requests answered `STOPPED`. */
export interface StoppableThresholdService extends ThresholdService {
  stop(): Promise<void>
}

export const thresholdService = (init: ThresholdServiceInit): StoppableThresholdService => new GateChain(init)

/** One call of `sign`. */
interface Ask {
  readonly client: PeerIdStr
  readonly requestId: string
  readonly items: readonly SignItem[]
  readonly deadlineMs: number
  readonly key: GroupKey | undefined
  readonly expiresAtMs: number | undefined
  /** This operator's policy has not answered: no signer is to blame. */
  isApproving: boolean
}

const OUTCOMES = 'sign_requests_total'
const OUTCOMES_HELP = "Signing requests of this operator's bridge by outcome"
/** A round that runs out answers who is missing; this is the time it has to say so. Less than rpc keeps back for answering. */
const ANSWER_GRACE_MS = 50

/** The gate chain of docs/POLICY.md after rpc's role and rights: shape → policy → binding → round → verify → remember → answer. */
class GateChain implements StoppableThresholdService {
  readonly #init: ThresholdServiceInit
  readonly #outcomes: Counter<'outcome'>
  readonly #rounds = new Map<string, Promise<SignResult>>()
  readonly #stop = new AbortController()
  /** Requests that wait for the policy, of each client. */
  readonly #approving = new Map<PeerIdStr, number>()

  constructor(init: ThresholdServiceInit) {
    this.#init = init
    this.#outcomes = init.metrics.counter(OUTCOMES, OUTCOMES_HELP, ['outcome'])
  }

  publicKey(key?: GroupKey): Outcome<GroupKey, NoKey> {
    const active = this.#init.activeKey(key)
    if (active !== undefined) return accept(active.groupKey)
    if (key !== undefined) return refuse('UNKNOWN_KEY')
    return refuse(this.#init.isSigner() ? 'NO_KEY' : 'NOT_A_SIGNER')
  }

  /** Throws `BINDINGS_FAILED`, `SIGNATURE_INVALID`. */
  async sign(
    client: PeerIdStr,
    requestId: string,
    items: readonly SignItem[],
    deadlineMs: number,
    signal?: AbortSignal,
    key?: GroupKey,
    expiresAtMs?: number,
  ): Promise<SignResult> {
    const nowMs = this.#init.clock.now()
    const cappedMs = Math.min(deadlineMs, nowMs + LIMITS.signTimeoutMs, expiresAtMs ?? Number.POSITIVE_INFINITY)
    const timeoutMs = Math.max(cappedMs - nowMs, 0)
    try {
      const ask: Ask = { client, requestId, items, deadlineMs: cappedMs, key, expiresAtMs, isApproving: false }
      const work = this.#serve(ask)
      // The caller may have left when it fails.
      work.catch((error: unknown) => this.#init.logger.error('signing failed', { error: describeError(error) }))
      const result = await waitFor(work, this.#init.clock, timeoutMs + ANSWER_GRACE_MS, signal, (why) =>
        why === 'timeout'
          ? ask.isApproving
            ? UNAPPROVED.not_asked_yet
            : failure('TIMEOUT', `no signature within ${timeoutMs} ms; ask again under the same request id`)
          : failure('STOPPED', 'the caller left'),
      )
      this.#outcomes.inc({ outcome: result.ok ? 'signed' : result.code })
      return result
    } catch (error) {
      this.#outcomes.inc({ outcome: 'error' })
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CodedError('STOPPED', 'the node is stopping'))
    this.#init.policy.stop()
    await Promise.allSettled(this.#rounds.values())
  }

  async #serve(ask: Ask): Promise<SignResult> {
    const { client, requestId, items, deadlineMs, key: asked, expiresAtMs } = ask
    if (this.#stop.signal.aborted) return STOPPING
    if (this.#init.isKeyElsewhere?.()) return ELSEWHERE
    const fault = findShapeFault(requestId, items)
    if (fault !== undefined) return failure('REFUSED', fault)
    if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs))
      return failure('REFUSED', 'the end of a request is a whole number of milliseconds')
    const key = this.publicKey(asked)
    if (!key.ok) return failure(key.reason, NO_KEY_MESSAGES[key.reason])
    const end = expiresAtMs === undefined ? {} : { expiresAtMs }
    const request: ThresholdRequest = { requestId, groupKey: key.value, items: items.map(copyItem), ...end }
    if (this.#isFull(request) || this.#isWaiting(client)) return OVERLOADED
    ask.isApproving = true
    const approval = await this.#approve(request, { client, deadlineMs, signal: this.#stop.signal })
    ask.isApproving = false
    if (approval.answer !== 'yes') return this.#stop.signal.aborted ? STOPPING : UNAPPROVED[approval.answer]
    const { signatures } = approval.binding
    return signatures === undefined ? this.#joinRound(request, deadlineMs) : signed(signatures)
  }

  /** The policy may wait for other bridges or for its validator; only so many requests may wait with it. */
  async #approve(request: ThresholdRequest, asking: Asking): Promise<Approval> {
    const { client } = asking
    this.#approving.set(client, (this.#approving.get(client) ?? 0) + 1)
    try {
      return await this.#init.policy.approve(request, asking)
    } finally {
      const left = (this.#approving.get(client) ?? 1) - 1
      if (left > 0) this.#approving.set(client, left)
      else this.#approving.delete(client)
    }
  }

  /**
   * Identical requests share one round; bindings see to it that requests of one id are identical. Whoever joined a round
   * that ran out for its starter, and has time left, starts the next one.
   */
  async #joinRound(request: ThresholdRequest, deadlineMs: number): Promise<SignResult> {
    const name = roundName(request)
    for (;;) {
      // Rotation or stop may have come while policy, disk or a round were waited for (R9).
      if (this.#stop.signal.aborted) return STOPPING
      if (this.#init.isKeyElsewhere?.()) return ELSEWHERE
      if (this.#init.activeKey(request.groupKey)?.groupKey !== request.groupKey)
        return failure('STOPPED', 'the active key changed meanwhile; ask again')
      if (this.#isFull(request)) return OVERLOADED
      const joined = this.#rounds.get(name)
      if (joined === undefined && deadlineMs <= this.#init.clock.now())
        return failure('TIMEOUT', 'no time was left to sign; allow more')
      const round = joined ?? this.#startRound(name, request, deadlineMs)
      const result = await round
      if (result.ok) return signed(result.signatures)
      if (joined === undefined || result.code !== 'TIMEOUT') return result
    }
  }

  #startRound(name: string, request: ThresholdRequest, deadlineMs: number): Promise<SignResult> {
    const round = this.#runRound(request, deadlineMs).finally(() => this.#rounds.delete(name))
    this.#rounds.set(name, round)
    return round
  }

  async #runRound(request: ThresholdRequest, deadlineMs: number): Promise<SignResult> {
    const result = await this.#askRounds(request, deadlineMs)
    if (!result.ok) return result
    const share = this.#init.shares.byGroupKey(request.groupKey)
    // The last gate: whatever rounds say, what leaves verifies under exactly the key and tweaks that were asked for.
    if (share === undefined || !isAnswerTo(request.items, result.signatures, share.key.public))
      throw new SignerError('SIGNATURE_INVALID', 'a sign round ended with a signature that does not verify', {
        groupKey: request.groupKey,
        requestId: request.requestId,
      })
    return { ok: true, signatures: await this.#init.bindings.remember(request, result.signatures) }
  }

  async #askRounds(request: ThresholdRequest, deadlineMs: number): Promise<SignResult> {
    try {
      return await this.#init.rounds.sign(request, deadlineMs, this.#stop.signal)
    } catch (error) {
      if (this.#stop.signal.aborted) return STOPPING
      throw error
    }
  }

  /** Half of the places for one client: a bridge that asks for what nobody approves must not keep the others out. */
  #isWaiting(client: PeerIdStr): boolean {
    const all = [...this.#approving.values()].reduce((sum, n) => sum + n, 0)
    const mine = this.#approving.get(client) ?? 0
    return all >= this.#max || mine >= Math.max(1, Math.floor(this.#max / 2))
  }

  get #max(): number {
    return this.#init.maxRounds ?? LIMITS.maxSignSessions
  }

  #isFull(request: ThresholdRequest): boolean {
    return this.#rounds.size >= this.#max && !this.#rounds.has(roundName(request))
  }
}

const roundName = ({ groupKey, requestId }: ThresholdRequest): string => `${groupKey}/${requestId}`

/** A valid signature for each item, in order (R27); that there are no more than that, `remember` checks. */
const isAnswerTo = (
  items: readonly SignItem[],
  signatures: readonly Uint8Array[],
  key: Parameters<typeof tweakedPublicKey>[0],
): boolean =>
  items.every(({ digest, tweak }, i) => {
    const signature = signatures[i]
    return signature !== undefined && curve.schnorrVerify(signature, digest, tweakedPublicKey(key, tweak))
  })

/** Copies: a caller must not change the bytes that are kept. */
const signed = (signatures: readonly Uint8Array[]): SignResult => ({
  ok: true,
  signatures: signatures.map((s) => s.slice()),
})

const copyItem = ({ digest, tweak }: SignItem): SignItem => ({
  digest: Uint8Array.from(digest),
  tweak:
    tweak.kind === 'none'
      ? tweak
      : { kind: 'key', merkleRoot: tweak.merkleRoot === null ? null : Uint8Array.from(tweak.merkleRoot) },
})

const failure = (code: SignFailure, message: string): SignResult => ({
  ok: false,
  code,
  message,
  missing: [],
  cheaters: [],
})

const ELSEWHERE = failure(
  'KEY_IN_USE_ELSEWHERE',
  "another node speaks with this node's key; stop one of the two, then restart the other",
)
const STOPPING = failure('STOPPED', 'this node is stopping')
const OVERLOADED = failure('OVERLOADED', 'too many signatures are being made; wait for answers, then ask again')
/** What this operator's own bridge hears of its policy; the reason stands in log and status. */
const UNAPPROVED = {
  refused: failure('REFUSED', "this operator's policy refused the request"),
  equivocation: failure('EQUIVOCATION', 'this request id stands for other digests or tweaks; use a new one'),
  not_asked_yet: failure(
    'NOT_APPROVED',
    "this operator's policy had not approved the request in time; ask again under the same request id",
  ),
} as const
const NO_KEY_MESSAGES = {
  NO_KEY: 'the signer set has no group key that this node can sign under yet; wait until its keygen has finished',
  NOT_A_SIGNER: 'this node is not a signer of the current set',
  UNKNOWN_KEY:
    "this node can not sign under that key: it is neither the current nor a recalled set's, or no share is held here",
} as const
