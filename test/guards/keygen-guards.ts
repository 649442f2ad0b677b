import type { Guard } from './guards.ts'

const machine = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/keygen/faults.test.ts',
  name,
})
const session = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rounds/pending/session.test.ts',
  name,
})
const resumed = (name: string): Guard['test'] => ({
  project: 'unit',
  file: 'test/unit/rotation/keygen-resumed.test.ts',
  name,
})
const incident = (file: string, name?: string): Guard['test'] => ({
  project: 'integration',
  file: `test/incidents/${file}`,
  ...(name === undefined ? {} : { name }),
})
const ATTEMPT = 'src/rounds/drivers/keygen-attempt.ts'
const TURNS = 'test/unit/rounds/evidence/trial-turns.test.ts'
const RUNNER = 'src/rounds/drivers/keygen-runner.ts'
const RECEIVE = 'src/rounds/keygen/receive.ts'

/** What keeps a keygen from ending in no key, or in two: R16, R19, R20, R25. */
export const KEYGEN_GUARDS: readonly Guard[] = [
  {
    name: 'R20, keygen: who has confirmed a transcript waits for the others',
    file: 'src/rounds/keygen/machine.ts',
    guard: 'if (state.said.confirm !== undefined) return stayed',
    gone: 'if (state.attemptId.length === 0) return stayed',
    test: machine('R20: from its confirm on'),
  },
  {
    name: 'R20, keygen: no trial share before it is on disk that all confirmed',
    file: ATTEMPT,
    guard: 'await this.#c.attempts?.save({ attempt, staged: transcript, certified: true })',
    gone: 'void attempt',
    test: resumed('trial share only when'),
  },
  {
    name: 'R20, keygen: no confirm before it is on disk which transcript is to be finished',
    file: ATTEMPT,
    guard: 'await attempts?.save({ attempt, staged: transcript, certified: false })',
    gone: 'void [attempts, attempt]',
    test: resumed('confirm only what its record names'),
  },
  {
    name: 'R19, keygen: no attempt number serves twice',
    file: RUNNER,
    guard: 'await this.#c.attempts?.save({ attempt, certified: false })',
    gone: 'await Promise.resolve()',
    test: resumed('never the same'),
  },
  {
    name: 'R20, keygen: a staged transcript is finished after a restart',
    file: RUNNER,
    guard: 'if (last?.staged === undefined) this.#begin',
    gone: 'if (last !== undefined || this.#attempt === 0) this.#begin',
    test: resumed('finish the transcript it has staged'),
  },
  {
    name: 'R20, keygen: no second key where the share of a confirmed one is gone',
    file: RUNNER,
    guard: 'if (!certified) this.#begin(attempt + 1)',
    gone: 'if (certified || attempt > 0) this.#begin(attempt + 1)',
    test: resumed('staged share of a confirmed one is gone'),
  },
  {
    name: 'R20, keygen: a certified transcript is ended by no complaint',
    file: RECEIVE,
    guard: 'if (state.certified && !isOfTrial(state.phase, message, named.step)) return { state, effects: [] }',
    gone: 'void isOfTrial',
    test: session('no second key under a pending id'),
  },
  {
    name: 'R20, keygen: nobody is followed away from a certified transcript',
    file: RUNNER,
    guard: 'if (this.#machine?.state.certified !== true) this.#begin',
    gone: 'this.#begin',
    test: session('no second key for one that is ahead'),
  },
  {
    name: 'R20, keygen: a confirmed key with a wrong trial share is the last one of its pending id',
    file: RUNNER,
    guard: 'if (certified) {\n      this.#failed',
    gone: 'if (certified && this.#attempt === 0) {\n      this.#failed',
    test: session('should end for good'),
  },
  {
    name: 'R16, keygen: a change of boot ends an attempt that nobody has staged',
    file: RECEIVE,
    guard: 'if (!isAfterStaging) return abort',
    gone: 'if (!isAfterStaging && message.wire.length === 0) return abort',
    test: machine('should end the attempt without blame'),
  },
  {
    name: 'R20, keygen: a member that restarted with the same transcript is heard',
    file: RECEIVE,
    guard: 'if (!isAfterStaging) return abort',
    gone: 'if (isAfterStaging || message.wire.length > 0) return abort',
    test: resumed('finish the transcript it has staged'),
  },
  {
    name: 'R16, keygen: what a restarted member says anew is no equivocation',
    file: RECEIVE,
    guard: 'before !== undefined && before.boot === boot',
    gone: 'before !== undefined',
    test: resumed('finish the transcript it has staged'),
  },
  {
    name: 'R16, keygen: a set that is approved again goes on with the words that were said',
    file: RUNNER,
    guard: '      parkKeygen(this.#c.messenger, this.#machine.leave())\n      this.#machine = undefined\n',
    gone: '      void parkKeygen\n',
    test: resumed('R16: should say nothing else'),
  },
  {
    name: 'R16, keygen: an attempt that was given up is not confirmed again in the same process',
    file: RUNNER,
    guard: '    if (state?.said.confirm !== undefined) markGivenUp(this.#c.messenger, state)\n',
    gone: '    void [state, markGivenUp]\n',
    test: resumed('R16: should not confirm again'),
  },
  {
    name: 'R26, keygen: a commitment that names another key ends the trial',
    file: 'src/rounds/keygen/trial.ts',
    guard: '  if (faults.length > 0) return abortForFaults(state, faults)\n',
    gone: '',
    test: { project: 'unit', file: TURNS, name: 'commitmentsHash|only after a restart' },
  },
  {
    name: 'R26, keygen: a complaint shows the commitments that the share was made over',
    file: 'src/rounds/keygen/trial.ts',
    guard: 'wires: [wire, ownWire, ...wires]',
    gone: 'wires: [wire, ownWire, ...wires.slice(0, 0), ...[...state.inbox.commit.values()].map((h) => h.wire)]',
    test: { project: 'unit', file: TURNS, name: 'whatever came after' },
  },
  {
    name: 'R26, keygen: nobody is accused before our own commitment’s envelope is known',
    file: 'src/rounds/keygen/trial.ts',
    guard: '    if (ownWire === undefined) return undefined\n',
    gone: '',
    test: { project: 'unit', file: TURNS, name: 'wait for our own' },
  },
  {
    name: 'R20, keygen: what has not left is said again, whoever has gone on',
    file: 'src/rounds/keygen/resend.ts',
    guard: '(hasLeft && without',
    gone: '(without',
    test: { project: 'unit', file: TURNS, name: 'wait for our own' },
  },
  {
    name: 'keygen: a thread is never stopped inside the addon',
    file: 'src/rounds/drivers/keygen-threads.ts',
    guard: '    leave(worker, answer)\n',
    gone: '    void leave\n    await worker.terminate()\n',
    test: { project: 'unit', file: 'test/unit/rounds/keygen-threads.test.ts', name: 'on to its end' },
  },
  {
    name: 'R25, keygen: the trial is begun again with fresh nonces',
    file: 'src/rounds/keygen/trial.ts',
    guard: 'if (others.length > 0) return enterTurn(state, state.turn + 1)',
    gone: 'if (others.length > 0) return undefined',
    test: machine('should try once more'),
  },
  {
    name: 'R16, keygen: each turn of the trial has slots of its own',
    file: 'src/rounds/keygen/state.ts',
    guard: "step: step === 'commit' || step === 'trial' ? stepName(step, turn) : step,",
    gone: "step: step === 'commit' ? stepName(step, turn) : step,",
    test: machine('should try once more'),
  },
  {
    name: 'incident 13, keygen: every trial share is judged',
    file: 'src/rounds/keygen/trial.ts',
    guard: 'if (bad.length > 0)',
    gone: 'if (bad.length > state.others.length)',
    test: incident('13-keygen-for-some.test.ts', 'one share does not sign'),
  },
  {
    name: 'incident 14, keygen: a rotation waits for every new member',
    file: 'src/rotation/decide.ts',
    guard: "if (missing.length > 0) return { kind: 'wait', for: 'approvals', missing }",
    gone: 'void missing',
    test: incident('14-offline-newcomer.test.ts', 'however long'),
  },
  {
    name: 'incident 14, keygen: a member lost in keygen is waited for, not replaced',
    file: 'src/rounds/keygen/machine.ts',
    guard: 'if (state.said.confirm !== undefined) return stayed',
    gone: 'if (state.attemptId.length === 0) return stayed',
    test: incident('14-offline-newcomer.test.ts', 'middle of keygen'),
  },
  {
    name: 'incident 16, keygen: nobody begins before all have approved',
    file: 'src/rotation/decide.ts',
    guard: "if (missing.length > 0) return { kind: 'wait', for: 'approvals', missing }",
    gone: 'void missing',
    test: incident('16-keygen-at-will.test.ts', 'one’s own approval alone'),
  },
  {
    name: 'incident 16, keygen: nobody who has not begun follows another',
    file: RUNNER,
    guard: " || this.#phase !== 'running'",
    gone: '',
    test: incident('16-keygen-at-will.test.ts', 'one’s own approval alone'),
  },
  {
    name: 'incident 35, keygen: all certify one transcript',
    file: 'src/rounds/keygen/confirm.ts',
    guard: 'if (others.length > 0)',
    gone: 'if (others.length > state.others.length)',
    test: incident('35-different-commitments.test.ts'),
  },
  {
    name: 'keygen: a large set has its key made on a thread',
    file: 'src/rounds/keygen/dealing.ts',
    guard: 'if (state.params.members.length > LIMITS.maxKeygenOnLoop) return computeAside',
    gone: 'if (state.params.members.length > 2 * LIMITS.maxKeygenOnLoop) return computeAside',
    test: machine('made beside the machine'),
  },
  {
    name: 'keygen: a thread that makes a key has a deadline',
    file: 'src/rounds/drivers/keygen-threads.ts',
    guard: "withDeadline('the key', timeoutMs,",
    gone: "withDeadline('the key', 100 * timeoutMs,",
    test: { project: 'unit', file: 'test/unit/rounds/keygen-threads.test.ts', name: 'after its deadline' },
  },
  {
    name: 'keygen: shares are nowhere but on the thread',
    file: 'src/rounds/drivers/keygen-threads.ts',
    guard: '  zeroize(material.shares)\n  // Flags',
    gone: '  // Flags',
    test: { project: 'unit', file: 'test/unit/rounds/keygen-threads.test.ts', name: 'takes? the shares over' },
  },
]
