import { equalBytes } from '../../base/index.ts'
import { decodeKeygen } from '../keygen/codec.ts'
import { type Case, openCase } from './case.ts'
import {
  type Finding,
  judgeDealing,
  judgeEphemeralProof,
  judgeMalformed,
  judgePrivateShare,
  judgeRepeatedEphemeral,
} from './keygen-faults.ts'
import { judgeSignShare, judgeTrialShare } from './share-faults.ts'
import { slotOf } from './slots.ts'
import { type EvidenceCode, type EvidenceRecord, isEvidenceCode, type Judgement, type NotProven } from './types.ts'

/** How each code is judged, where, and which of the wires is the guilty one's. A new code has no place here by accident. */
const RULES: {
  readonly [C in EvidenceCode]: {
    readonly in: 'pending' | 'set' | 'both'
    readonly guiltyWire: number
    readonly judge: (c: Case) => Finding
  }
} = {
  malformed: { in: 'pending', guiltyWire: 0, judge: judgeMalformed },
  equivocation: { in: 'both', guiltyWire: 0, judge: judgeEquivocation },
  wrong_commitment_count: { in: 'pending', guiltyWire: 0, judge: judgeDealing },
  bad_proof_of_knowledge: { in: 'pending', guiltyWire: 0, judge: judgeDealing },
  bad_ephemeral_proof: { in: 'pending', guiltyWire: 0, judge: judgeEphemeralProof },
  repeated_ephemeral: { in: 'pending', guiltyWire: 0, judge: judgeRepeatedEphemeral },
  ciphertext_mismatch: { in: 'pending', guiltyWire: 0, judge: judgePrivateShare },
  undecryptable_share: { in: 'pending', guiltyWire: 0, judge: judgePrivateShare },
  bad_share: { in: 'pending', guiltyWire: 0, judge: judgePrivateShare },
  bad_trial_share: { in: 'pending', guiltyWire: 0, judge: judgeTrialShare },
  false_complaint: { in: 'pending', guiltyWire: 0, judge: judgeComplaint },
  invalid_share: { in: 'set', guiltyWire: 1, judge: judgeSignShare },
}

/**
 * What a record proves, by itself alone (R26): the set and its topic, the signatures, and that what was signed is a fault no
 * honest member commits, restarted or not. Pure; never throws, whatever the record.
 */
export function judge(record: EvidenceRecord): Judgement {
  try {
    const rule = RULES[record.code]
    if (rule.in !== 'both' && rule.in !== record.scope.kind) return no('wrong_wires')
    const opened = openCase(record)
    if (opened === undefined) return no('bad_wire')
    const of = opened.said[rule.guiltyWire]
    if (of === undefined) return no('wrong_wires')
    if (of.author !== record.guilty) return no('other_member')
    const finding = rule.judge(opened)
    if (finding !== undefined) return no(finding)
    return { ok: true, guilt: { member: of.author, code: record.code, round: of.round, attempt: of.attempt } }
  } catch {
    // Nothing that a peer can write should come here; if it does, it convicts nobody.
    return no('wrong_wires')
  }
}

const no = (reason: NotProven): Judgement => ({ ok: false, reason })

/** R16: two different payloads of one author in one slot. The same payload in a new envelope is a resend (R14). */
function judgeEquivocation({ topic, said: [a, b, ...more] }: Case): Finding {
  if (a === undefined || b === undefined || more.length > 0) return 'wrong_wires'
  const slot = slotOf(topic, a)
  if (slot === undefined || slot !== slotOf(topic, b)) return 'wrong_wires'
  return equalBytes(a.payload, b.payload) ? 'no_fault' : undefined
}

/**
 * R19: whoever shows a proof that does not hold is at fault itself; an honest machine shows one only of what it saw. Without a proof a complaint is a claim, and proves nothing against anybody.
 */
function judgeComplaint({ record, said: [m, ...more] }: Case): Finding {
  if (m?.step !== 'complaint' || more.length > 0) return 'wrong_wires'
  const complaint = decodeKeygen('complaint', m.payload)
  if (complaint === undefined) return 'wrong_wires'
  const { accused, code, proof } = complaint
  if (accused === undefined || proof === undefined) return 'no_fault'
  // Only what reads a message knows whether it can be read: another version of this program may know more.
  if (!isEvidenceCode(code) || code === 'malformed') return 'no_fault'
  const { network, contract, scope } = record
  return judge({ code, guilty: accused, network, contract, scope, ...proof }).ok ? 'no_fault' : undefined
}
