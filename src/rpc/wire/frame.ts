import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { fromHex, type PublicKey, toHex } from '../../base/index.ts'
import { type ErrorDetails, isWireErrorCode, NO_DETAILS, RpcError, WIRE_ERRORS, type WireErrorCode } from './errors.ts'
import { readRequest, readResult, writeRequest, writeResult } from './hot-frames.ts'
import { ErrorDetailsSchema, FrameSchema } from './pb/rpc_pb.ts'

/** Protocol id: a change of `Frame` that old peers can't read gets a new one. */
export const RPC_PROTOCOL = '/countersign/rpc/1'

/** What a server may receive. `malformed` carries the id if that much was readable, else 0. */
export type ClientFrame =
  | {
      readonly kind: 'request'
      readonly id: number
      readonly method: string
      readonly params: Uint8Array
      readonly timeoutMs: number
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'malformed'; readonly id: number; readonly expected: string }

/** What a client may receive. */
export type ServerFrame =
  | { readonly kind: 'result'; readonly id: number; readonly result: Uint8Array }
  | { readonly kind: 'error'; readonly id: number; readonly error: RpcError }
  | { readonly kind: 'malformed' }

export const encodeRequest = (id: number, method: string, params: Uint8Array, timeoutMs: number): Uint8Array =>
  writeRequest({ id, method, params, timeoutMs })

export const encodeCancel = (id: number): Uint8Array =>
  toBinary(FrameSchema, create(FrameSchema, { body: { case: 'cancel', value: { id } } }))

export const encodeResult = (id: number, result: Uint8Array): Uint8Array => writeResult({ id, result })

/** The message is always the code's own sentence: nothing that a handler wrote crosses the wire (docs/PROTOCOL.md). */
export function encodeError(id: number, code: WireErrorCode, details: Partial<ErrorDetails> = {}): Uint8Array {
  const { field = '', expected = '', missing, cheaters } = { ...NO_DETAILS, ...details }
  const some = field !== '' || expected !== '' || missing.length > 0 || cheaters.length > 0
  const error = {
    code,
    message: WIRE_ERRORS[code],
    ...(some
      ? {
          details: create(ErrorDetailsSchema, {
            field,
            expected,
            missing: missing.map(fromHex),
            cheaters: cheaters.map(fromHex),
          }),
        }
      : {}),
  }
  return toBinary(
    FrameSchema,
    create(FrameSchema, { body: { case: 'response', value: { id, outcome: { case: 'error', value: error } } } }),
  )
}

/** Never throws, whatever the bytes. */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame {
  return readRequest(bytes) ?? decodeAnyClientFrame(bytes)
}

/** Any encoding that protobuf allows. */
export function decodeAnyClientFrame(bytes: Uint8Array): ClientFrame {
  const frame = parse(bytes)
  if (frame === undefined) return malformed(readableId(bytes), 'a protobuf Frame')
  const { body } = frame
  if (frame.$unknown !== undefined) return malformed(readableId(bytes), 'no unknown fields')
  if (body.case !== 'request' && body.case !== 'cancel') return malformed(0, 'a request or a cancel')
  const { id } = body.value
  if (body.value.$unknown !== undefined) return malformed(id, 'no unknown fields')
  if (id === 0) return malformed(0, 'an id that is not 0')
  if (body.case === 'cancel') return { kind: 'cancel', id }
  const { method, params, timeoutMs } = body.value
  return { kind: 'request', id, method, params, timeoutMs }
}

/** Never throws. A code that this version does not know is read as INTERNAL: newer servers may have more. */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame {
  return readResult(bytes) ?? decodeAnyServerFrame(bytes)
}

/** Any encoding that protobuf allows. */
export function decodeAnyServerFrame(bytes: Uint8Array): ServerFrame {
  const frame = parse(bytes)
  if (frame?.body.case !== 'response') return { kind: 'malformed' }
  const { id, outcome } = frame.body.value
  if (outcome.case === 'result') return { kind: 'result', id, result: outcome.value }
  if (outcome.case !== 'error') return { kind: 'malformed' }
  const { code, details } = outcome.value
  const error = new RpcError(
    isWireErrorCode(code) ? code : 'INTERNAL',
    {
      ...(details?.field ? { field: shown(details.field) } : {}),
      ...(details?.expected ? { expected: shown(details.expected) } : {}),
      missing: keysOf(details?.missing),
      cheaters: keysOf(details?.cheaters),
    },
    { requestId: id },
  )
  return { kind: 'error', id, error }
}

function parse(bytes: Uint8Array) {
  try {
    return fromBinary(FrameSchema, bytes)
  } catch {
    return undefined
  }
}

const malformed = (id: number, expected: string): ClientFrame => ({ kind: 'malformed', id, expected })

/** The id of a request that is unreadable further on. Writers put it first, so it is there even in a cut-off frame. */
function readableId(bytes: Uint8Array): number {
  try {
    const reader = new BinaryReader(bytes)
    const [body, bodyType] = reader.tag()
    if (body < 1 || body > 3 || bodyType !== WireType.LengthDelimited) return 0
    reader.uint32()
    const [field, fieldType] = reader.tag()
    return field === 1 && fieldType === WireType.Varint ? reader.uint32() : 0
  } catch {
    return 0
  }
}

/** Text of a server before it is shown: bounded, printable. */
const shown = (text: string): string => text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?')
/** Only what has the length of a key; a server's claim about members is shown, never acted on. */
const keysOf = (keys: readonly Uint8Array[] = []): PublicKey[] =>
  keys.filter((k) => k.length === 33).map((k) => toHex(k) as PublicKey)
