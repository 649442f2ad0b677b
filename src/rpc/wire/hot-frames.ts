import { utf8 } from '../../base/index.ts'
import { Cursor } from './cursor.ts'
import { bytesSize, putBytes, putScalar, putVarint, scalarSize, varintSize } from './put.ts'

/**
 * The two frames of every successful call, by hand: the general codec costs more than the transport itself. Writers make exactly the bytes of the general one; readers know only the usual order of fields and answer
 * undefined to anything else, which the general one then reads. `test/unit/rpc/hot-frames.test.ts` compares them.
 */
export interface HotRequest {
  readonly kind: 'request'
  readonly id: number
  readonly method: string
  readonly params: Uint8Array
  readonly timeoutMs: number
}
export interface HotResult {
  readonly kind: 'result'
  readonly id: number
  readonly result: Uint8Array
}

/** Tags of rpc.proto: field number and wire type. */
const FRAME_REQUEST = 0x0a
const FRAME_RESPONSE = 0x12
const ID = 0x08
const METHOD = 0x12
const PARAMS = 0x1a
const TIMEOUT_MS = 0x20
const RESULT = 0x12

export function writeRequest({ id, method, params, timeoutMs }: Omit<HotRequest, 'kind'>): Uint8Array {
  const name = nameBytes(method)
  const inner = scalarSize(id) + bytesSize(name.length) + bytesSize(params.length) + scalarSize(timeoutMs)
  const out = new Uint8Array(1 + varintSize(inner) + inner)
  out[0] = FRAME_REQUEST
  let at = putVarint(out, 1, inner)
  at = putScalar(out, at, ID, id)
  if (name.length > 0) at = putBytes(out, at, METHOD, name)
  if (params.length > 0) at = putBytes(out, at, PARAMS, params)
  putScalar(out, at, TIMEOUT_MS, timeoutMs)
  return out
}

export function writeResult({ id, result }: Omit<HotResult, 'kind'>): Uint8Array {
  // A case of a oneof is written even when it is empty.
  const inner = scalarSize(id) + 1 + varintSize(result.length) + result.length
  const out = new Uint8Array(1 + varintSize(inner) + inner)
  out[0] = FRAME_RESPONSE
  const at = putScalar(out, putVarint(out, 1, inner), ID, id)
  putBytes(out, at, RESULT, result)
  return out
}

export function readRequest(bytes: Uint8Array): HotRequest | undefined {
  const cursor = new Cursor(bytes)
  if (!cursor.enter(FRAME_REQUEST)) return undefined
  const id = cursor.scalar(ID)
  const method = cursor.word(METHOD)
  const params = cursor.bytes(PARAMS)
  const timeoutMs = cursor.scalar(TIMEOUT_MS)
  return cursor.complete && id !== 0 ? { kind: 'request', id, method, params, timeoutMs } : undefined
}

export function readResult(bytes: Uint8Array): HotResult | undefined {
  const cursor = new Cursor(bytes)
  if (!cursor.enter(FRAME_RESPONSE)) return undefined
  const id = cursor.scalar(ID)
  const found = cursor.at(RESULT)
  const result = cursor.bytes(RESULT)
  return cursor.complete && found && id !== 0 ? { kind: 'result', id, result } : undefined
}

const NAMES = new Map<string, Uint8Array>()
/** There are few method names; whatever else is encoded is not remembered. */
const MAX_NAMES = 256
function nameBytes(method: string): Uint8Array {
  const known = NAMES.get(method)
  if (known !== undefined) return known
  const bytes = utf8(method)
  if (NAMES.size < MAX_NAMES) NAMES.set(method, bytes)
  return bytes
}
