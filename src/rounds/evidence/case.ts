import { asPendingId, type PublicKey } from '../../base/index.ts'
import {
  decodeEnvelope,
  type EnvelopeFields,
  hasValidSignature,
  openEnvelope,
  type Topic,
  topicName,
} from '../../p2p/index.ts'
import { pendingId, setHash } from '../../registry/index.ts'
import type { EvidenceRecord } from './types.ts'

/** A record whose envelopes are opened: what its members signed, in the order of its wires. */
export interface Case {
  readonly record: EvidenceRecord
  readonly topic: Topic
  readonly said: readonly EnvelopeFields[]
}

/** The topic that the wires must be signed for: its name follows from the set that the record embeds (R7, R26). */
export function topicOf({ network, contract, scope }: EvidenceRecord): Topic {
  // The chain's own id is in neither name.
  const registryId = { network, contract, chainId: 0 }
  return scope.kind === 'pending'
    ? { network, scope: pendingId({ registryId, ...scope }), purpose: 'keygen' }
    : { network, scope: setHash(registryId, scope.keys, scope.threshold, scope.aggregateKey), purpose: 'sign' }
}

/** undefined unless every wire is signed for that topic by a member of that set. */
export function openCase(record: EvidenceRecord): Case | undefined {
  const topic = topicOf(record)
  const said: EnvelopeFields[] = []
  for (const wire of record.wires) {
    const fields = openEnvelope(topic, wire)
    if (fields === undefined || !record.scope.keys.includes(fields.author)) return undefined
    // On the topic of a keygen the round is the pending set itself; anything else no machine would have acted upon.
    if (topic.purpose === 'keygen' && fields.round !== topic.scope) return undefined
    said.push(fields)
  }
  return { record, topic, said }
}

/** An envelope of a key's own keygen, whose topic is named by the envelope's round (R20: certificates are transferable). */
export function openConfirm(network: string, wire: Uint8Array, author: PublicKey): EnvelopeFields | undefined {
  const fields = openRound(network, wire)
  return fields?.author === author && fields.step === 'confirm' ? fields : undefined
}

function openRound(network: string, wire: Uint8Array): EnvelopeFields | undefined {
  const decoded = decodeEnvelope(wire)
  if (!decoded.ok) return undefined
  const { round } = decoded.value.fields
  const topic: Topic = { network, scope: asPendingId(round), purpose: 'keygen' }
  return hasValidSignature(decoded.value, topicName(topic)) ? decoded.value.fields : undefined
}

/** Said in one run of one attempt: what a member said before a restart, or in another attempt, contradicts nothing (R16). */
export const isOneRun = (a: EnvelopeFields, b: EnvelopeFields): boolean =>
  a.author === b.author && a.boot === b.boot && isOneAttempt(a, b)
export const isOneAttempt = (a: EnvelopeFields, b: EnvelopeFields): boolean =>
  a.round === b.round && a.attempt === b.attempt
