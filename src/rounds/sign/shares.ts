import type { PublicKey } from '../../base/index.ts'
import { type NonceCommitment, type PublicKeyPackage, SigningSession } from '../../crypto/index.ts'
import type { Session } from './coordinator.types.ts'
import type { RoundFacts, SignFault, SignPackage } from './types.ts'

/** Worked out once for each package and item, by whoever needs it first; holds nothing secret. */
const opened = new WeakMap<SignPackage, (SigningSession | 'unsound')[]>()

/** The FROST session of one item; undefined if the package holds what nobody could have made honestly. Never throws. */
export function sessionOf(key: PublicKeyPackage, p: SignPackage, item: number): SigningSession | undefined {
  const known = opened.get(p) ?? []
  opened.set(p, known)
  known[item] ??= openOne(key, p, item)
  return known[item] === 'unsound' ? undefined : known[item]
}

/** A FROST session for each item; undefined if one of them is not sound. Never throws. */
export function sessionsOf(key: PublicKeyPackage, p: SignPackage): readonly SigningSession[] | undefined {
  const sessions: SigningSession[] = []
  for (const i of p.request.items.keys()) {
    const session = sessionOf(key, p, i)
    if (session === undefined) return undefined
    sessions.push(session)
  }
  return sessions
}

function openOne(key: PublicKeyPackage, p: SignPackage, item: number): SigningSession | 'unsound' {
  const of = p.request.items[item]
  const made = of && SigningSession.open(key, commitmentsAt(p, item), of.digest, of.tweak)
  return made?.ok ? made.session : 'unsound'
}

/** Of one item: what FROST calls the commitment list. */
export function commitmentsAt(p: SignPackage, item: number): ReadonlyMap<PublicKey, NonceCommitment> {
  const out = new Map<PublicKey, NonceCommitment>()
  for (const [member, list] of p.entries) {
    const commitment = list[item]
    if (commitment !== undefined) out.set(member, commitment)
  }
  return out
}

/** A signature for each item, if the shares of the whole session make them; all or nothing (R27). */
export function signaturesOf(
  key: PublicKeyPackage,
  { package: p, shares }: Session,
): readonly Uint8Array[] | undefined {
  const signatures: Uint8Array[] = []
  for (const [i, session] of (sessionsOf(key, p) ?? []).entries()) {
    const made = session.aggregate(new Map([...shares].map(([m, s]) => [m, s.shares[i] ?? NO_SHARE])))
    if (!made.ok) return undefined
    signatures.push(made.signature)
  }
  return signatures.length === p.request.items.length ? signatures : undefined
}

/** Those of `members` whose share of any item is wrong, each with the wire that shows it. */
export function findCheaters(
  key: PublicKeyPackage,
  { package: p, shares }: Session,
  members: readonly PublicKey[],
): (readonly [PublicKey, Uint8Array])[] {
  const sessions = sessionsOf(key, p) ?? []
  return members.flatMap((m) => {
    const given = shares.get(m)
    if (given === undefined) return []
    const isRight = sessions.every((session, i) => session.verifyShare(m, given.shares[i] ?? NO_SHARE))
    return isRight ? [] : [[m, given.wire] as const]
  })
}

/** What names the author of a wrong share: the package as signed, and the share (R26). */
export const shareFault = (
  { round, key, request }: RoundFacts,
  session: Pick<Session, 'number' | 'wire'>,
  member: PublicKey,
  wire: Uint8Array,
): SignFault => ({
  ...{ kind: 'fault', code: 'invalid_share', round, attempt: session.number, member },
  wires: session.wire === undefined ? [wire] : [session.wire, wire],
  ...{ setHash: request.setHash, transcript: request.transcript, key },
})

const NO_SHARE = new Uint8Array(0)
