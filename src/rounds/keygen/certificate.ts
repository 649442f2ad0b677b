import type { PublicKey, TranscriptHash } from '../../base/index.ts'
import { decodeCertificate, decodeKeygen } from './codec.ts'

/** Opens a signed envelope: undefined unless its signature is its author's. */
export type OpenEnvelope = (
  wire: Uint8Array,
) => { readonly author: PublicKey; readonly step: string; readonly payload: Uint8Array } | undefined

/** What a certificate is about. */
export interface Certified {
  readonly members: readonly PublicKey[]
  readonly transcript: TranscriptHash
  /** 33-byte point of even Y, as it goes on chain. */
  readonly aggregateKey: PublicKey
}

/**
 * Did every member sign that it holds a share of this key, made by this transcript (R20)? Anyone can judge it, in
 * possession of nothing else. False for anything malformed.
 */
export function verifyCertificate(about: Certified, certificate: Uint8Array, openEnvelope: OpenEnvelope): boolean {
  const confirms = decodeCertificate(certificate)
  if (confirms === undefined || confirms.length === 0 || confirms.length !== about.members.length) return false
  return about.members.every((member, i) => {
    const envelope = openEnvelope(confirms[i] ?? new Uint8Array())
    if (envelope === undefined || envelope.author !== member || envelope.step !== 'confirm') return false
    const confirm = decodeKeygen('confirm', envelope.payload)
    return confirm?.transcript === about.transcript && confirm.aggregateKey === about.aggregateKey
  })
}
