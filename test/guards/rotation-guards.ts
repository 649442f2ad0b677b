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
]
