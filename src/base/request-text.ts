import { fromHex, isHex } from './bytes.ts'

/**
 * A request id as its bridge spelt it, which over rpc is printable ASCII; as hex where it is anything else, or would not be
 * seen whole: with spaces at an end or several together.
 */
export function requestText(requestId: string): string {
  if (!isHex(requestId)) return requestId
  const text = String.fromCharCode(...fromHex(requestId))
  const isWhole = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(text)
  return isWhole ? text : requestId
}
