import type { Guard } from './guards.ts'

const keygen = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/evidence/keygen.test.ts',
  name,
})
const sign = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/evidence/sign.test.ts',
  name,
})
const turns = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/evidence/trial-turns.test.ts',
  name,
})
const quota = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/evidence/quota.test.ts',
  name,
})
const incident38: Guard['test'] = { project: 'integration', file: 'test/incidents/38-accused-node.test.ts' }

/** What R16, R18, R19, R26 and incident 38 ask of evidence: who cheats is proven to, and nobody honest ever is. */
export const EVIDENCE_GUARDS: readonly Guard[] = [
  {
    name: 'R26: nobody fills the evidence file with proofs against itself',
    file: 'src/rounds/evidence/quota.ts',
    guard: 'bytes + entryBytes(entry) <= most',
    gone: 'bytes >= 0',
    test: quota('can’t keep out the proof'),
  },
  {
    name: 'R26: what can’t be read leaves room for other faults of its author',
    file: 'src/rounds/evidence/quota.ts',
    guard: " && (entry.code !== 'malformed' || fits(this.#malformed, MALFORMED_PART))",
    gone: '',
    test: quota('room for what it does beside'),
  },
  {
    name: 'R26: nothing more is judged of a member whose places are full',
    file: 'src/rounds/evidence/book.ts',
    guard: "    if (this.#quota.isFull(record.guilty)) return this.#refuse('member_full')\n",
    gone: '',
    test: quota('not even be judged'),
  },
  {
    name: 'R16: a slot is of one boot',
    file: 'src/rounds/evidence/slots.ts',
    guard: 'f.boot, ',
    gone: '',
    test: keygen('taken for equivocating by a resend'),
  },
  {
    name: 'R16: whom a share is for is part of its slot',
    file: 'src/rounds/evidence/slots.ts',
    guard: "step === 'share' ? decodeKeygen(step, payload)?.receiver : ''",
    gone: "''",
    test: keygen('R14, R16'),
  },
  {
    name: 'R19: a message that is too long to be shown is dropped, and is no fault',
    file: 'src/rounds/keygen/receive.ts',
    guard: '  if (isOversized(named.step, message.payload)) return { state, effects: [] }\n',
    gone: '',
    test: keygen('should be dropped'),
  },
  {
    name: 'R19: length alone convicts nobody',
    file: 'src/rounds/evidence/keygen-faults.ts',
    guard: "  if (isOversized(named.step, m.payload)) return 'no_fault'\n",
    gone: '',
    test: keygen('by its length alone'),
  },
  {
    name: 'R19: a complaint is never longer than one may be',
    file: 'src/rounds/keygen/abort.ts',
    guard: "isOversized('complaint', payload) ?",
    gone: "isOversized('complaint', new Uint8Array(0)) ?",
    test: keygen('should leave a proof out'),
  },
  {
    name: 'docs/ROUNDS.md: a record that is too long to be told is not written',
    file: 'src/rounds/evidence/entry.ts',
    guard: "  if (bytes.length > MAX_EVIDENCE_BYTES) return 'wrong_wires'\n",
    gone: '',
    test: keygen('should never be written'),
  },
  {
    name: 'R14: a resend is no equivocation',
    file: 'src/rounds/evidence/judge.ts',
    guard: "  return equalBytes(a.payload, b.payload) ? 'no_fault' : undefined",
    gone: '  return undefined',
    test: sign('R16'),
  },
  {
    name: 'R26: who is guilty is who signed it',
    file: 'src/rounds/evidence/judge.ts',
    guard: "    if (of.author !== record.guilty) return no('other_member')\n",
    gone: '',
    test: sign('R26'),
  },
  {
    name: 'R19: a complaint without a proof convicts nobody',
    file: 'src/rounds/evidence/judge.ts',
    guard: "  if (accused === undefined || proof === undefined) return 'no_fault'",
    gone: '  if (accused === undefined || proof === undefined) return undefined',
    test: keygen('without a proof'),
  },
  {
    name: 'R18: a share is judged by the key that its dealer sealed to',
    file: 'src/crypto/pair-box.ts',
    guard: "  if (!checkEqualLogs(logs, revealed.proof)) return 'unproven'\n",
    gone: '',
    test: { project: 'unit', file: 'test/unit/crypto/dleq.test.ts' },
  },
  {
    name: 'R26: a trial share is judged by the polynomial that its author confirmed',
    file: 'src/rounds/evidence/share-faults.ts',
    guard: '!isBound(record.commitments, confirm.commitmentsHash) || record.commitments.length !== threshold',
    gone: 'record.commitments.length !== threshold',
    test: keygen('other nonces'),
  },
  {
    name: 'R26: a share is judged beside the package that it was made over',
    file: 'src/rounds/evidence/share-faults.ts',
    guard: ' || given.packageHash !== asked.packageHash',
    gone: '',
    test: sign('another package'),
  },
  {
    name: 'docs/ROUNDS.md: one fault, one record',
    file: 'src/rounds/evidence/book.ts',
    guard: '    if (this.#faults.has(faultOf(entry))) return void this.#others.set(entry.id, true)\n',
    gone: '',
    test: incident38,
  },
  {
    name: 'incident 38: an operator whose node is accused is told so',
    file: 'src/rounds/evidence/book.ts',
    guard: '    if (this.#isOwn(entry.guilty)) this.#tellOperator(entry)\n',
    gone: '',
    test: incident38,
  },
  {
    name: 'incident 38: a fault in keygen is told to the set that is to come',
    file: 'src/rounds/drivers/evidence-exchange.ts',
    guard: "[{ network, scope: pending, purpose: 'keygen' } as const]",
    gone: "[{ network, scope: pending, purpose: 'keygen' } as const].slice(1)",
    test: { project: 'integration', file: 'test/incidents/38-accused-node.test.ts', name: 'heard by the new members' },
  },
  {
    name: 'docs/ROUNDS.md: new members are told nothing of what is none of theirs',
    file: 'src/rounds/drivers/evidence-exchange.ts',
    guard: '      if (!isOf(topic, payload)) continue\n',
    gone: '',
    test: { project: 'integration', file: 'test/incidents/38-accused-node.test.ts', name: 'all that is told there' },
  },
  {
    name: 'docs/ROUNDS.md: new members hear nothing of what is none of theirs',
    file: 'src/rounds/drivers/evidence-exchange.ts',
    guard: '.take(now) || !isOf(topic, payload)) return',
    gone: '.take(now)) return',
    test: { project: 'integration', file: 'test/incidents/38-accused-node.test.ts', name: 'all that is told there' },
  },
  {
    name: 'R16: each turn of a trial has slots of its own',
    file: 'src/rounds/evidence/slots.ts',
    guard: 'f.attempt, f.step, to',
    gone: 'f.attempt, parseStep(f.step)?.step, to',
    test: turns('should not be seen in two turns'),
  },
  {
    name: 'R26: a trial share is judged beside the commitments of its own turn',
    file: 'src/rounds/evidence/share-faults.ts',
    guard: 'm.step === where ?',
    gone: "['confirm', 'commit'].includes(parseStep(m.step)?.step ?? where) ?",
    test: turns('another turn’s commitments'),
  },
  {
    name: 'R22: a trial share of a later turn can be judged',
    file: 'src/rounds/evidence/share-faults.ts',
    guard: "named?.step !== 'trial'",
    gone: "named === undefined || t.step !== 'trial'",
    test: turns('honest complaint'),
  },
]
