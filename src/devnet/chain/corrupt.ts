import type { HttpAnswer, HttpRequest } from '../../base/index.ts'
import type { Corruption, Rewrite } from './types.ts'

/** More than any reader should take (LIMITS.maxChainAnswerBytes is 1 MiB). */
const OVERSIZED_BYTES = 3 * 1024 * 1024

const HEX = /"(0x)?([0-9a-f]{2,})"/g

/** Each fault as a change of a right answer. Total over the list of faults. */
export const CORRUPT: Readonly<Record<Corruption, Rewrite>> = {
  malformed_json: (_, answer) => ({ ...answer, body: `{"okay":tru${text(answer).slice(1)}` }),
  garbage_hex: (_, answer) => ({
    ...answer,
    body: text(answer).replace(HEX, (_all, prefix: string | undefined, hex: string) =>
      JSON.stringify(`${prefix ?? ''}${'zq'.repeat(hex.length / 2)}`),
    ),
  }),
  truncated_body: (_, answer) => ({ ...answer, body: text(answer).slice(0, Math.floor(text(answer).length / 2)) }),
  truncated_hex: (_, answer) => ({
    ...answer,
    body: text(answer).replace(HEX, (_all, prefix: string | undefined, hex: string) =>
      JSON.stringify(`${prefix ?? ''}${hex.slice(0, 2 * Math.floor(hex.length / 4))}`),
    ),
  }),
  wrong_types: (_, answer) => ({ ...answer, body: JSON.stringify(swapTypes(JSON.parse(text(answer)))) }),
  // A Clarity `true` wherever a Clarity value stands.
  wrong_clarity: (_, answer) => ({ ...answer, body: text(answer).replace(/"0x[0-9a-f]{2,}"/g, '"0x03"') }),
  oversized: (_, answer) => ({ ...answer, body: text(answer).trimEnd() + ' '.repeat(OVERSIZED_BYTES) }),
  http_500: () => ({ status: 500, body: 'Internal Server Error', contentType: 'text/plain' }),
  not_okay: (request, answer) =>
    request.path.startsWith('/v2/contracts/call-read/')
      ? { ...answer, status: 200, body: '{"okay":false,"cause":"Unchecked(CostBalanceExceeded)"}' }
      : answer,
}

/** Answers that are not JSON stay as they are, but for a fault of the whole answer. */
export function corrupted(request: HttpRequest, answer: HttpAnswer, fault: Corruption | Rewrite): HttpAnswer {
  if (typeof fault === 'function') return fault(request, answer)
  if (fault !== 'http_500' && answer.contentType !== 'application/json') return answer
  return CORRUPT[fault](request, answer)
}

const text = ({ body }: HttpAnswer): string => (typeof body === 'string' ? body : new TextDecoder().decode(body))

function swapTypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(swapTypes)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, swapTypes(v)]))
  if (typeof value === 'string') return value.length
  if (typeof value === 'number') return String(value)
  return value === null ? [] : 'yes'
}
