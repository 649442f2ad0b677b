import { BytesReader, deserializePayload } from '@stacks/transactions'
import { fromHex, fromUtf8, type HttpAnswer, type HttpRequest } from '../../base/index.ts'
import { isJson } from './contract-routes.ts'
import { json, plain } from './http-answers.ts'
import { hexU128 } from './rejection.ts'
import type { ChainView } from './view.ts'

/** µSTX per byte: low, middle, high. The mempool wants at least 1. */
const FEE_RATES = [1, 2, 5] as const

/** `POST /v2/transactions`: raw bytes, or `{"tx":"<hex>"}`. 200 is the id in JSON, 400 a rejection. */
export async function postTransaction(
  view: ChainView,
  _path: readonly string[],
  request: HttpRequest,
): Promise<HttpAnswer> {
  const bytes = transactionBytes(request)
  if (typeof bytes === 'string') return plain(400, bytes)
  const result = await view.core.submit(bytes)
  if ('txid' in result) return json(result.txid)
  if (result.kind === 'unreadable') return plain(400, `Failed to deserialize posted transaction: ${result.message}`)
  return json(result.body, 400)
}

/** The bytes, or what is wrong with the request. */
function transactionBytes(request: HttpRequest): Uint8Array | string {
  if (request.body.length === 0) return 'Invalid Http request: expected non-zero-length body for PostTransaction'
  const type = request.headers['content-type']
  if (type === undefined) return 'Missing Content-Type for transaction'
  if (type === 'application/octet-stream') return Uint8Array.from(request.body)
  if (!isJson(request))
    return 'Wrong Content-Type for transaction; expected application/json or application/octet-stream'
  const tx = jsonField(request.body, 'tx')
  return (typeof tx === 'string' && parseHex(tx)) || 'Failed to parse tx'
}

/** `POST /v2/fees/transaction` */
export function estimateFee(_view: ChainView, _path: readonly string[], request: HttpRequest): HttpAnswer {
  if (!isJson(request)) return plain(400, 'Invalid content-type: expected application/json')
  const hex = jsonField(request.body, 'transaction_payload')
  const payload = typeof hex === 'string' ? parseHex(hex) : undefined
  if (payload === undefined) return plain(400, 'Bad hex string supplied for transaction payload')
  try {
    deserializePayload(new BytesReader(payload))
  } catch (error) {
    return plain(400, `Failed to deserialize payload: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
  const claimed = jsonField(request.body, 'estimated_len')
  const length = Math.max(typeof claimed === 'number' && Number.isSafeInteger(claimed) ? claimed : 0, payload.length)
  return json({
    estimated_cost: { read_count: 0, read_length: 0, runtime: 0, write_count: 0, write_length: 0 },
    estimated_cost_scalar: length,
    estimations: FEE_RATES.map((fee_rate) => ({ fee_rate, fee: fee_rate * length })),
    cost_scalar_change_by_byte: 1,
  })
}

/** `GET /v2/accounts/…`: an account that was never used has nothing, and nonce 0. */
export function getAccount(view: ChainView, [address]: readonly string[], request: HttpRequest): HttpAnswer {
  const tip = request.query.get('tip')
  const block = view.resolve(tip)
  if (block === undefined) return plain(404, `Chain tip '${tip}' not found`)
  const { nonce, balanceUstx } = view.account(block, address ?? '')
  return json({ balance: hexU128(balanceUstx), locked: hexU128(0n), unlock_height: 0, nonce })
}

function jsonField(body: Uint8Array, name: string): unknown {
  try {
    const value: unknown = JSON.parse(fromUtf8(body))
    return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined
  } catch {
    return undefined
  }
}

function parseHex(text: string): Uint8Array | undefined {
  try {
    return fromHex(text.replace(/^0x/, '').toLowerCase())
  } catch {
    return undefined
  }
}
