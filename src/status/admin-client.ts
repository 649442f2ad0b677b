import { request as httpRequest, type IncomingMessage } from 'node:http'
import { CodedError, concatBytes, DeadlineError, fromUtf8, utf8 } from '../base/index.ts'

export interface AdminCall {
  readonly socketPath: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface AdminReply {
  readonly status: number
  /** The answer, parsed: the admin API speaks JSON (but for /metrics). */
  readonly json: unknown
}

const TIMEOUT_MS = 15_000
/** A status with 128 members and their addresses is under 100 KiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/**
 * One call to a node's admin socket. Throws `NODE_NOT_RUNNING`, `ADMIN_SOCKET_FORBIDDEN`, `DEADLINE`, `ADMIN_ANSWER_MALFORMED`,
 * or the node's own code when it answers `{"error":{"code","message"}}`.
 */
export async function adminCall(call: AdminCall): Promise<AdminReply> {
  const { status, body } = await exchange(call)
  const json = parse(body)
  const error = errorOf(json)
  if (error !== undefined) throw new CodedError(error.code, error.message, { status })
  return { status, json }
}

function exchange(call: AdminCall): Promise<{ status: number; body: Uint8Array }> {
  const timeoutMs = call.timeoutMs ?? TIMEOUT_MS
  const payload = call.body === undefined ? undefined : utf8(JSON.stringify(call.body))
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      socketPath: call.socketPath,
      method: call.method,
      path: call.path,
      headers: { 'content-type': 'application/json', 'content-length': payload?.length ?? 0 },
      agent: false,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    })
    const timer = setTimeout(() => request.destroy(new DeadlineError("the node's answer", timeoutMs)), timeoutMs)
    const settle = <A extends unknown[]>(how: (...args: A) => void) => {
      return (...args: A) => {
        clearTimeout(timer)
        how(...args)
      }
    }
    const fail = settle((error: Error) => reject(asCoded(error, call)))
    request.once('response', (response) => read(response).then(settle(resolve), fail))
    request.once('error', fail)
    request.end(payload)
  })
}

async function read(response: IncomingMessage): Promise<{ status: number; body: Uint8Array }> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw malformed(`it is longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, body: concatBytes(...chunks) }
}

function asCoded(error: NodeJS.ErrnoException, { socketPath, signal }: AdminCall): Error {
  if (error instanceof CodedError || signal?.aborted) return error
  const at = { socketPath }
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
    return new CodedError(
      'NODE_NOT_RUNNING',
      `no node answers at ${socketPath}: start it with \`countersign run\`, or name its config with --config, or its socket with --socket`,
      at,
      { cause: error },
    )
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new CodedError(
      'ADMIN_SOCKET_FORBIDDEN',
      `the admin socket ${socketPath} is only for the user that runs the node: use that account`,
      at,
      { cause: error },
    )
  return new CodedError(
    'NODE_BROKE_OFF',
    `the node at ${socketPath} broke off its answer (${error.code ?? error.name}): look at its log, then ask again`,
    at,
    { cause: error },
  )
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body))
  } catch (error) {
    throw malformed('it is not JSON', error)
  }
}

const malformed = (why: string, cause?: unknown) =>
  new CodedError(
    'ADMIN_ANSWER_MALFORMED',
    `the node's answer can't be understood (${why}): is it the same version?`,
    {},
    {
      cause,
    },
  )

function errorOf(json: unknown): { code: string; message: string } | undefined {
  const error = isObject(json) ? json.error : undefined
  if (!isObject(error) || typeof error.code !== 'string') return undefined
  return { code: error.code, message: typeof error.message === 'string' ? error.message : error.code }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
