import { create } from '@bufbuild/protobuf'
import {
  asGroupKey,
  asSetHash,
  asTranscriptHash,
  fromHex,
  isHex,
  LIMITS,
  type PublicKey,
  toHex,
} from '../../base/index.ts'
import type { NonceCommitment, Tweak } from '../../crypto/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import * as pb from '../pb/sign_pb.ts'
import { type Addressee, DECLINE_REASONS, type SignPayloads, type SignRequest, type SignStep } from './types.ts'

/** A package of 128 members takes 13.6 KiB. */
export const MAX_SIGN_PAYLOAD_BYTES = 16 * 1024

/** A key by its form; whether it is a member's, and so a point, is asked of the key package. */
function keyNamed(what: string, bytes: Uint8Array | undefined): PublicKey {
  return toHex(sized(what, bytes, 33)) as PublicKey
}

const RUN_BYTES = 16
const run = (bytes: Uint8Array | undefined): string => toHex(sized('run', bytes, RUN_BYTES))

const writeTweak = (tweak: Tweak): { tweak?: pb.SignTweak } =>
  tweak.kind === 'none'
    ? {}
    : { tweak: create(pb.SignTweakSchema, tweak.merkleRoot === null ? {} : { merkleRoot: tweak.merkleRoot }) }

function readTweak(tweak: pb.SignTweak | undefined): Tweak {
  if (tweak === undefined) return { kind: 'none' }
  return { kind: 'key', merkleRoot: tweak.merkleRoot === undefined ? null : sized('merkle root', tweak.merkleRoot, 32) }
}

const writeRequest = (r: SignRequest): pb.SignRequest =>
  create(pb.SignRequestSchema, {
    groupKey: fromHex(r.groupKey),
    setHash: fromHex(r.setHash),
    transcript: fromHex(r.transcript),
    requestId: fromHex(r.requestId),
    digest: r.digest,
    ...writeTweak(r.tweak),
  })

function readRequest(r: pb.SignRequest | undefined): SignRequest {
  if (r === undefined) throw new TypeError('request: missing')
  const request: SignRequest = {
    groupKey: asGroupKey(toHex(r.groupKey)),
    setHash: asSetHash(toHex(r.setHash)),
    transcript: asTranscriptHash(toHex(r.transcript)),
    requestId: toHex(r.requestId),
    digest: r.digest,
    tweak: readTweak(r.tweak),
  }
  if (!isSignRequest(request)) throw new TypeError('request: id or digest of a wrong length')
  return request
}

/** The shape of a request: what crosses the wire, and what a caller may ask. */
export function isSignRequest(r: SignRequest): boolean {
  const idBytes = r.requestId.length / 2
  return isHex(r.requestId) && idBytes >= 1 && idBytes <= LIMITS.maxRequestIdBytes && r.digest.length === 32
}

const writeTo = (to: Addressee) =>
  create(pb.SignAddresseeSchema, { coordinator: fromHex(to.coordinator), run: fromHex(to.run) })
const readTo = (to: pb.SignAddressee | undefined): Addressee => ({
  coordinator: keyNamed('coordinator', to?.coordinator),
  run: run(to?.run),
})
const writeCommitment = (c: NonceCommitment) => create(pb.SignNonceCommitmentSchema, c)
const readCommitment = (c: pb.SignNonceCommitment | undefined): NonceCommitment => ({
  hiding: sized('hiding', c?.hiding, 33),
  binding: sized('binding', c?.binding, 33),
})

function readEntries(entries: readonly pb.SignPackageEntry[]): ReadonlyMap<PublicKey, NonceCommitment> {
  const out = new Map<PublicKey, NonceCommitment>()
  let last = ''
  for (const entry of entries) {
    const member = keyNamed('member', entry.member)
    if (member <= last) throw new TypeError('entries: expected strictly ascending members')
    out.set(member, readCommitment(entry.commitment))
    last = member
  }
  return out
}

function readReason(text: string): SignPayloads['decline']['reason'] {
  const reason = DECLINE_REASONS.find((r) => r === text)
  if (reason === undefined) throw new TypeError('reason: not one of the closed list')
  return reason
}

const CODECS: { readonly [S in SignStep]: Codec<SignPayloads[S]> } = {
  open: codec(
    pb.SignOpenSchema,
    (o) => create(pb.SignOpenSchema, { run: fromHex(o.run), request: writeRequest(o.request) }),
    (o) => ({ run: run(o.run), request: readRequest(o.request) }),
  ),
  commit: codec(
    pb.SignCommitSchema,
    (c) => create(pb.SignCommitSchema, { to: writeTo(c.to), commitment: writeCommitment(c.commitment) }),
    (c) => ({ to: readTo(c.to), commitment: readCommitment(c.commitment) }),
  ),
  decline: codec(
    pb.SignDeclineSchema,
    (d) => create(pb.SignDeclineSchema, { to: writeTo(d.to), reason: d.reason }),
    (d) => ({ to: readTo(d.to), reason: readReason(d.reason) }),
  ),
  package: codec(
    pb.SignPackageSchema,
    (p) =>
      create(pb.SignPackageSchema, {
        run: fromHex(p.run),
        request: writeRequest(p.request),
        entries: [...p.commitments].map(([member, c]) =>
          create(pb.SignPackageEntrySchema, { member: fromHex(member), commitment: writeCommitment(c) }),
        ),
      }),
    (p) => ({ run: run(p.run), request: readRequest(p.request), commitments: readEntries(p.entries) }),
  ),
  share: codec(
    pb.SignShareSchema,
    (s) => create(pb.SignShareSchema, { to: writeTo(s.to), packageHash: fromHex(s.packageHash), share: s.share }),
    (s) => ({
      to: readTo(s.to),
      packageHash: toHex(sized('package hash', s.packageHash, 32)),
      share: sized('share', s.share, 32),
    }),
  ),
  result: codec(
    pb.SignResultSchema,
    (r) => create(pb.SignResultSchema, r),
    (r) => ({ signature: sized('signature', r.signature, 64) }),
  ),
}

export const encodeSign = <S extends SignStep>(step: S, payload: SignPayloads[S]): Uint8Array =>
  CODECS[step].encode(payload)

/** undefined for anything malformed, oversized or not canonical. Never throws. */
export function decodeSign<S extends SignStep>(step: S, bytes: Uint8Array): SignPayloads[S] | undefined {
  if (bytes.length > MAX_SIGN_PAYLOAD_BYTES) return undefined
  try {
    return CODECS[step].decode(bytes)
  } catch {
    return undefined
  }
}
