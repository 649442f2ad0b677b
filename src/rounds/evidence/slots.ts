import type { EnvelopeFields, Topic } from '../../p2p/index.ts'
import { decodeKeygen } from '../keygen/codec.ts'
import { isKeygenStep } from '../keygen/index.ts'
import { decodeSign } from '../sign/codec.ts'

/**
 * The slot in which an honest process says one thing only (R16), as text; undefined where it may say several: approvals are
 * renewed, a decline changes its reason, and a nonce pair that was lost is replaced. Whom a message is for is part of its slot:
 * what one coordinator or receiver is told says nothing about what another is told.
 */
export function slotOf({ purpose }: Topic, f: EnvelopeFields): string | undefined {
  const to = purpose === 'keygen' ? keygenAddressee(f) : purpose === 'sign' ? signAddressee(f) : undefined
  return to === undefined ? undefined : [f.author, f.boot, f.round, f.attempt, f.step, to].join('/')
}

function keygenAddressee({ step, payload }: EnvelopeFields): string | undefined {
  if (!isKeygenStep(step)) return undefined
  return step === 'share' ? decodeKeygen(step, payload)?.receiver : ''
}

function signAddressee({ step, payload }: EnvelopeFields): string | undefined {
  if (step === 'package') return ''
  if (step !== 'share') return undefined
  const share = decodeSign(step, payload)
  return share && `${share.to.coordinator}/${share.to.run}/${share.packageHash}`
}
