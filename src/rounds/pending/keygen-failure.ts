import { describeError, unreachable } from '../../base/index.ts'
import type { KeygenAbort } from '../keygen/index.ts'
import type { KeygenFailure } from './session.types.ts'

/** An abort in the words of `status`: blame only where messages show it, silence apart from it (docs/ROUNDS.md). */
export function failureOf(attempt: number, abort: KeygenAbort): KeygenFailure {
  const of = (reason: string, rest: Partial<KeygenFailure> = {}): KeygenFailure => ({
    attempt,
    reason,
    blamed: [],
    silent: [],
    ...rest,
  })
  switch (abort.kind) {
    case 'fault':
      return of('fault', { blamed: abort.faults.map(({ member, code }) => ({ member, fault: code })) })
    case 'complaint':
      return of(
        `complaint of ${abort.by}${abort.accused === undefined ? '' : ` about ${abort.accused}`}: ${abort.code}`,
      )
    case 'transcript_mismatch':
      return of('members saw different messages')
    case 'silence':
      return of(`silence at step ${abort.step}`, { silent: abort.missing })
    case 'boot_changed':
      return of(`${abort.member} restarted`)
    case 'unusable_key':
      return of('the dealings make no usable key', {
        blamed: abort.vanishing.map((member) => ({ member, fault: 'vanishing_share' })),
      })
    case 'overtaken':
      return of(`${abort.by} was heard in attempt ${abort.attempt} before this one ended`)
    case 'disk':
      return of(`this node could not store its share: ${describeError(abort.error)}`)
    case 'internal':
      return of(`internal error: ${describeError(abort.error)}`)
    default:
      return unreachable(abort)
  }
}
