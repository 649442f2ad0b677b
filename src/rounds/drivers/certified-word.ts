import type { PublicKey, TranscriptHash } from '../../base/index.ts'
import { type Envelope, openEnvelope } from '../../p2p/index.ts'
import { decodeKeygen } from '../keygen/codec.ts'
import { encodeCertificate, type HeardConfirm, verifyCertificate } from '../keygen/index.ts'
import type { PendingSpec } from '../pending/types.ts'

/** That all have confirmed a transcript, as one member says it. */
export interface CertifiedWord {
  /** Whose word it is that it has dealt in no later attempt; not always who passed it on. */
  readonly by: PublicKey
  /** Its envelope. */
  readonly wire: Uint8Array
  /** In member order; not verified. */
  readonly wires: readonly Uint8Array[]
}

/** Reads the step `certified`; undefined for whatever is none of this pending set and attempt. */
export function readCertified(spec: PendingSpec, e: Envelope): CertifiedWord | undefined {
  const said = decodeKeygen('certified', e.payload)
  if (said === undefined) return undefined
  if (said.told === undefined) return { by: e.author, wire: e.wire, wires: said.confirms }
  const first = openEnvelope(e.topic, said.told)
  if (first?.step !== 'certified' || first.round !== spec.id || first.attempt !== e.attempt) return undefined
  if (!spec.keys.includes(first.author)) return undefined
  const told = decodeKeygen('certified', first.payload)
  return told === undefined || told.told !== undefined
    ? undefined
    : { by: first.author, wire: said.told, wires: told.confirms }
}

/** The confirms of a certificate, if all members signed them of exactly this transcript and key, in this attempt. */
export function confirmsOf(
  spec: PendingSpec,
  { topic, attempt }: Pick<Envelope, 'topic' | 'attempt'>,
  key: { readonly transcript: TranscriptHash; readonly aggregateKey: PublicKey },
  wires: readonly Uint8Array[],
): readonly HeardConfirm[] | undefined {
  const heard: HeardConfirm[] = []
  const open = (wire: Uint8Array) => {
    const fields = openEnvelope(topic, wire)
    if (fields?.round !== spec.id || fields.attempt !== attempt) return undefined
    heard.push({ author: fields.author, boot: fields.boot, payload: fields.payload, wire })
    return fields
  }
  return verifyCertificate({ members: spec.keys, ...key }, encodeCertificate(wires), open) ? heard : undefined
}
