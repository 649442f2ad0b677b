import type { PublicKey } from '../../../../src/base/index.ts'
import { encodeSign } from '../../../../src/rounds/sign/codec.ts'
import { requestHash, type SignEffect, type SignEnvelope, type SignStep } from '../../../../src/rounds/sign/index.ts'
import type { SignPayloads, SignRequest } from '../../../../src/rounds/sign/types.ts'
import { viaOf, wireOf } from './network.ts'

/** An envelope as a member's messenger would make it. */
export function envelope<S extends SignStep>(
  author: PublicKey,
  request: SignRequest,
  step: S,
  payload: SignPayloads[S],
  over: Partial<Pick<SignEnvelope, 'boot' | 'attempt' | 'round' | 'via'>> = {},
): SignEnvelope {
  const e = {
    topic: { network: 'test', scope: request.setHash, purpose: 'sign' as const },
    ...{ author, boot: 1, round: requestHash(request), attempt: 1, step: step as string },
    payload: encodeSign(step, payload),
    via: viaOf(step),
    ...over,
  }
  return { ...e, wire: wireOf(e) }
}

export const of = <K extends SignEffect['kind']>(effects: readonly SignEffect[], kind: K) =>
  effects.filter((e): e is SignEffect & { kind: K } => e.kind === kind)
export const steps = (effects: readonly SignEffect[]): string[] =>
  effects.flatMap((e) => (e.kind === 'send' || e.kind === 'publish' ? [e.step] : []))
