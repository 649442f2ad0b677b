import { type Clock, concatBytes, DeadlineError, toHex, withDeadline } from '../../base/index.ts'
import type { SignItem, ThresholdRequest } from '../types.ts'
import type { Asker } from './decisions.ts'
import type { PolicyReason } from './types.ts'

/** Version of the question, as docs/POLICY.md describes it. */
const QUESTION_VERSION = 1
/** An answer is one word and a reason. */
const MAX_ANSWER_BYTES = 16 * 1024
/** Of the validator's reason, for log and status. */
const MAX_REASON_CHARS = 200

/** The service of this operator that decides what is signed (docs/POLICY.md). */
export interface ValidatorInit {
  readonly url: string
  /** One question, from connecting to the last byte of its answer. */
  readonly timeoutMs: number
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined
  readonly network: string
}

/** `later` is everything that isn't a clear word; it is never consent. */
export interface Verdict {
  readonly decision: 'approve' | 'refuse' | 'later'
  readonly reason: PolicyReason
  /** The validator's own words, printable; or what was wrong with its answer, in ours: nothing of its body. */
  readonly detail?: string | undefined
}

/** One question, one answer. Never throws: what goes wrong is `later`. */
export async function askValidator(
  init: ValidatorInit,
  request: ThresholdRequest,
  by: Asker,
  signal: AbortSignal,
  clock: Clock,
): Promise<Verdict> {
  const body = JSON.stringify(questionOf(init, request, by))
  try {
    return await withDeadline('the validator', init.timeoutMs, (s) => exchange(init, body, s), signal, clock)
  } catch (error) {
    return error instanceof DeadlineError
      ? later('validator_timeout', `no whole answer within ${init.timeoutMs} ms`)
      : later('validator_unreachable', errorClass(error))
  }
}

/** A system's or TLS library's code, like ECONNREFUSED: messages may hold the url, and so what is secret in it. */
function errorClass(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown error'
  const code = 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : printable(cause.name)
}

function questionOf({ network }: ValidatorInit, request: ThresholdRequest, by: Asker) {
  const { requestId, groupKey, items, expiresAtMs } = request
  return {
    version: QUESTION_VERSION,
    network,
    request_id: requestId,
    key: groupKey,
    items: items.map(itemOf),
    requested_by: { kind: by.kind, id: by.name },
    expires_at: expiresAtMs ?? null,
  }
}

const itemOf = ({ digest, tweak }: SignItem) => ({
  digest: toHex(digest),
  tweak:
    tweak.kind === 'none'
      ? { kind: 'none' }
      : { kind: 'key', merkle_root: tweak.merkleRoot === null ? null : toHex(tweak.merkleRoot) },
})

async function exchange({ url, token }: ValidatorInit, body: string, signal: AbortSignal): Promise<Verdict> {
  const response = await fetch(url, {
    method: 'POST',
    // Whoever could redirect could decide.
    redirect: 'manual',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body,
  })
  if (response.status !== 200) {
    // An answer that is cut off here is one of its status all the same.
    await response.body?.cancel().catch(() => {})
    return later('validator_status', `status ${response.status}`)
  }
  const answer = await readCapped(response)
  return answer === undefined
    ? later('validator_malformed', `more than ${MAX_ANSWER_BYTES / 1024} KiB`)
    : verdictOf(answer)
}

async function readCapped(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body !== null) {
    // Leaving the loop cancels the body. Counted after decompression.
    for await (const chunk of response.body) {
      size += chunk.length
      if (size > MAX_ANSWER_BYTES) return undefined
      chunks.push(chunk)
    }
  }
  return concatBytes(...chunks)
}

function verdictOf(bytes: Uint8Array): Verdict {
  const answer = parse(bytes)
  if (answer === undefined) return later('validator_malformed', 'no JSON object')
  const detail = typeof answer.reason === 'string' ? printable(answer.reason) : undefined
  switch (answer.decision) {
    case 'approve':
    case 'refuse':
      return { decision: answer.decision, reason: 'validator', detail }
    case 'later':
      return { decision: 'later', reason: 'validator_later', detail }
    default:
      return later('validator_malformed', 'no decision of docs/POLICY.md')
  }
}

function parse(bytes: Uint8Array): { readonly decision?: unknown; readonly reason?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const printable = (text: string): string => text.slice(0, MAX_REASON_CHARS).replace(/[^\x20-\x7e]/g, '?')

const later = (reason: PolicyReason, detail: string): Verdict => ({ decision: 'later', reason, detail })
