import { concatBytes } from '../../../base/index.ts'
import { type Curve, curve } from '../../../curve/index.ts'
import type { AggregateKey } from './aggregate-key.ts'
import { MusigError, orMusigError } from './errors.ts'
import { isOdd } from './points.ts'
import type { SessionValues } from './session-values.ts'

/**
 * PartialSigAgg of BIP327: the BIP340 signature, 64 bytes, under the aggregate key. The partial signatures are not verified.
 * Throws MusigError `PARTIAL_SIG_INVALID` with whose it was.
 */
export function aggregatePartials(
  partials: readonly Uint8Array[],
  key: AggregateKey,
  session: SessionValues,
  port: Curve = curve,
): Uint8Array {
  if (partials.length === 0) throw new MusigError('PARTIAL_SIG_INVALID', 'there are no partial signatures to aggregate')
  const tweak = port.mulScalars(session.challenge, isOdd(key.point) ? port.negateScalar(key.tweak) : key.tweak)
  const s = partials.reduce(
    (sum, partial, signer) =>
      orMusigError(
        'PARTIAL_SIG_INVALID',
        `partial signature ${signer} is no scalar`,
        () => port.addScalars(sum, partial),
        {
          signer,
        },
      ),
    tweak,
  )
  return concatBytes(session.nonceX, s)
}
