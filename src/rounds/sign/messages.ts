import type { PublicKey } from '../../base/index.ts'
import { type PublicKeyPackage, tweakedPublicKey } from '../../crypto/index.ts'
import { curve } from '../../curve/index.ts'
import { encodeSign } from './codec.ts'
import type { SignEnvelope } from './received.ts'
import type { DeclineReason, SignEffect, SignRequest } from './types.ts'

/** To everybody: this operator approves the request, which is whole in it. */
export const sayReady = (request: SignRequest, round: string): SignEffect => ({
  ...{ kind: 'publish', setHash: request.setHash, round, attempt: 0, step: 'ready' },
  payload: encodeSign('ready', { request }),
})

const resultOf = (request: SignRequest, round: string, signatures: readonly Uint8Array[]) => ({
  ...{ setHash: request.setHash, round, attempt: 0, step: 'result' as const },
  payload: encodeSign('result', { signatures }),
})
export const sayResult = (...of: Parameters<typeof resultOf>): SignEffect => ({ kind: 'publish', ...resultOf(...of) })
/** To one who asks late. */
export const sendResult = (to: PublicKey, ...of: Parameters<typeof resultOf>): SignEffect => ({
  ...{ kind: 'send', to: [to] },
  ...resultOf(...of),
})

/** To whoever said "ready" (attempt 0), or sent a package. */
export function sendDecline(
  to: Pick<SignEnvelope, 'author' | 'round' | 'attempt'>,
  { setHash }: SignRequest,
  reason: DeclineReason,
): SignEffect {
  const payload = encodeSign('decline', { coordinator: to.author, reason })
  return { kind: 'send', to: [to.author], setHash, round: to.round, attempt: to.attempt, step: 'decline', payload }
}

/** A valid signature for each item, in order: a result proves itself (R28). */
export const isResultOf = (key: PublicKeyPackage, { items }: SignRequest, signatures: readonly Uint8Array[]): boolean =>
  signatures.length === items.length &&
  items.every(({ digest, tweak }, i) => {
    const signature = signatures[i]
    return signature !== undefined && curve.schnorrVerify(signature, digest, tweakedPublicKey(key, tweak))
  })
