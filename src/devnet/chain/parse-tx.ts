import {
  AuthType,
  addressToString,
  type ContractCallPayload,
  deserializeTransaction,
  PayloadType,
  type StacksTransactionWire,
  serializeCV,
} from '@stacks/transactions'
import { equalBytes } from '../../base/index.ts'
import { isMainnet, signerAddress } from './address.ts'
import type { Rejection } from './rejection.ts'
import type { VmCall } from './vm-protocol.ts'

/** A transaction that could be read; nothing of it is checked yet. */
export interface ParsedTx {
  readonly txid: string
  readonly raw: Uint8Array
  readonly wire: StacksTransactionWire
}

/** A contract call whose signatures, chain and version are right. */
export interface SignedCall {
  readonly txid: string
  readonly raw: Uint8Array
  /** Account that signed, pays and is `tx-sender`. */
  readonly origin: string
  readonly nonce: number
  readonly feeUstx: bigint
  readonly call: VmCall
  readonly payload: ContractCallPayload
}

/** Throws on bytes that are no transaction, or more than one spelling of it. */
export function parseTx(bytes: Uint8Array): ParsedTx {
  const wire = deserializeTransaction(bytes)
  const raw = wire.serializeBytes()
  // The id names these bytes: another spelling of the same content would have another one.
  if (!equalBytes(raw, bytes)) throw new Error('not the canonical encoding')
  return { txid: wire.txid(), raw, wire }
}

/** The checks that need no chain state, in the order of a Stacks node. */
export function checkStatic({ txid, raw, wire }: ParsedTx, chainId: number): SignedCall | Rejection {
  const mainnet = isMainnet(chainId)
  if ((wire.transactionVersion === 0) !== mainnet) return { reason: 'BadTransactionVersion' }
  // The library verifies the origin only, so a sponsor's signature would go unchecked.
  if (wire.auth.authType !== AuthType.Standard) return invalid('sponsored transactions are not taken here')
  try {
    wire.verifyOrigin()
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error))
  }
  if (wire.chainId !== chainId)
    return invalid(`Invalid tx ${txid}: invalid chain ID ${wire.chainId} (expected ${chainId})`)
  const { payload } = wire
  if (payload.payloadType !== PayloadType.ContractCall)
    return { reason: 'ServerFailureOther', message: 'only contract calls are taken here' }
  const condition = wire.auth.spendingCondition
  const origin = signerAddress(condition, chainId)
  return {
    txid,
    raw,
    origin,
    nonce: Number(condition.nonce),
    feeUstx: BigInt(condition.fee),
    payload,
    call: {
      contract: `${addressToString(payload.contractAddress)}.${payload.contractName.content}`,
      fn: payload.functionName.content,
      args: payload.functionArgs.map((arg) => serializeCV(arg)),
      sender: origin,
    },
  }
}

const invalid = (message: string): Rejection => ({ reason: 'SignatureValidation', message })
