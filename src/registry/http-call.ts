import { concatBytes, DeadlineError, LIMITS, withDeadline } from '../base/index.ts'
import type { Endpoint } from './endpoint.ts'
import { ReadError } from './errors.ts'

export interface HttpCallInit {
  /** Default LIMITS.chainCallTimeoutMs; covers connecting, headers and body together. */
  readonly timeoutMs?: number
  /** Default LIMITS.maxChainAnswerBytes, counted after decompression. */
  readonly maxAnswerBytes?: number
}

export interface ChainRequest {
  readonly method: 'GET' | 'POST'
  /** Relative to the endpoint's base, without a leading slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly contentType?: string
  readonly body?: string | Uint8Array<ArrayBuffer>
}

export interface ChainAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/**
 * One bounded HTTP exchange with a Stacks node. Resolves with any status but redirects. Throws ReadError `unreachable`,
 * `timeout`, `http_status` (redirect) or `malformed_answer` (too large), and the signal's reason if the caller gave up.
 */
export async function chainCall(
  endpoint: Endpoint,
  request: ChainRequest,
  init: HttpCallInit = {},
  signal?: AbortSignal,
): Promise<ChainAnswer> {
  const timeoutMs = init.timeoutMs ?? LIMITS.chainCallTimeoutMs
  const maxBytes = init.maxAnswerBytes ?? LIMITS.maxChainAnswerBytes
  const url = new URL(request.path, endpoint.base)
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value)
  const at = { endpoint: endpoint.label, path: request.path }
  try {
    return await withDeadline(
      'call to a Stacks node',
      timeoutMs,
      (s) => exchange(url, request, maxBytes, at, s),
      signal,
    )
  } catch (error) {
    if (signal?.aborted || error instanceof ReadError) throw error
    if (error instanceof DeadlineError)
      throw new ReadError(
        'timeout',
        `Stacks node ${endpoint.label} did not answer within ${timeoutMs} ms; check its load and the network between`,
        at,
        { cause: error },
      )
    throw new ReadError(
      'unreachable',
      `Stacks node ${endpoint.label} can't be reached; check [registry] endpoints and that the node runs`,
      at,
      { cause: error },
    )
  }
}

type Place = Readonly<{ endpoint: string; path: string }>

async function exchange(
  url: URL,
  request: ChainRequest,
  maxBytes: number,
  at: Place,
  signal: AbortSignal,
): Promise<ChainAnswer> {
  const response = await fetch(url, {
    method: request.method,
    // A redirect would let one endpoint choose where the others' quorum is read.
    redirect: 'manual',
    signal,
    ...(request.contentType === undefined ? {} : { headers: { 'content-type': request.contentType } }),
    ...(request.body === undefined ? {} : { body: request.body }),
  })
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    await response.body?.cancel()
    throw new ReadError(
      'http_status',
      `Stacks node ${at.endpoint} answered with a redirect, which is refused; name its final address in [registry] endpoints`,
      { ...at, status: response.status },
    )
  }
  return { status: response.status, body: await readCapped(response, maxBytes, at) }
}

async function readCapped(response: Response, maxBytes: number, at: Place): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body !== null) {
    // Leaving the loop by a throw cancels the body.
    for await (const chunk of response.body) {
      size += chunk.length
      if (size > maxBytes)
        throw new ReadError(
          'malformed_answer',
          `Stacks node ${at.endpoint} sent more than ${maxBytes} bytes; check that it is a Stacks node`,
          { ...at, maxBytes },
        )
      chunks.push(chunk)
    }
  }
  return concatBytes(...chunks)
}
