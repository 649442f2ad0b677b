import { createHash } from 'node:crypto'
import { CodedError, fromHex, isHex, LIMITS, toHex } from '../base/index.ts'
import { parseEndpoint } from './endpoint.ts'
import { ReadError } from './errors.ts'
import { type ChainAnswer, type ChainRequest, chainCall, type HttpCallInit } from './http-call.ts'
import { isCount, isRecord, parseJson, parseJsonObject } from './json.ts'
import { parseContractId } from './principal.ts'
import { parseTenure, type Tenure } from './tenure.ts'
import type { ChainTip } from './types.ts'

export interface NodeInfo {
  /** The chain's own network id. */
  readonly networkId: number
  readonly tip: ChainTip
}
export interface Account {
  readonly nonce: number
  readonly balanceUstx: bigint
}

/**
 * One Stacks node. Every method throws ReadError (a ReadFailure code, one sentence, the endpoint without credentials), or
 * the signal's reason; answers are checked to the last field.
 */
export interface StacksClient {
  /** Scheme, host and port. */
  readonly label: string
  /** Deadline of one call. */
  readonly timeoutMs: number
  info(signal?: AbortSignal): Promise<NodeInfo>
  /** A read-only call of `<address>.<name>` pinned at a block; resolves with the Clarity result as `0x…`. */
  callRead(contract: string, fn: string, tip: string, signal?: AbortSignal): Promise<string>
  /** A data variable pinned at a block, as `0x…`. */
  dataVar(contract: string, name: string, tip: string, signal?: AbortSignal): Promise<string>
  /** An account pinned at a block. */
  account(address: string, tip: string, signal?: AbortSignal): Promise<Account>
  /** The Stacks blocks that were mined on the Bitcoin block of this height; undefined if there are none (yet). */
  tenure(burnHeight: number, signal?: AbortSignal): Promise<Tenure | undefined>
  /** Middle estimate in µSTX; undefined where the node has none. `payload` is the serialized transaction payload. */
  fees(payload: Uint8Array, estimatedBytes: number, signal?: AbortSignal): Promise<number | undefined>
  /**
   * Sends raw bytes; resolves with the txid the node names. Throws CodedError `TX_REJECTED` with the node's reason,
   * and for `NotEnoughFunds` with `neededUstx` and `heldUstx` (decimal), if the node tells them.
   */
  sendTransaction(bytes: Uint8Array, signal?: AbortSignal): Promise<string>
  /** Source of a contract at the newest block. Throws `contract_missing`. */
  contractSource(contract: string, signal?: AbortSignal): Promise<string>
}

/** index block hash = SHA-512/256(block hash ‖ consensus hash): what `tip=` takes; /v2/info only tells the two halves. */
export function indexBlockHash(blockHash: string, consensusHash: string): string {
  const hash = createHash('sha512-256').update(fromHex(blockHash)).update(fromHex(consensusHash))
  return toHex(hash.digest())
}

/** Throws CodedError `BAD_ENDPOINT`. Does no I/O. */
export function createStacksClient(endpoint: string, init: HttpCallInit = {}): StacksClient {
  return new HttpStacksClient(endpoint, init)
}

const JSON_TYPE = 'application/json'
const CLARITY_NAME = /^[a-zA-Z][a-zA-Z0-9_!?+<>=/*-]{0,127}$/

class HttpStacksClient implements StacksClient {
  readonly label: string
  readonly timeoutMs: number
  readonly #call: (request: ChainRequest, signal?: AbortSignal) => Promise<ChainAnswer>

  constructor(endpoint: string, init: HttpCallInit) {
    const parsed = parseEndpoint(endpoint)
    this.label = parsed.label
    this.timeoutMs = init.timeoutMs ?? LIMITS.chainCallTimeoutMs
    this.#call = (request, signal) => chainCall(parsed, request, init, signal)
  }

  async info(signal?: AbortSignal): Promise<NodeInfo> {
    const json = parseJsonObject(await this.#ok({ method: 'GET', path: 'v2/info' }, signal))
    const { network_id, stacks_tip, stacks_tip_consensus_hash, stacks_tip_height, burn_block_height } = json ?? {}
    if (!isCount(network_id) || !isCount(stacks_tip_height) || !isCount(burn_block_height))
      throw this.#malformed('v2/info')
    if (typeof stacks_tip !== 'string' || !isHex(stacks_tip, 32)) throw this.#malformed('v2/info')
    if (typeof stacks_tip_consensus_hash !== 'string' || !isHex(stacks_tip_consensus_hash, 20))
      throw this.#malformed('v2/info')
    return {
      networkId: network_id,
      tip: {
        indexBlockHash: indexBlockHash(stacks_tip, stacks_tip_consensus_hash),
        stacksHeight: stacks_tip_height,
        burnHeight: burn_block_height,
      },
    }
  }

  async callRead(contract: string, fn: string, tip: string, signal?: AbortSignal): Promise<string> {
    const { address } = parseContractId(contract)
    const path = `v2/contracts/call-read/${contractPath(contract)}/${segment(fn)}`
    const body = JSON.stringify({ sender: address, arguments: [] })
    const request = { method: 'POST', path, query: { tip: checkedTip(tip) }, contentType: JSON_TYPE, body } as const
    const json = parseJsonObject(await this.#ok(request, signal))
    // A failed call is HTTP 200 as well (incident 39).
    if (json?.okay === false) {
      const cause = typeof json.cause === 'string' ? json.cause : ''
      if (cause.includes('NoSuchContract')) throw this.#missing(contract)
      throw this.#callFailed(contract, fn, cause.includes(`UndefinedFunction("${fn}")`))
    }
    if (json?.okay !== true || !isClarityHex(json.result)) throw this.#malformed(path)
    return json.result
  }

  async dataVar(contract: string, name: string, tip: string, signal?: AbortSignal): Promise<string> {
    const path = `v2/data_var/${contractPath(contract)}/${segment(name)}`
    const json = parseJsonObject(
      await this.#ok({ method: 'GET', path, query: { proof: '0', tip: checkedTip(tip) } }, signal),
    )
    if (!isClarityHex(json?.data)) throw this.#malformed(path)
    return json.data
  }

  async account(address: string, tip: string, signal?: AbortSignal): Promise<Account> {
    const path = `v2/accounts/${encodeURIComponent(address)}`
    const query = { proof: '0', tip: checkedTip(tip) }
    const json = parseJsonObject(await this.#ok({ method: 'GET', path, query }, signal))
    const { nonce, balance } = json ?? {}
    if (!isCount(nonce) || typeof balance !== 'string' || !/^0x[0-9a-f]{1,32}$/.test(balance))
      throw this.#malformed('v2/accounts')
    return { nonce, balanceUstx: BigInt(balance) }
  }

  async tenure(burnHeight: number, signal?: AbortSignal): Promise<Tenure | undefined> {
    const path = `v3/tenures/blocks/height/${burnHeight}`
    const answer = await this.#call({ method: 'GET', path }, signal)
    // A Bitcoin block that elected nobody, or whose miner has not begun, is no failure.
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw this.#status(answer.status, path)
    const json = parseJsonObject(answer.body)
    const tenure = json?.burn_block_height === burnHeight ? parseTenure(json.stacks_blocks) : undefined
    if (tenure === undefined) throw this.#malformed(path)
    return tenure
  }

  async fees(payload: Uint8Array, estimatedBytes: number, signal?: AbortSignal): Promise<number | undefined> {
    const path = 'v2/fees/transaction'
    const body = JSON.stringify({ transaction_payload: toHex(payload), estimated_len: estimatedBytes })
    const answer = await this.#call({ method: 'POST', path, contentType: JSON_TYPE, body }, signal)
    // A node that has seen too few transactions, or estimates nothing, says so with a 400: no failure of ours.
    if (answer.status === 400) return undefined
    if (answer.status !== 200) throw this.#status(answer.status, path)
    const json = parseJsonObject(answer.body)
    const middle = Array.isArray(json?.estimations) ? json.estimations[1] : undefined
    if (!isRecord(middle) || !isCount(middle.fee)) throw this.#malformed(path)
    return middle.fee
  }

  async sendTransaction(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
    const path = 'v2/transactions'
    const body = Uint8Array.from(bytes)
    const answer = await this.#call({ method: 'POST', path, contentType: 'application/octet-stream', body }, signal)
    if (answer.status === 200) {
      const txid = parseJson(answer.body)
      if (typeof txid !== 'string' || !/^(0x)?[0-9a-f]{64}$/.test(txid)) throw this.#malformed(path)
      return txid.slice(-64)
    }
    if (answer.status !== 400) throw this.#status(answer.status, path)
    const json = parseJsonObject(answer.body)
    const said = json?.reason
    const reason = typeof said === 'string' && /^[A-Za-z]{1,64}$/.test(said) ? said : 'unspecified'
    throw new CodedError(
      'TX_REJECTED',
      `Stacks node ${this.label} rejected the transaction (${reason}); check the account's nonce, balance and fee`,
      { endpoint: this.label, reason, ...(reason === 'NotEnoughFunds' ? amountsOf(json?.reason_data) : {}) },
    )
  }

  async contractSource(contract: string, signal?: AbortSignal): Promise<string> {
    const path = `v2/contracts/source/${contractPath(contract)}`
    const answer = await this.#call({ method: 'GET', path, query: { proof: '0' } }, signal)
    if (answer.status === 404) throw this.#missing(contract)
    if (answer.status !== 200) throw this.#status(answer.status, path)
    const source = parseJsonObject(answer.body)?.source
    if (typeof source !== 'string') throw this.#malformed(path)
    return source
  }

  async #ok(request: ChainRequest, signal?: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#call(request, signal)
    if (answer.status !== 200) throw this.#status(answer.status, request.path)
    return answer.body
  }

  #status(status: number, path: string): ReadError {
    return new ReadError(
      'http_status',
      `Stacks node ${this.label} answered ${path} with HTTP ${status}; check that the endpoint is a Stacks node that is in sync`,
      { endpoint: this.label, path, status },
    )
  }
  #malformed(path: string): ReadError {
    return new ReadError(
      'malformed_answer',
      `Stacks node ${this.label} gave an answer to ${path} that is not a Stacks node's; check [registry] endpoints`,
      { endpoint: this.label, path },
    )
  }
  #missing(contract: string): ReadError {
    return new ReadError(
      'contract_missing',
      `Stacks node ${this.label} knows no contract ${contract}; check [registry] contract and the network`,
      { endpoint: this.label, contract },
    )
  }
  /** `undefinedFunction`: the contract is there and has no function of that name. */
  #callFailed(contract: string, fn: string, undefinedFunction: boolean): ReadError {
    return new ReadError(
      'call_failed',
      `Stacks node ${this.label} could not run ${fn} of ${contract}; check that the contract has the sbtc-registry interface`,
      { endpoint: this.label, contract, fn, undefinedFunction },
    )
  }
}

/** µSTX that the account needs and has, in decimal: as `NotEnoughFunds` tells them; nothing where they are not amounts. */
function amountsOf(data: unknown): { readonly neededUstx?: string; readonly heldUstx?: string } {
  if (!isRecord(data) || !isAmountHex(data.expected) || !isAmountHex(data.actual)) return {}
  return { neededUstx: BigInt(data.expected).toString(), heldUstx: BigInt(data.actual).toString() }
}
const isAmountHex = (value: unknown): value is string => typeof value === 'string' && /^0x[0-9a-f]{1,32}$/.test(value)

/** The node takes a malformed tip for "left out" and silently reads another block (incident 39). */
function checkedTip(tip: string): string {
  if (!isHex(tip, 32)) throw new TypeError('tip: expected an index block hash, 64 lower-case hex digits')
  return tip
}

const isClarityHex = (value: unknown): value is string =>
  typeof value === 'string' && value.startsWith('0x') && isHex(value.slice(2))

const contractPath = (contract: string): string => {
  const { address, name } = parseContractId(contract)
  return `${address}/${name}`
}

function segment(name: string): string {
  if (!CLARITY_NAME.test(name)) throw new TypeError('expected a Clarity name')
  return encodeURIComponent(name)
}
