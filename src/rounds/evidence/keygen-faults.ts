import { equalBytes, type PendingId, type PublicKey } from '../../base/index.ts'
import {
  boxHash,
  checkDealerKey,
  checkReceiverKey,
  dealingFaultOf,
  openRevealed,
  shareMatchesDealing,
} from '../../crypto/index.ts'
import { xOnly } from '../../curve/index.ts'
import type { EnvelopeFields } from '../../p2p/index.ts'
import { decodeKeygen, isOversized } from '../keygen/codec.ts'
import { attemptIdOf } from '../keygen/hashes.ts'
import { parseStep } from '../keygen/index.ts'
import type { KeygenPayloads } from '../keygen/steps.ts'
import { type Case, isOneRun } from './case.ts'
import { slotOf } from './slots.ts'
import type { NotProven } from './types.ts'

/** undefined: the guilty one is proven to have done it. */
export type Finding = NotProven | undefined

/** A key's first shares; refreshes count from here. */
export const EPOCH = 0

/** One message that no honest member makes, whatever else was said. */
export function judgeMalformed({ record, said: [m, ...more] }: Case): Finding {
  const named = m && parseStep(m.step)
  if (m === undefined || named === undefined || more.length > 0) return 'wrong_wires'
  // Whatever is too long is dropped by everybody, and so is an honest complaint that shows it.
  if (isOversized(named.step, m.payload)) return 'no_fault'
  if (decodeKeygen(named.step, m.payload) === undefined) return undefined
  const deal = m.step === 'deal' ? decodeKeygen('deal', m.payload) : undefined
  if (deal === undefined) return 'no_fault'
  const { keys, threshold } = record.scope
  if (deal.boxHashes.length !== keys.length - 1) return undefined
  return dealingFaultOf(m.author, threshold, deal.dealing) === 'malformed' ? undefined : 'no_fault'
}

export function judgeDealing({ record, said: [m, ...more] }: Case): Finding {
  if (m?.step !== 'deal' || more.length > 0) return 'wrong_wires'
  const deal = decodeKeygen('deal', m.payload)
  if (deal === undefined) return 'wrong_wires'
  return dealingFaultOf(m.author, record.scope.threshold, deal.dealing) === record.code ? undefined : 'no_fault'
}

export function judgeEphemeralProof(c: Case): Finding {
  const [m, ...more] = c.said
  if (m === undefined || more.length > 0) return 'wrong_wires'
  const key = ephemeralOf(c, m)
  if (key === undefined) return 'wrong_wires'
  return key.isProven ? 'no_fault' : undefined
}

/** Twice by one author: who used another's key first, nobody can show. */
export function judgeRepeatedEphemeral(c: Case): Finding {
  const [a, b, ...more] = c.said
  if (a === undefined || b === undefined || more.length > 0 || !isOneRun(a, b)) return 'wrong_wires'
  const slots = [slotOf(c.topic, a), slotOf(c.topic, b)]
  if (slots.includes(undefined) || slots[0] === slots[1]) return 'wrong_wires'
  const keys = [ephemeralOf(c, a), ephemeralOf(c, b)]
  const [first, second] = keys
  if (first === undefined || second === undefined) return 'wrong_wires'
  return equalBytes(xOnly(first.key), xOnly(second.key)) ? undefined : 'no_fault'
}

/** A dealer's deal and its share for one member, beside each other (R18). */
export function judgePrivateShare(c: Case): Finding {
  const { record, said } = c
  const [m, s, ...more] = said
  if (m?.step !== 'deal' || s?.step !== 'share' || more.length > 0 || !isOneRun(m, s)) return 'wrong_wires'
  const deal = decodeKeygen('deal', m.payload)
  const share = decodeKeygen('share', s.payload)
  if (deal === undefined || share === undefined) return 'wrong_wires'
  const index = record.scope.keys.filter((k) => k !== m.author).indexOf(share.receiver)
  const promised = deal.boxHashes[index]
  if (promised === undefined) return 'wrong_wires'
  const isPromised = equalBytes(boxHash(share.box), promised)
  if (record.code === 'ciphertext_mismatch') return isPromised ? 'no_fault' : undefined
  // What the dealer promised to everybody is what it is judged by.
  if (!isPromised || record.reveal === undefined) return 'unbound'
  const context = { attempt: attemptId(c, m), dealer: m.author, receiver: share.receiver }
  const secret = openRevealed(context, share.dealerKey, share.receiverKey, record.reveal, share.box)
  if (secret === 'unproven') return 'unbound'
  if (record.code === 'undecryptable_share') return secret === undefined ? undefined : 'no_fault'
  if (secret === undefined) return 'no_fault'
  return shareMatchesDealing(share.receiver, deal.dealing, secret) ? 'no_fault' : undefined
}

/** The ephemeral key that a message shows, and whether its author proved to hold it; undefined if it shows none. */
function ephemeralOf(c: Case, m: EnvelopeFields): { readonly key: Uint8Array; readonly isProven: boolean } | undefined {
  const attempt = attemptId(c, m)
  if (m.step === 'open') {
    const open = decodeKeygen('open', m.payload)
    return (
      open && { key: open.receiverKey, isProven: checkReceiverKey(attempt, m.author, open.receiverKey, open.proof) }
    )
  }
  const share = m.step === 'share' ? decodeKeygen('share', m.payload) : undefined
  if (share === undefined || !isReceiver(c, m.author, share)) return undefined
  const context = { attempt, dealer: m.author, receiver: share.receiver }
  return { key: share.dealerKey, isProven: checkDealerKey(context, share.dealerKey, share.proof) }
}

const isReceiver = ({ record }: Case, dealer: PublicKey, { receiver }: KeygenPayloads['share']): boolean =>
  receiver !== dealer && record.scope.keys.includes(receiver)

const attemptId = ({ record, topic }: Case, m: EnvelopeFields): Uint8Array =>
  attemptIdOf({ network: record.network, pendingId: topic.scope as PendingId, attempt: m.attempt, epoch: EPOCH })
