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
import { isTweak, type NonceCommitment, type Tweak } from '../../crypto/index.ts'
import type { SignItem } from '../../signer/index.ts'
import { type Codec, codec, sized } from '../canonical.ts'
import * as pb from '../pb/sign_pb.ts'
import { HEAD_BYTES, ITEM_BYTES, MAX_SIGN_PAYLOAD_BYTES, maxBytesOf, PAIR_BYTES } from './travel.ts'
import { DECLINE_REASONS, type PackageEntries, type SignPayloads, type SignRequest, type SignStep } from './types.ts'

/** Of a package, beside its pairs: tags and lengths included, as with those in `travel.ts`. */
const ENTRY_BYTES = 48

/** Items of one request of which a package of `signers` members still fits into one message. */
export function maxItemsFor(signers: number): number {
  const room = MAX_SIGN_PAYLOAD_BYTES - HEAD_BYTES - signers * ENTRY_BYTES
  return Math.max(1, Math.min(LIMITS.maxSignItems, Math.floor(room / (ITEM_BYTES + signers * PAIR_BYTES))))
}

/** A key by its form; whether it is a member's, and so a point, is asked of the key package. */
function keyNamed(what: string, bytes: Uint8Array): PublicKey {
  return toHex(sized(what, bytes, 33)) as PublicKey
}

const writeTweak = (tweak: Tweak): { tweak?: pb.SignTweak } =>
  tweak.kind === 'none'
    ? {}
    : { tweak: create(pb.SignTweakSchema, tweak.merkleRoot === null ? {} : { merkleRoot: tweak.merkleRoot }) }

function readTweak(tweak: pb.SignTweak | undefined): Tweak {
  if (tweak === undefined) return { kind: 'none' }
  return { kind: 'key', merkleRoot: tweak.merkleRoot ?? null }
}

const writeItem = ({ digest, tweak }: SignItem) => create(pb.SignItemSchema, { digest, ...writeTweak(tweak) })
const readItem = (item: pb.SignItem): SignItem => ({ digest: item.digest, tweak: readTweak(item.tweak) })

const writeRequest = (r: SignRequest): pb.SignRequest =>
  create(pb.SignRequestSchema, {
    groupKey: fromHex(r.groupKey),
    setHash: fromHex(r.setHash),
    transcript: fromHex(r.transcript),
    requestId: fromHex(r.requestId),
    items: r.items.map(writeItem),
  })

function readRequest(r: pb.SignRequest | undefined): SignRequest {
  if (r === undefined) throw new TypeError('request: missing')
  const request: SignRequest = {
    groupKey: asGroupKey(toHex(r.groupKey)),
    setHash: asSetHash(toHex(r.setHash)),
    transcript: asTranscriptHash(toHex(r.transcript)),
    requestId: toHex(r.requestId),
    items: r.items.map(readItem),
  }
  if (!isSignRequest(request)) throw new TypeError('request: id, digest, tweak or number of items out of bounds')
  return request
}

/** The shape of a request: what crosses the wire, and what a caller may ask. */
export function isSignRequest(r: SignRequest): boolean {
  const idBytes = r.requestId.length / 2
  return (
    isHex(r.requestId) &&
    idBytes >= 1 &&
    idBytes <= LIMITS.maxRequestIdBytes &&
    r.items.length >= 1 &&
    r.items.length <= LIMITS.maxSignItems &&
    r.items.every(({ digest, tweak }) => digest.length === 32 && isTweak(tweak))
  )
}

const writeCommitment = (c: NonceCommitment) => create(pb.SignNonceCommitmentSchema, c)
const readCommitment = (c: pb.SignNonceCommitment): NonceCommitment => ({
  hiding: sized('hiding', c.hiding, 33),
  binding: sized('binding', c.binding, 33),
})

/** One for each item. */
function counted<T>(what: string, list: readonly T[]): readonly T[] {
  if (list.length < 1 || list.length > LIMITS.maxSignItems) throw new TypeError(`${what}: too few or too many`)
  return list
}

function readEntries(entries: readonly pb.SignPackageEntry[], items: number): PackageEntries {
  const out = new Map<PublicKey, readonly NonceCommitment[]>()
  let last = ''
  for (const entry of entries) {
    const member = keyNamed('member', entry.member)
    if (member <= last) throw new TypeError('entries: expected strictly ascending members')
    if (entry.commitments.length !== items) throw new TypeError('entry: expected a commitment for each item')
    out.set(member, entry.commitments.map(readCommitment))
    last = member
  }
  return out
}

function readReason(text: string): SignPayloads['decline']['reason'] {
  const reason = DECLINE_REASONS.find((r) => r === text)
  if (reason === undefined) throw new TypeError('decline: unknown reason')
  return reason
}

const CODECS: { readonly [S in SignStep]: Codec<SignPayloads[S]> } = {
  ready: codec(
    pb.SignReadySchema,
    (o) => create(pb.SignReadySchema, { request: writeRequest(o.request) }),
    (o) => ({ request: readRequest(o.request) }),
  ),
  want: codec(
    pb.SignWantSchema,
    (w) =>
      create(pb.SignWantSchema, {
        transcript: fromHex(w.transcript),
        member: fromHex(w.member),
        count: w.count,
      }),
    (w) => {
      if (w.count < 1 || w.count > LIMITS.maxSignItems) throw new TypeError('want: count out of bounds')
      const transcript = asTranscriptHash(toHex(w.transcript))
      return { transcript, member: keyNamed('member', w.member), count: w.count }
    },
  ),
  nonces: codec(
    pb.SignNoncesSchema,
    (n) =>
      create(pb.SignNoncesSchema, {
        transcript: fromHex(n.transcript),
        coordinator: fromHex(n.coordinator),
        commitments: n.commitments.map(writeCommitment),
      }),
    (n) => ({
      transcript: asTranscriptHash(toHex(n.transcript)),
      coordinator: keyNamed('coordinator', n.coordinator),
      commitments: counted('commitments', n.commitments).map(readCommitment),
    }),
  ),
  package: codec(
    pb.SignPackageSchema,
    (p) =>
      create(pb.SignPackageSchema, {
        request: writeRequest(p.request),
        entries: [...p.entries].map(([member, list]) =>
          create(pb.SignPackageEntrySchema, { member: fromHex(member), commitments: list.map(writeCommitment) }),
        ),
      }),
    (p) => {
      const request = readRequest(p.request)
      return { request, entries: readEntries(p.entries, request.items.length) }
    },
  ),
  share: codec(
    pb.SignShareSchema,
    (s) =>
      create(pb.SignShareSchema, {
        coordinator: fromHex(s.coordinator),
        packageHash: fromHex(s.packageHash),
        shares: [...s.shares],
      }),
    (s) => ({
      coordinator: keyNamed('coordinator', s.coordinator),
      packageHash: toHex(sized('package hash', s.packageHash, 32)),
      shares: counted('shares', s.shares).map((share) => sized('share', share, 32)),
    }),
  ),
  decline: codec(
    pb.SignDeclineSchema,
    (d) => create(pb.SignDeclineSchema, { coordinator: fromHex(d.coordinator), reason: d.reason }),
    (d) => ({ coordinator: keyNamed('coordinator', d.coordinator), reason: readReason(d.reason) }),
  ),
  result: codec(
    pb.SignResultSchema,
    (r) => create(pb.SignResultSchema, { signatures: [...r.signatures] }),
    (r) => ({ signatures: counted('signatures', r.signatures).map((s) => sized('signature', s, 64)) }),
  ),
}

export const encodeSign = <S extends SignStep>(step: S, payload: SignPayloads[S]): Uint8Array =>
  CODECS[step].encode(payload)

/** undefined for anything malformed, oversized or not canonical. Never throws. */
export function decodeSign<S extends SignStep>(step: S, bytes: Uint8Array): SignPayloads[S] | undefined {
  if (bytes.length > maxBytesOf(step)) return undefined
  try {
    return CODECS[step].decode(bytes)
  } catch {
    return undefined
  }
}
