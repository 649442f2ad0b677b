import { encodeFields, fromHex, type PublicKey, type SetHash, type TranscriptHash, toHex } from '../../base/index.ts'
import { taggedHash } from '../../curve/index.ts'
import type { SignItem } from '../../signer/index.ts'
import type { SignPackage, SignRequest } from './types.ts'

const EMPTY = new Uint8Array(0)

/** "No tweak", "empty root" and every root differ. */
const fieldsOf = ({ digest, tweak }: SignItem): (Uint8Array | string)[] => [
  digest,
  tweak.kind,
  tweak.kind === 'key' ? (tweak.merkleRoot ?? EMPTY) : EMPTY,
]

/** Name of the round, 32 bytes as hex: same request, shares and set, same round, whoever coordinates. */
export const requestHash = (r: SignRequest): string =>
  toHex(
    taggedHash(
      'countersign/sign-request',
      encodeFields(fromHex(r.groupKey), fromHex(r.setHash), fromHex(r.transcript), fromHex(r.requestId)),
      encodeFields(...r.items.flatMap(fieldsOf)),
    ),
  )

/** What shares are signed over: the whole package with its coordinator and session (R26), 32 bytes as hex. */
export function packageHash(coordinator: PublicKey, session: number, p: SignPackage): string {
  const entries = [...p.entries].flatMap(([member, list]) => [
    fromHex(member),
    ...list.flatMap((c) => [c.hiding, c.binding]),
  ])
  return toHex(
    taggedHash(
      'countersign/sign-package',
      encodeFields(fromHex(coordinator), session, fromHex(requestHash(p.request)), p.request.items.length),
      encodeFields(...entries),
    ),
  )
}

/** Where a member hands nonce commitments to a coordinator: the round of their envelopes, 32 bytes as hex. */
export const poolName = (set: SetHash, transcript: TranscriptHash, member: PublicKey, coordinator: PublicKey): string =>
  toHex(
    taggedHash(
      'countersign/sign-pool',
      encodeFields(fromHex(set), fromHex(transcript), fromHex(member), fromHex(coordinator)),
    ),
  )

/** Members in the order in which they coordinate this round: another one for each round, and nobody's choice. */
export function coordinatorOrder(round: string, members: Iterable<PublicKey>): PublicKey[] {
  const rank = (m: PublicKey) => toHex(taggedHash('countersign/sign-coordinator', fromHex(round), fromHex(m)))
  return [...members]
    .map((member) => ({ member, rank: rank(member) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ member }) => member)
}
