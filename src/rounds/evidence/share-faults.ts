import { equalBytes, type PendingId, type PublicKey } from '../../base/index.ts'
import { isNonceCommitment, type NonceCommitment, packageToJudge, type Tweak, verifyShare } from '../../crypto/index.ts'
import type { EnvelopeFields } from '../../p2p/index.ts'
import { decodeKeygen } from '../keygen/codec.ts'
import { commitmentsHash, trialDigestOf, trialPackageHash } from '../keygen/hashes.ts'
import { FIRST_TURN, parseStep, stepName } from '../keygen/index.ts'
import { type Case, isOneAttempt, openConfirm } from './case.ts'
import { EPOCH, type Finding } from './keygen-faults.ts'
import { packageFacts, shareFacts } from './sign-facts.ts'

const UNTWEAKED: Tweak = { kind: 'none' }

/**
 * R22: a trial share beside the confirms of all, or in a later turn beside the commitments of all for that turn. Its author
 * signed the hash of the nonce commitments that it saw (R26), and with its own the joint polynomial: nobody can show its share
 * beside other ones.
 */
export function judgeTrialShare({ record, topic, said: [t, ...confirms] }: Case): Finding {
  const named = t && parseStep(t.step)
  if (t === undefined || named?.step !== 'trial' || record.commitments === undefined) return 'wrong_wires'
  const { keys, threshold } = record.scope
  const trial = decodeKeygen('trial', t.payload)
  const commitments = commitmentsOf(t, named.turn, confirms)
  const own = confirms.find((m) => m.author === t.author)
  const confirm = own && decodeKeygen('confirm', own.payload)
  if (trial === undefined || confirm === undefined || !keys.every((k) => commitments?.has(k))) return 'wrong_wires'
  if (commitments === undefined || confirms.length !== keys.length) return 'wrong_wires'
  if (!isBound(record.commitments, confirm.commitmentsHash) || record.commitments.length !== threshold) return 'unbound'
  const digest = trialDigestOf(topic.scope as PendingId, confirm.transcript, EPOCH)
  if (!equalBytes(trialPackageHash(keys, digest, commitments), trial.packageHash)) return 'unbound'
  const key = packageToJudge(t.author, keys, record.commitments)
  if (key === undefined) return 'unbound'
  return verifyShare(key, commitments, digest, UNTWEAKED, t.author, trial.share) ? 'no_fault' : undefined
}

/** R26: a coordinator's package, and a member's share over exactly it. */
export function judgeSignShare({ record, topic, said: [p, s, ...more] }: Case): Finding {
  if (p === undefined || s === undefined || more.length > 0 || p.round !== s.round) return 'wrong_wires'
  const asked = packageFacts(p)
  const given = shareFacts(s)
  if (asked === undefined || given === undefined || asked.setHash !== topic.scope) return 'wrong_wires'
  if (given.coordinator !== p.author || given.packageHash !== asked.packageHash) return 'wrong_wires'
  if (record.confirm === undefined || record.commitments === undefined) return 'unbound'
  const confirmed = openConfirm(record.network, record.confirm, s.author)
  const confirm = confirmed && decodeKeygen('confirm', confirmed.payload)
  // The guilty one's own word for the polynomial that its share lies on.
  if (confirm?.transcript !== asked.transcript || !isBound(record.commitments, confirm.commitmentsHash))
    return 'unbound'
  const key = packageToJudge(s.author, record.scope.keys, record.commitments)
  if (key === undefined) return 'unbound'
  // No honest member signs over a package that is not sound, so a share over one proves nothing that was looked for.
  const sound = asked.items.every(({ commitments: c }) => isSound(c, key.threshold, key.members, s.author))
  if (!sound) return 'wrong_wires'
  // It names this package by its hash, so it knows how many shares that asks for.
  if (given.shares.length !== asked.items.length) return undefined
  const isRight = asked.items.every(({ digest, tweak, commitments }, i) =>
    verifyShare(key, commitments, digest, tweak, s.author, given.shares[i] ?? new Uint8Array(0)),
  )
  return isRight ? 'no_fault' : undefined
}

const isBound = (commitments: readonly Uint8Array[], hash: Uint8Array): boolean =>
  equalBytes(commitmentsHash(commitments), hash)

const isSound = (
  commitments: ReadonlyMap<PublicKey, NonceCommitment>,
  threshold: number,
  members: readonly PublicKey[],
  accused: PublicKey,
): boolean =>
  commitments.size >= threshold &&
  commitments.has(accused) &&
  [...commitments].every(([m, c]) => members.includes(m) && isNonceCommitment(c))

/** Nonce commitments by member; undefined unless each is well-formed, of this attempt and turn, and the only one of its author. */
function commitmentsOf(
  trial: EnvelopeFields,
  turn: string,
  confirms: readonly EnvelopeFields[],
): ReadonlyMap<PublicKey, NonceCommitment> | undefined {
  const where = turn === FIRST_TURN ? 'confirm' : stepName('commit', turn)
  const made = new Map<PublicKey, NonceCommitment>()
  for (const m of confirms) {
    const confirm = m.step === where ? decodeKeygen('confirm', m.payload) : undefined
    if (confirm === undefined || !isOneAttempt(trial, m) || made.has(m.author)) return undefined
    made.set(m.author, confirm.commitment)
  }
  return made
}
