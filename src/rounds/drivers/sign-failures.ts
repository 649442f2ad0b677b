import type { SignResult } from '../../signer/index.ts'
import type { SignFailed } from '../sign/index.ts'

const FAILURES: { readonly [C in SignFailed['code']]: string } = {
  TIMEOUT: 'not enough signers answered in time',
  REFUSED: 'too many signers refused for the rest to make a signature',
  TOO_MANY_ITEMS: 'a request of so many digests does not fit into one message of this set; ask for fewer at once',
  NO_KEY: 'this node holds no share of the key any more',
  OVERLOADED: 'so many requests wait here that no more are taken; wait for answers, then ask again',
  STOPPED: 'the round was stopped: the key was replaced or the node is stopping',
}

/** What the bridge hears of a round that came to nothing. */
export const failure = (code: SignFailed['code']): Extract<SignResult, { ok: false }> => ({
  ok: false,
  code: code === 'TOO_MANY_ITEMS' ? 'REFUSED' : code,
  message: FAILURES[code],
  missing: [],
  cheaters: [],
})
