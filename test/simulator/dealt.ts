import { asPendingId, asTranscriptHash, u32be } from '../../src/base/index.ts'
import { aggregatePublicKey, commitNonces } from '../../src/crypto/index.ts'
import { KeyPair, sha256 } from '../../src/curve/index.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type Topic, topicName } from '../../src/p2p/index.ts'
import { encodeCertificate, encodeKeygen } from '../../src/rounds/keygen/codec.ts'
import { commitmentsHash } from '../../src/rounds/keygen/hashes.ts'
import { type DealtKey, dealKey, EVEN_SECRET } from '../unit/crypto/signing-keys.ts'
import { seededRandom, seedProcess } from './random.ts'
import { registryId } from './registry.ts'

/** A key that stands on chain from the beginning. */
export interface DealtSet {
  readonly dealt: DealtKey
  readonly certificate: Uint8Array
}
export const DEALT_TRANSCRIPT = asTranscriptHash('66'.repeat(32))

const known = new Map<string, DealtSet>()

/** The same for every seed: dealing is slow, and what differs from run to run is what is asked under the key. */
export function dealtSet(threshold: number, size: number): DealtSet {
  const name = `${threshold} of ${size}`
  const before = known.get(name)
  if (before !== undefined) return before
  const undo = seedProcess(seededRandom(name))
  try {
    // Of even Y, as the keys are that keygen makes.
    const dealt = dealKey(threshold, size, EVEN_SECRET)
    const pairs = Array.from({ length: size }, (_, i) => KeyPair.fromSecret(sha256(u32be(i + 1))))
    const made = { dealt, certificate: certificateOf(dealt, pairs) }
    known.set(name, made)
    return made
  } finally {
    undo()
  }
}

/** What all members signed of the key, as if keygen had made it: without it nobody can prove a wrong share (R26). */
function certificateOf(dealt: DealtKey, pairs: readonly KeyPair[]): Uint8Array {
  const topic: Topic = { network: registryId.network, scope: asPendingId('dd'.repeat(32)), purpose: 'keygen' }
  const confirms = dealt.members.map((member) => {
    const [key, pair] = [dealt.keys.get(member), pairs.find((p) => p.publicKey === member)]
    if (key === undefined || pair === undefined) throw new Error('no share was dealt')
    const payload = encodeKeygen('confirm', {
      transcript: DEALT_TRANSCRIPT,
      aggregateKey: aggregatePublicKey(dealt.public),
      commitment: commitNonces(key).commitment,
      commitmentsHash: commitmentsHash(dealt.public.commitments),
    })
    const said = { round: topic.scope, attempt: 1, step: 'confirm', payload }
    return sealEnvelope(pair, topicName(topic), { ...said, boot: 1, counter: 0, expiresAtMs: 1 })
  })
  return encodeCertificate(confirms)
}
