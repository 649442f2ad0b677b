import type { Guard } from './guards.ts'

const unit = (file: string, name?: string): Guard['test'] => ({
  project: 'unit',
  file: `test/unit/${file}`,
  ...(name === undefined ? {} : { name }),
})

/** What keeps the reconciler's patience, approvals and pending sets what the operators consented to. */
export const ROTATION_GUARDS: readonly Guard[] = [
  {
    name: 'rotation: R7: an approval is not dropped by one look past its end',
    file: 'src/rotation/decide.ts',
    guard: 'f.nowMs >= (f.expiredSinceMs ?? f.nowMs) + EXPIRY_PATIENCE_MS',
    gone: 'f.expiredSinceMs !== undefined',
    test: unit('rotation/decide.test.ts', 'R7'),
  },
  {
    name: 'rotation: R7: an approval that stands again has its patience anew',
    file: 'src/rotation/active-rotation.ts',
    guard: 'isPast ? (this.#expiredSinceMs ?? clock.monotonicMs()) : undefined',
    gone: 'this.#expiredSinceMs ?? (isPast ? clock.monotonicMs() : undefined)',
    test: unit('rotation/reconciler.test.ts', 'wall clock is wrong'),
  },
  {
    name: 'rotation: R8: a recall is not deleted by one look past its end',
    file: 'src/rotation/recalls.ts',
    guard: ' || nowMs >= sinceMs + EXPIRY_PATIENCE_MS',
    gone: ' || nowMs >= sinceMs',
    test: unit('rotation/recalls.test.ts', 'wall clock was wrong'),
  },
  {
    name: 'rotation: R8: a recall that stands again has its patience anew',
    file: 'src/rotation/recalls.ts',
    guard: '    for (const { set } of live) this.#lapsedSinceMs.delete(set.hash)\n',
    gone: '',
    test: unit('rotation/recalls.test.ts', 'wall clock was wrong'),
  },
  {
    name: 'rotation: R20: the pause between two answers is no matter of the wall clock',
    file: 'src/rounds/drivers/certificate-help.ts',
    guard: 'clock.monotonicMs()',
    gone: 'clock.now()',
    test: unit('rounds/certificate-help.test.ts', 'set back'),
  },
  {
    name: 'rotation: R17: a node whose key speaks elsewhere says nothing of a rotation',
    file: 'src/node/signing-parts.ts',
    guard: 'const messenger = elsewhere.guard(host.messenger)',
    gone: 'const messenger = host.messenger',
    test: unit('node/wired.test.ts', 'its own key'),
  },
  {
    name: 'rotation: R17: nor with its next key',
    file: 'src/node/signing-parts.ts',
    guard: 'messenger: elsewhere.guard(host.speaker(nextKey.keyPair)),',
    gone: 'messenger: host.speaker(nextKey.keyPair),',
    test: unit('node/wired.test.ts', 'its next key'),
  },
  {
    name: 'rotation: R17: nor takes part in rounds of its active key',
    file: 'src/node/signing-parts.ts',
    guard: '(elsewhere.stopped ? undefined : activeKey())',
    gone: 'activeKey()',
    test: unit('node/wired.test.ts', 'leave the rounds'),
  },
  {
    name: 'rotation: R17: the reconciler of the wired node asks',
    file: 'src/node/signing-parts.ts',
    guard: `    isKeyElsewhere: () => elsewhere.stopped,\n    exposeSecret`,
    gone: `    isKeyElsewhere: () => false,\n    exposeSecret`,
    test: unit('node/wired.test.ts', 'nothing more of a rotation'),
  },
  {
    name: 'rotation: R17: nothing is opened by a node whose key speaks elsewhere',
    file: 'src/rotation/reconciler.ts',
    guard: 'watcher.stale() || this.#c.isKeyElsewhere()',
    gone: 'watcher.stale()',
    test: unit('rotation/reconciler.test.ts', 'R17'),
  },
  {
    name: 'rotation: R17: nothing is approved by a node whose key speaks elsewhere',
    file: 'src/rotation/reconciler.ts',
    guard: `    if (this.#c.isKeyElsewhere()) throw keyElsewhere('approved')\n`,
    gone: `    void keyElsewhere\n`,
    test: unit('rotation/reconciler.test.ts', 'R17'),
  },
  {
    name: 'rotation: R17: nothing is co-signed with a key that was heard elsewhere meanwhile',
    file: 'src/rotation/cosigner.ts',
    guard: `    if (this.#c.isKeyElsewhere()) throw keyElsewhere('co-signed')\n`,
    gone: `    void keyElsewhere\n`,
    test: unit('rotation/cosigner.test.ts', 'R17'),
  },
  {
    name: 'rotation: R17: no step is taken with a key that speaks elsewhere',
    file: 'src/rotation/decide.ts',
    guard: `  if (f.stopped) return { kind: 'wait', for: 'restart', missing: [] }\n`,
    gone: '',
    test: unit('rotation/decide.test.ts', 'R17'),
  },
]
