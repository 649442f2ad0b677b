import { asPendingId } from '../../base/index.ts'
import { aggregatePublicKey } from '../../crypto/index.ts'
import { decodeEnvelope, hasValidSignature, topicName } from '../../p2p/index.ts'
import type { StoredShare } from '../../signer/index.ts'
import { verifyCertificate } from '../keygen/index.ts'

/**
 * R38: does the certificate beside a stored share stand for its transcript and key? The pending id that its statements were
 * made under is their own round, so that nothing but the file itself is needed.
 */
export const isCertifiedShare =
  (network: string) =>
  ({ transcript, key, certificate }: StoredShare): boolean =>
    verifyCertificate(
      { members: key.public.members, transcript, aggregateKey: aggregatePublicKey(key.public) },
      certificate,
      (wire) => {
        const decoded = decodeEnvelope(wire)
        if (!decoded.ok) return undefined
        const { fields } = decoded.value
        const topic = topicName({ network, scope: asPendingId(fields.round), purpose: 'keygen' })
        return hasValidSignature(decoded.value, topic) ? fields : undefined
      },
    )
