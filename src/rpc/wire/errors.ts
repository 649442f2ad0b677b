import { CodedError, type PublicKey } from '../../base/index.ts'
import type { KeyFailure, S2Failure, SignFailure } from '../../signer/index.ts'

/** Codes of the rpc itself; the others are the reasons of the services behind it. */
type ProtocolCode =
  | 'BAD_REQUEST'
  | 'UNKNOWN_METHOD'
  | 'NOT_GRANTED'
  | 'NOT_ADMITTED'
  | 'TOO_LARGE'
  | 'DEADLINE'
  | 'CANCELLED'
  | 'INTERNAL'

/**
 * The closed list of codes that cross the wire, each with the one sentence that goes with it. Internal text never does
 * (docs/PROTOCOL.md): what varies are the typed details.
 */
export const WIRE_ERRORS = {
  BAD_REQUEST: 'The request does not have the shape that docs/PROTOCOL.md gives; the details name the field.',
  UNKNOWN_METHOD: 'The server has no method of this name; hello lists those you may call.',
  NOT_GRANTED: 'This client has no right to this method; the operator grants it under [[bridge]].',
  NOT_ADMITTED: 'The server does not admit this client; its operator lists admitted PeerIDs under [[bridge]].',
  TOO_LARGE: 'The request is larger than the limit; hello and docs/PROTOCOL.md give the limits.',
  OVERLOADED: 'Too many requests at once; wait for answers, then send again.',
  DEADLINE: 'No result within the time that the request allowed.',
  CANCELLED: 'The caller cancelled the request.',
  INTERNAL: "The server failed; its operator finds the reason in the server's log.",
  NO_KEY: 'The signer set has no group key yet; wait until its keygen has finished.',
  NOT_A_SIGNER: 'This node is not a signer of the current set.',
  UNKNOWN_KEY:
    "This node can not sign under that key: it is neither the current set's nor one that its operator recalled.",
  EQUIVOCATION:
    'This request id or one-time secret already stands for something else; only the same request gets its answer again.',
  REFUSED: "The operator's policy refused this request.",
  NOT_APPROVED:
    "This node's own policy did not approve the request in time, so no signer was asked; send the same request again.",
  TIMEOUT:
    'Too few signers approved and signed in time; the details name those that said nothing, others may have declined.',
  STOPPED: 'The node is stopping or its signer set has changed; send the request again.',
  KEY_IN_USE_ELSEWHERE:
    'Another node speaks with the key of this one, so neither signs; its operator stops one and restarts the other.',
  NO_SEED: 'This node has no secret-service seed; its operator imports or makes one with countersign init.',
  OUR_PUB_KEY_IS_NOT_IN_PARAMS: "The ordered keys don't hold this operator's own MuSig2 key.",
  SELF_VERIFY_FAILED: 'The partial signature did not verify, so it was not given out; check keys and aggregate nonce.',
  STATE_LOST:
    "The node can't prove that it remembers every use of its seed; its operator imports the journal or accepts the loss.",
  NONCE_NOT_ISSUED: 'This node has issued no nonce for these params; ask for the nonce first.',
  KEY_NOT_FOUND: 'The node has no key of this name; keys.list shows those it has.',
  VERSION_NOT_FOUND: 'The key has no such version; keys.list shows those it has.',
  KEY_EXISTS: 'The node has a key of this name or id already; nothing was changed.',
  KEY_NOT_CAPABLE: 'The key may not be used so: its type, its capabilities or where it is kept do not allow it.',
  KEY_LAST_OF_ROLE: 'This is the last key of its role; make another one before this one is dropped.',
  TOO_MANY_KEYS: 'The node holds as many keys or versions as it may; drop one first.',
  KEY_UNREADABLE: 'The sealed key is not for this node, or is not a key; seal it to the recipient of keys.recipient.',
  KEY_BACKEND:
    'The place where keys are kept failed and nothing was changed; the operator finds the reason in the log.',
} as const satisfies Record<ProtocolCode | SignFailure | S2Failure | KeyFailure, string>
export type WireErrorCode = keyof typeof WIRE_ERRORS
export const WIRE_ERROR_CODES = Object.keys(WIRE_ERRORS).filter(isWireErrorCode)

/** Codes that only the client library makes: nothing of this kind was received. */
export const CLIENT_ERRORS = {
  UNREACHABLE: 'The server could not be reached at any of its addresses; check that it runs and that the port is open.',
  DISCONNECTED: 'The connection was lost before the answer came; the request may or may not have been carried out.',
  BAD_ANSWER: 'The server sent something that is not an answer of this protocol; compare the versions on both sides.',
  CLOSED: 'This client has been closed; connect again.',
} as const
export type ClientErrorCode = keyof typeof CLIENT_ERRORS

export function isWireErrorCode(code: string): code is WireErrorCode {
  return Object.hasOwn(WIRE_ERRORS, code)
}

/** Facts beside a code. Lists are empty and texts undefined where they do not apply. */
export interface ErrorDetails {
  /** BAD_REQUEST: path of field names, and what was expected there. */
  readonly field?: string
  readonly expected?: string
  /** Signing: members that did not answer in time (a local claim), and members proven wrong. */
  readonly missing: readonly PublicKey[]
  readonly cheaters: readonly PublicKey[]
}
export const NO_DETAILS: ErrorDetails = { missing: [], cheaters: [] }

/**
 * The error of a call, on both sides of the wire: thrown by handlers to answer with a code, and by the client to its caller.
 * `data` holds those details that apply; `requestId` is the id on the stream, null if the error belongs to no request.
 */
export class RpcError extends CodedError<WireErrorCode | ClientErrorCode> {
  readonly #details: ErrorDetails
  readonly requestId: number | null
  constructor(
    code: WireErrorCode | ClientErrorCode,
    details: Partial<ErrorDetails> = {},
    init: { readonly requestId?: number; readonly message?: string; readonly cause?: unknown } = {},
  ) {
    const all = { ...NO_DETAILS, ...details }
    super(code, init.message ?? sentence(code, all), applying(all), { cause: init.cause })
    this.#details = all
    // An id on a stream is never 0.
    this.requestId = init.requestId || null
  }
  /** No field of the object: whoever prints an error sees what applies once, as `data`. */
  get details(): ErrorDetails {
    return this.#details
  }
  /** As JSON: snake_case; details only where they apply, and null as the id where no request was sent. */
  toJSON(): Readonly<Record<string, unknown>> {
    return { code: this.code, message: this.message, request_id: this.requestId, ...this.data }
  }
}

const applying = ({ field, expected, missing, cheaters }: ErrorDetails): Partial<ErrorDetails> => ({
  ...(field === undefined ? {} : { field }),
  ...(expected === undefined ? {} : { expected }),
  ...(missing.length === 0 ? {} : { missing }),
  ...(cheaters.length === 0 ? {} : { cheaters }),
})

/** BAD_REQUEST about one field; both texts are ours, never the peer's. */
export const badRequest = (field: string, expected: string): RpcError =>
  new RpcError('BAD_REQUEST', { field, expected })

function sentence(code: WireErrorCode | ClientErrorCode, { field, expected, missing }: ErrorDetails): string {
  const text = isWireErrorCode(code) ? WIRE_ERRORS[code] : CLIENT_ERRORS[code]
  if (field !== undefined && expected !== undefined) return `${text} (${field}: expected ${expected})`
  if (missing.length > 0) return `${text} (missing: ${missing.join(', ')})`
  return text
}
