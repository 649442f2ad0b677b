import { type Logger, requestText } from '../../base/index.ts'
import type { DeclineReason, SignFailed } from '../sign/index.ts'

/**
 * One line about an own request that came to nothing. Who declined crosses no wire, so it stands here; why, each of them tells
 * its own operator only (R27). A request that was never begun asked nobody: its code says all.
 */
export function tellFailed(logger: Logger, { round, code, missing, cheaters, declined, begun }: SignFailed): void {
  if (begun === undefined) return
  const { requestId, unreliable } = begun
  const said = (reason: DeclineReason) => [...declined].flatMap(([member, r]) => (r === reason ? [member] : []))
  logger.info('An own signing request came to nothing', {
    ...{ requestId, request: requestText(requestId), round, code, missing },
    ...{ refused: said('refused'), notAskedYet: said('not_asked_yet'), unknownKey: said('unknown_key') },
    ...{ unreliable, cheaters },
  })
}
