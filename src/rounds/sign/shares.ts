import type { PublicKey } from '../../base/index.ts'
import { type NonceCommitment, type PublicKeyPackage, SigningSession } from '../../crypto/index.ts'
import type { Session } from './coordinator.types.ts'
import type { SignPackage } from './types.ts'

/** Worked out once for each package, by whoever needs it first; holds nothing secret. */
const opened = new WeakMap<SignPackage, readonly SigningSession[] | undefined>()

/** A FROST session for each item; undefined if the package holds what nobody could have made honestly. Never throws. */
export function sessionsOf(key: PublicKeyPackage, p: SignPackage): readonly SigningSession[] | undefined {
  if (!opened.has(p)) opened.set(p, openAll(key, p))
  return opened.get(p)
}

function openAll(key: PublicKeyPackage, p: SignPackage): readonly SigningSession[] | undefined {
  const sessions: SigningSession[] = []
  for (const [i, { digest, tweak }] of p.request.items.entries()) {
    const made = SigningSession.open(key, commitmentsAt(p, i), digest, tweak)
    if (!made.ok) return undefined
    sessions.push(made.session)
  }
  return sessions
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

const NO_SHARE = new Uint8Array(0)
