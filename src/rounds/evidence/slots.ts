import type { EnvelopeFields, Topic } from '../../p2p/index.ts'
import { decodeKeygen } from '../keygen/codec.ts'
import { parseStep } from '../keygen/index.ts'
import { slotOf as signSlotOf } from '../sign/slots.ts'

/**
 * The slot in which an honest process says one thing only (R16), as text; undefined where it may say several: approvals are
 * renewed, a decline changes its reason, and a nonce pair that was lost is replaced. Whom a message is for is part of its slot:
 * what one coordinator or receiver is told says nothing about what another is told.
 */
export function slotOf(topic: Topic, f: EnvelopeFields): string | undefined {
  const place =
    topic.purpose === 'keygen' ? keygenPlace(f) : topic.purpose === 'sign' ? signSlotOf({ ...f, topic }) : undefined
  return place === undefined ? undefined : `${f.author}/${place}`
}

function keygenPlace(f: EnvelopeFields): string | undefined {
  const to = keygenAddressee(f)
  return to === undefined ? undefined : [f.boot, f.round, f.attempt, f.step, to].join('/')
}

function keygenAddressee({ step, payload }: EnvelopeFields): string | undefined {
  // Each turn of the trial has slots of its own.
  if (parseStep(step) === undefined) return undefined
  return step === 'share' ? decodeKeygen(step, payload)?.receiver : ''
}
