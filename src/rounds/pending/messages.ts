import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { asTranscriptHash, equalBytes, fromHex, isHex, type PublicKey, toHex } from '../../base/index.ts'
import { parsePublicKey, publicKeyBytes } from '../../curve/index.ts'
import { ApprovalSchema, CosignatureSchema, ProposalSchema } from '../pb/rotation_pb.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from './types.ts'

/** Steps on the keygen topic that are not keygen itself. */
export const PENDING_STEPS = { approve: 'approve', proposal: 'proposal', cosign: 'cosign' } as const

const MAX_CERTIFICATE_BYTES = 60 * 1024
/** Beyond any sane fee, so that arithmetic stays exact. */
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

export function encodeApproval(spec: PendingSpec, expiresAtMs: number): Uint8Array {
  return toBinary(
    ApprovalSchema,
    create(ApprovalSchema, {
      parentSetHash: fromHex(spec.parentSetHash),
      keys: spec.keys.map(publicKeyBytes),
      threshold: spec.threshold,
      attempt: spec.attempt,
      expiresAtMs: BigInt(expiresAtMs),
    }),
  )
}

/** Expiry of an approval that says exactly what `spec` says (R7); undefined for anything else. */
export function decodeApproval(payload: Uint8Array, spec: PendingSpec): { readonly expiresAtMs: number } | undefined {
  return attempt(() => {
    const message = fromBinary(ApprovalSchema, payload)
    if (message.expiresAtMs > MAX_SAFE) return undefined
    const expiresAtMs = Number(message.expiresAtMs)
    // The topic names the pending id already; an approval in other words than its topic's is nobody's consent.
    return equalBytes(encodeApproval(spec, expiresAtMs), payload) ? { expiresAtMs } : undefined
  })
}

export function encodeProposal(p: VerifiedProposal): Uint8Array {
  return toBinary(
    ProposalSchema,
    create(ProposalSchema, {
      keygenAttempt: p.keygenAttempt,
      transcript: fromHex(p.transcript),
      aggregateKey: publicKeyBytes(p.aggregateKey),
      certificate: p.certificate,
      trialSignature: p.trialSignature,
    }),
  )
}

/** Well-formed but not yet verified. */
export function decodeProposal(payload: Uint8Array): VerifiedProposal | undefined {
  return attempt(() => {
    const m = fromBinary(ProposalSchema, payload)
    if (m.trialSignature.length !== 64 || m.certificate.length > MAX_CERTIFICATE_BYTES) return undefined
    const aggregateKey: PublicKey = parsePublicKey(m.aggregateKey)
    if (!aggregateKey.startsWith('02')) return undefined
    return {
      keygenAttempt: m.keygenAttempt,
      transcript: asTranscriptHash(toHex(m.transcript)),
      aggregateKey,
      certificate: m.certificate,
      trialSignature: m.trialSignature,
    }
  })
}

export function encodeCosignature(c: Omit<Cosignature, 'author'>): Uint8Array {
  return toBinary(
    CosignatureSchema,
    create(CosignatureSchema, {
      transcript: fromHex(c.transcript),
      nonce: BigInt(c.nonce),
      feeUstx: BigInt(c.feeUstx),
      signature: c.signature,
    }),
  )
}

export function decodeCosignature(payload: Uint8Array, author: PublicKey): Cosignature | undefined {
  return attempt(() => {
    const m = fromBinary(CosignatureSchema, payload)
    if (m.signature.length !== 65 || m.nonce > MAX_SAFE || m.feeUstx > MAX_SAFE) return undefined
    const transcript = toHex(m.transcript)
    if (!isHex(transcript, 32)) return undefined
    return {
      author,
      transcript: asTranscriptHash(transcript),
      nonce: Number(m.nonce),
      feeUstx: Number(m.feeUstx),
      signature: m.signature,
    }
  })
}

function attempt<T>(decode: () => T | undefined): T | undefined {
  try {
    return decode()
  } catch {
    // A peer's malformed payload is not an error of ours; the caller answers it with a verdict.
    return undefined
  }
}
