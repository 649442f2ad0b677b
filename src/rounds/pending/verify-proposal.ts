import { curve, publicKeyBytes, xOnly } from '../../curve/index.ts'
import { openEnvelope, type Topic } from '../../p2p/index.ts'
import { trialDigestOf, verifyCertificate } from '../keygen/index.ts'
import type { PendingSpec, VerifiedProposal } from './types.ts'

const EPOCH = 0

/**
 * What R29 asks of a proposal, from it alone: every new member certified this transcript and this key, and a signature of
 * the trial digest stands under the key (R22).
 */
export const proposalVerifier =
  (spec: PendingSpec, topic: Topic) =>
  ({ transcript, aggregateKey, certificate, trialSignature }: VerifiedProposal): boolean => {
    const confirmed = verifyCertificate({ members: spec.keys, transcript, aggregateKey }, certificate, (wire) => {
      const envelope = openEnvelope(topic, wire)
      return envelope?.round === spec.id ? envelope : undefined
    })
    const digest = trialDigestOf(spec.id, transcript, EPOCH)
    return confirmed && curve.schnorrVerify(trialSignature, digest, xOnly(publicKeyBytes(aggregateKey)))
  }
