import { create } from '@bufbuild/protobuf'
import { asSetHash, asTranscriptHash, fromHex, type PublicKey, type SetHash, toHex } from '../../base/index.ts'
import { parsePublicKey, publicKeyBytes } from '../../curve/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import {
  ApprovalSchema,
  CosignatureSchema,
  HandoffItemSchema,
  HandoffSchema,
  HandoffTweakSchema,
  type HandoffItem as PbHandoffItem,
  ProposalSchema,
} from '../pb/rotation_pb.ts'
import {
  findHandoffFault,
  type HandoffItem,
  type HandoffList,
  nameOfItem,
  rootOfTweak,
  tweakOfRoot,
} from './handoff.ts'
import type { Cosignature, PendingSpec, VerifiedProposal } from './types.ts'

/** Steps on the keygen topic that are not keygen itself. */
export const PENDING_STEPS = {
  approve: 'approve',
  proposal: 'proposal',
  cosign: 'cosign',
  carrier: 'carrier',
  handoff: 'handoff',
} as const

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

const writeItem = (item: HandoffItem, signature: Uint8Array | undefined): PbHandoffItem => {
  const tweak = tweakOfRoot(item.merkleRoot)
  const root = tweak.kind === 'none' || tweak.merkleRoot === null ? {} : { merkleRoot: tweak.merkleRoot }
  return create(HandoffItemSchema, {
    digest: fromHex(item.digest),
    ...(tweak.kind === 'none' ? {} : { tweak: create(HandoffTweakSchema, root) }),
    ...(signature === undefined ? {} : { signature }),
  })
}

function readItem({ digest, tweak }: PbHandoffItem): HandoffItem {
  const merkleRoot = tweak && (tweak.merkleRoot === undefined ? null : sized('merkle root', tweak.merkleRoot, 32))
  return {
    digest: toHex(sized('digest', digest, 32)),
    merkleRoot: rootOfTweak(merkleRoot === undefined ? { kind: 'none' } : { kind: 'key', merkleRoot }),
  }
}

const HANDOFF: Codec<HandoffList> = codec(
  HandoffSchema,
  ({ revision, hold, items, signatures }) =>
    create(HandoffSchema, {
      revision: BigInt(revision),
      hold,
      items: items.map((item) => writeItem(item, signatures.get(nameOfItem(item)))),
    }),
  (m) => {
    const items = m.items.map(readItem)
    const fault = findHandoffFault(items)
    if (fault !== undefined) throw new TypeError(fault)
    const signatures = new Map<string, Uint8Array>()
    for (const [i, { signature }] of m.items.entries()) {
      const item = items[i]
      if (item !== undefined && signature !== undefined)
        signatures.set(nameOfItem(item), sized('signature', signature, 64))
    }
    return { revision: exact(m.revision), hold: m.hold, items, signatures }
  },
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

export const encodeHandoff = (list: HandoffList): Uint8Array => HANDOFF.encode(list)
/** Well-formed; its signatures are not yet verified. */
export const decodeHandoff = (payload: Uint8Array): HandoffList | undefined => decoded(HANDOFF, payload)

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
