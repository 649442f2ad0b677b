import { equalBytes, type PublicKey, type TranscriptHash } from '../../base/index.ts'
import { aggregatePublicKey, commitNonces, type KeyPackage, type NonceCommitment } from '../../crypto/index.ts'
import { abort, abortForFaults } from './abort.ts'
import { encodeKeygen } from './codec.ts'
import { commitmentsHash } from './hashes.ts'
import { enter, type Heard, type KeygenState, type Phase, type Transition, utterance } from './state.ts'
import type { KeygenPayloads } from './steps.ts'
import type { KeygenFault } from './types.ts'

type Confirming = Extract<Phase, { kind: 'confirming' }>

/** What this node says of a key, beside a commitment for one turn of its trial. */
export const confirmationOf = (
  transcript: TranscriptHash,
  key: KeyPackage,
  commitment: NonceCommitment,
): KeygenPayloads['confirm'] => ({
  transcript,
  aggregateKey: aggregatePublicKey(key.public),
  commitment,
  commitmentsHash: commitmentsHash(key.public.commitments),
})

/** R20: the staged share is on disk, so this node may sign that it holds it; after a restart, once more and with a fresh nonce pair. */
export function confirm(state: KeygenState, transcript: TranscriptHash, key: KeyPackage): Transition {
  const { nonces, commitment } = commitNonces(key)
  const said = encodeKeygen('confirm', confirmationOf(transcript, key, commitment))
  return enter(state, { kind: 'confirming', transcript, key, nonces }, { confirm: said }, [
    { kind: 'publish', utterance: utterance(state, 'confirm', said) },
  ])
}

/** Ends the attempt as soon as one member certifies something else. */
export function compareConfirms(state: KeygenState, { transcript, key }: Confirming): Transition | undefined {
  const { confirm } = state.inbox
  const others = [...confirm].filter(([, h]) => h.value.transcript !== transcript)
  if (others.length > 0)
    return abort(state, {
      kind: 'transcript_mismatch',
      members: others.map(([m]) => m),
      wires: others.map(([, h]) => h.wire),
    })
  const faults = contradictions(transcript, key, confirm)
  return faults.length === 0 ? undefined : abortForFaults(state, faults)
}

/** The key is a function of the transcript: who names another one beside it contradicts itself. */
export function contradictions(
  transcript: TranscriptHash,
  key: KeyPackage,
  heard: ReadonlyMap<PublicKey, Heard<'confirm' | 'commit'>>,
): readonly KeygenFault[] {
  const aggregateKey = aggregatePublicKey(key.public)
  const hash = commitmentsHash(key.public.commitments)
  const liars = [...heard].filter(
    ([, { value: v }]) =>
      v.transcript !== transcript || v.aggregateKey !== aggregateKey || !equalBytes(v.commitmentsHash, hash),
  )
  return liars.map(([member, h]) => ({ member, code: 'transcript_mismatch', wires: [h.wire] }))
}

/** All n certified this transcript. With our trial share the others may finish the key after we are gone, so this is kept first. */
export const commit = (state: KeygenState, { transcript, key, nonces }: Confirming): Transition =>
  enter({ ...state, certified: true }, { kind: 'committing', transcript, key, nonces }, {}, [
    { kind: 'commit', transcript },
  ])
