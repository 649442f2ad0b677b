import { create } from '@bufbuild/protobuf'
import { asSetHash, asTranscriptHash, fromHex, type PublicKey, type SetHash, toHex } from '../../base/index.ts'
import { parsePublicKey, publicKeyBytes } from '../../curve/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import { ApprovalSchema, CosignatureSchema, ProposalSchema } from '../pb/rotation_pb.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from './types.ts'

/** Steps on the keygen topic that are not keygen itself. */
export const PENDING_STEPS = { approve: 'approve', proposal: 'proposal', cosign: 'cosign', carrier: 'carrier' } as const

const MAX_CERTIFICATE_BYTES = 60 * 1024

/** What one operator consented to, in full: the pending id of the topic is only its hash. */
interface Approval {
  readonly parentSetHash: SetHash
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  readonly attempt: number
  readonly expiresAtMs: number
}
type Unsigned = Omit<Cosignature, 'author'>

const APPROVAL: Codec<Approval> = codec(
  ApprovalSchema,
  (a) =>
    create(ApprovalSchema, {
      parentSetHash: fromHex(a.parentSetHash),
      keys: a.keys.map(publicKeyBytes),
      threshold: a.threshold,
      attempt: a.attempt,
      expiresAtMs: BigInt(a.expiresAtMs),
    }),
  (m) => ({
    parentSetHash: asSetHash(toHex(m.parentSetHash)),
    keys: m.keys.map((k) => parsePublicKey(k)),
    threshold: m.threshold,
    attempt: m.attempt,
    expiresAtMs: exact(m.expiresAtMs),
  }),
)

const PROPOSAL: Codec<VerifiedProposal> = codec(
  ProposalSchema,
  (p) =>
    create(ProposalSchema, {
      keygenAttempt: p.keygenAttempt,
      transcript: fromHex(p.transcript),
      aggregateKey: publicKeyBytes(p.aggregateKey),
      certificate: p.certificate,
      trialSignature: p.trialSignature,
    }),
  (m) => {
    const aggregateKey = parsePublicKey(m.aggregateKey)
    if (!aggregateKey.startsWith('02')) throw new TypeError('aggregate key: expected even Y')
    if (m.certificate.length > MAX_CERTIFICATE_BYTES) throw new TypeError('certificate: too long')
    return {
      keygenAttempt: m.keygenAttempt,
      transcript: asTranscriptHash(toHex(m.transcript)),
      aggregateKey,
      certificate: m.certificate,
      trialSignature: sized('trial signature', m.trialSignature, 64),
    }
  },
)

const COSIGNATURE: Codec<Unsigned> = codec(
  CosignatureSchema,
  (c) =>
    create(CosignatureSchema, {
      transcript: fromHex(c.transcript),
      nonce: BigInt(c.nonce),
      feeUstx: BigInt(c.feeUstx),
      signature: c.signature,
    }),
  (m) => ({
    transcript: asTranscriptHash(toHex(m.transcript)),
    nonce: exact(m.nonce),
    feeUstx: exact(m.feeUstx),
    signature: sized('signature', m.signature, 65),
  }),
)

export const encodeApproval = (
  { parentSetHash, keys, threshold, attempt }: PendingSpec,
  expiresAtMs: number,
): Uint8Array => APPROVAL.encode({ parentSetHash, keys, threshold, attempt, expiresAtMs })

/** An approval that says exactly what `spec` says (R7): in other words than its topic's it is nobody's consent. */
export function decodeApproval(payload: Uint8Array, spec: PendingSpec): { readonly expiresAtMs: number } | undefined {
  const approval = decoded(APPROVAL, payload)
  const same =
    approval?.parentSetHash === spec.parentSetHash &&
    approval.threshold === spec.threshold &&
    approval.attempt === spec.attempt &&
    approval.keys.join() === spec.keys.join()
  return same ? approval : undefined
}

export const encodeProposal = (p: VerifiedProposal): Uint8Array => PROPOSAL.encode(p)
/** Well-formed but not yet verified. */
export const decodeProposal = (payload: Uint8Array): VerifiedProposal | undefined => decoded(PROPOSAL, payload)

export const encodeCosignature = (c: Unsigned): Uint8Array => COSIGNATURE.encode(c)
/** Well-formed but not yet verified. */
export function decodeCosignature(payload: Uint8Array, author: PublicKey): Cosignature | undefined {
  const unsigned = decoded(COSIGNATURE, payload)
  return unsigned && { ...unsigned, author }
}

/** undefined for whatever a peer may have made of it; the caller answers with a verdict. */
function decoded<T>({ decode }: Codec<T>, payload: Uint8Array): T | undefined {
  try {
    return decode(payload)
  } catch {
    return undefined
  }
}

function exact(n: bigint): number {
  if (n > BigInt(Number.MAX_SAFE_INTEGER)) throw new TypeError('number: too large to be meant')
  return Number(n)
}
