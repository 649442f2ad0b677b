/** Why a Stacks node refuses a transaction: reason and its data, as the node names them (`POST /v2/transactions`, HTTP 400). */
export type Rejection =
  | { readonly reason: 'BadTransactionVersion' }
  | { readonly reason: 'SignatureValidation'; readonly message: string }
  | { readonly reason: 'FeeTooLow'; readonly expected: number; readonly actual: number }
  | { readonly reason: 'BadNonce'; readonly expected: number; readonly actual: number; readonly principal: string }
  | {
      readonly reason: 'TooMuchChaining'
      readonly expected: number
      readonly actual: number
      readonly principal: string
    }
  | { readonly reason: 'NotEnoughFunds'; readonly expected: bigint; readonly actual: bigint }
  | { readonly reason: 'BadAddressVersionByte' }
  | { readonly reason: 'NoSuchContract' }
  | { readonly reason: 'NoSuchPublicFunction' }
  | { readonly reason: 'BadFunctionArgument'; readonly message: string }
  | { readonly reason: 'ConflictingNonceInMempool' }
  | { readonly reason: 'ServerFailureOther'; readonly message: string }

export type RejectionReason = Rejection['reason']

/** Body of the answer. */
export function rejectionJson(txid: string, rejection: Rejection): Readonly<Record<string, unknown>> {
  const data = reasonData(rejection)
  return {
    error: 'transaction rejected',
    reason: rejection.reason,
    ...(data === undefined ? {} : { reason_data: data }),
    txid,
  }
}

function reasonData(r: Rejection): Readonly<Record<string, unknown>> | undefined {
  switch (r.reason) {
    case 'SignatureValidation':
    case 'BadFunctionArgument':
    case 'ServerFailureOther':
      return { message: r.message }
    case 'FeeTooLow':
      return { expected: r.expected, actual: r.actual }
    case 'BadNonce':
      return { expected: r.expected, actual: r.actual, principal: r.principal, is_origin: true }
    case 'TooMuchChaining':
      return {
        message: 'Nonce would exceed chaining limit in mempool',
        expected: r.expected,
        actual: r.actual,
        principal: r.principal,
        is_origin: true,
      }
    case 'NotEnoughFunds':
      return { expected: hexU128(r.expected), actual: hexU128(r.actual) }
    default:
      return undefined
  }
}

/** 16 bytes, big-endian, as the node writes amounts. */
export const hexU128 = (n: bigint): string => `0x${n.toString(16).padStart(32, '0')}`
