import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { asTranscriptHash, equalBytes, fromHex, LIMITS, type PublicKey, toHex } from '../../base/index.ts'
import { isNonceCommitment } from '../../crypto/index.ts'
import { parsePublicKey } from '../../curve/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import * as pb from '../pb/keygen_pb.ts'
import { FAULT_CODES, type FaultCode, type FaultProof, type KeygenPayloads, type KeygenStep } from './steps.ts'

/** A deal of 128 members (128 commitments and 127 hashes) takes 8.9 KiB. */
export const MAX_KEYGEN_PAYLOAD_BYTES = 12 * 1024
/** A share (32 bytes) and its tag. */
const BOX_BYTES = 32 + 16
/** A complaint shows a wrong trial share beside the confirms of 128 members: 46 KiB, which gossip still carries. So does a certificate. */
export const MAX_COMPLAINT_BYTES = 56 * 1024
/** One trial share and a confirm of each member. */
const MAX_PROOF_WIRES = LIMITS.maxSigners + 1

/** A commitment for a later turn says the same as a confirm, in another slot. */
const CONFIRM: Codec<KeygenPayloads['confirm']> = codec(
  pb.KeygenConfirmSchema,
  (c) =>
    create(pb.KeygenConfirmSchema, {
      transcript: fromHex(c.transcript),
      aggregateKey: fromHex(c.aggregateKey),
      hiding: c.commitment.hiding,
      binding: c.commitment.binding,
      commitmentsHash: c.commitmentsHash,
    }),
  (c) => {
    const commitment = { hiding: c.hiding, binding: c.binding }
    if (!isNonceCommitment(commitment)) throw new TypeError('nonce commitment: not two points')
    if (c.aggregateKey[0] !== 0x02) throw new TypeError('aggregate key: expected even Y')
    return {
      transcript: asTranscriptHash(toHex(c.transcript)),
      aggregateKey: parsePublicKey(c.aggregateKey),
      commitment,
      commitmentsHash: sized('commitments hash', c.commitmentsHash, 32),
    }
  },
)

const CODECS: { readonly [S in KeygenStep]: Codec<KeygenPayloads[S]> } = {
  open: codec(
    pb.KeygenOpenSchema,
    (o) => create(pb.KeygenOpenSchema, o),
    (o) => ({ receiverKey: sized('receiver key', o.receiverKey, 33), proof: sized('proof', o.proof, 64) }),
  ),
  deal: codec(
    pb.KeygenDealSchema,
    ({ dealing, boxHashes }) =>
      create(pb.KeygenDealSchema, {
        commitments: [...dealing.commitments],
        proofOfKnowledge: dealing.proofOfKnowledge,
        boxHashes: [...boxHashes],
      }),
    (d) => ({
      dealing: {
        commitments: listed('commitments', d.commitments, 33),
        proofOfKnowledge: sized('proof of knowledge', d.proofOfKnowledge, 64),
      },
      boxHashes: listed('box hashes', d.boxHashes, 32),
    }),
  ),
  share: codec(
    pb.KeygenShareSchema,
    (s) => create(pb.KeygenShareSchema, { ...s, receiver: fromHex(s.receiver) }),
    (s) => ({
      // By its form only: it is compared with our own key.
      receiver: toHex(sized('receiver', s.receiver, 33)) as PublicKey,
      dealerKey: sized('dealer key', s.dealerKey, 33),
      proof: sized('proof', s.proof, 64),
      box: sized('box', s.box, BOX_BYTES),
      receiverKey: sized('receiver key', s.receiverKey, 33),
    }),
  ),
  confirm: CONFIRM,
  commit: CONFIRM,
  trial: codec(
    pb.KeygenTrialSchema,
    (t) => create(pb.KeygenTrialSchema, t),
    (t) => ({ share: sized('share', t.share, 32), packageHash: sized('package hash', t.packageHash, 32) }),
  ),
  complaint: codec(
    pb.KeygenComplaintSchema,
    (c) =>
      create(pb.KeygenComplaintSchema, {
        accused: c.accused === undefined ? new Uint8Array() : fromHex(c.accused),
        code: c.code,
        ...(c.proof && { proof: writeProof(c.proof) }),
      }),
    (c) => ({
      accused: c.accused.length === 0 ? undefined : parsePublicKey(c.accused),
      code: faultCode(c.code),
      proof: c.proof && readProof(c.proof),
    }),
  ),
  certified: codec(
    pb.KeygenCertifiedSchema,
    ({ confirms, told }) =>
      create(pb.KeygenCertifiedSchema, { confirms: [...confirms], told: told ?? new Uint8Array() }),
    ({ confirms, told }) => {
      if (confirms.length > LIMITS.maxSigners) throw new TypeError('confirms: too many')
      if ((confirms.length === 0) === (told.length === 0)) throw new TypeError('certified: expected one of the two')
      return { confirms, told: told.length === 0 ? undefined : told }
    },
  ),
}

export const encodeKeygen = <S extends KeygenStep>(step: S, payload: KeygenPayloads[S]): Uint8Array =>
  CODECS[step].encode(payload)

/**
 * Longer than anything that can be said in this step. Such a message is dropped and is no fault: shown as one, it would not go
 * into the complaint about it, and whoever complains honestly would be the one that said what nobody can read.
 */
export const isOversized = (step: KeygenStep, payload: Uint8Array): boolean =>
  payload.length > (step === 'complaint' || step === 'certified' ? MAX_COMPLAINT_BYTES : MAX_KEYGEN_PAYLOAD_BYTES)

/** undefined for anything malformed, oversized or not canonical. Never throws. */
export function decodeKeygen<S extends KeygenStep>(step: S, bytes: Uint8Array): KeygenPayloads[S] | undefined {
  if (isOversized(step, bytes)) return undefined
  try {
    return CODECS[step].decode(bytes)
  } catch {
    return undefined
  }
}

export const encodeCertificate = (confirms: readonly Uint8Array[]): Uint8Array =>
  toBinary(pb.KeygenCertificateSchema, create(pb.KeygenCertificateSchema, { confirms: [...confirms] }))

/** Wire bytes of the confirm envelopes; undefined if it is no list of at most 128 of them. */
export function decodeCertificate(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  if (bytes.length > LIMITS.maxGossipBytes) return undefined
  try {
    const { confirms } = fromBinary(pb.KeygenCertificateSchema, bytes, { readUnknownFields: false })
    return confirms.length <= LIMITS.maxSigners && equalBytes(encodeCertificate(confirms), bytes) ? confirms : undefined
  } catch {
    return undefined
  }
}

const writeProof = ({ wires, reveal, commitments }: FaultProof) =>
  create(pb.FaultProofSchema, {
    wires: [...wires],
    ...(reveal && { sharedPoint: reveal.point, sharedPointProof: reveal.proof }),
    commitments: [...commitments],
  })

function readProof({ wires, sharedPoint, sharedPointProof, commitments }: pb.FaultProof): FaultProof {
  if (wires.length > MAX_PROOF_WIRES) throw new TypeError('wires: too many')
  const isRevealed = sharedPoint.length + sharedPointProof.length > 0
  return {
    wires,
    reveal: isRevealed
      ? { point: sized('shared point', sharedPoint, 33), proof: sized('its proof', sharedPointProof, 64) }
      : undefined,
    commitments: listed('commitments', commitments, 33),
  }
}

function listed(what: string, items: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  if (items.length > LIMITS.maxSigners) throw new TypeError(`${what}: too many`)
  return items.map((item) => sized(what, item, length))
}
function faultCode(text: string): FaultCode {
  const code = FAULT_CODES.find((c) => c === text)
  if (code === undefined) throw new TypeError('code: not one of the closed list')
  return code
}
