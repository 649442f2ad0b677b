import { AddressVersion, type ClarityAbi, validateContractCall } from '@stacks/transactions'
import { isMainnet } from './address.ts'
import type { Account } from './ledger.ts'
import type { SignedCall } from './parse-tx.ts'
import type { Rejection } from './rejection.ts'

/** Nonces ahead of the account's that a node's mempool takes, beyond the next one. */
export const MAX_CHAINED_NONCES = 25
/** µSTX per byte of the transaction. */
export const MIN_FEE_PER_BYTE_USTX = 1

const MAINNET_VERSIONS = [AddressVersion.MainnetSingleSig, AddressVersion.MainnetMultiSig]
const TESTNET_VERSIONS = [AddressVersion.TestnetSingleSig, AddressVersion.TestnetMultiSig]

export interface AdmissionState {
  readonly chainId: number
  /** The origin's account at the tip. */
  readonly account: Account
  /** Interface of the called contract; undefined if it isn't deployed. */
  readonly abi: ClarityAbi | undefined
}

/** The checks against chain state, in the order of a Stacks node. undefined = admitted. */
export function checkState(tx: SignedCall, state: AdmissionState): Rejection | undefined {
  const leastFee = tx.raw.length * MIN_FEE_PER_BYTE_USTX
  if (tx.feeUstx < BigInt(leastFee)) return { reason: 'FeeTooLow', expected: leastFee, actual: Number(tx.feeUstx) }

  const { nonce, balanceUstx } = state.account
  const mismatch = { actual: tx.nonce, principal: tx.origin }
  if (tx.nonce < nonce) return { reason: 'BadNonce', expected: nonce, ...mismatch }
  const last = nonce + 1 + MAX_CHAINED_NONCES
  if (tx.nonce > last) return { reason: 'TooMuchChaining', expected: last, ...mismatch }

  if (balanceUstx < tx.feeUstx) return { reason: 'NotEnoughFunds', expected: tx.feeUstx, actual: balanceUstx }
  return checkCall(tx, state)
}

function checkCall(tx: SignedCall, { chainId, abi }: AdmissionState): Rejection | undefined {
  const versions = isMainnet(chainId) ? MAINNET_VERSIONS : TESTNET_VERSIONS
  if (!versions.includes(tx.payload.contractAddress.version)) return { reason: 'BadAddressVersionByte' }
  if (abi === undefined) return { reason: 'NoSuchContract' }
  const fn = abi.functions.find((f) => f.name === tx.call.fn)
  if (fn === undefined || fn.access !== 'public') return { reason: 'NoSuchPublicFunction' }
  try {
    validateContractCall(tx.payload, abi)
    return undefined
  } catch (error) {
    return { reason: 'BadFunctionArgument', message: error instanceof Error ? error.message : String(error) }
  }
}
