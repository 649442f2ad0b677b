import { defineConfig } from 'vitest/config'
import { Interleaved } from './test/sequence.ts'

const project = (name: string, include: string[], testTimeout: number, isolate: boolean) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout, pool: 'forks' as const, isolate },
})

// Deadlines are generous on purpose: tests assert behaviour, benchmarks measure time.
export default defineConfig({
  test: {
    // Two more than the two processors that the suite is made for: most of its time is spent waiting for timers.
    maxWorkers: 4,
    sequence: { sequencer: Interleaved },
    projects: [
      // Files of one process: two thirds of their time would be spent loading the same modules again.
      project('unit', ['test/unit/**/*.test.ts', 'test/architecture.test.ts'], 30_000, false),
      project('integration', ['test/integration/**/*.test.ts', 'test/incidents/**/*.test.ts'], 90_000, true),
      project('e2e', ['test/e2e/**/*.test.ts'], 240_000, true),
      // What `npm test` has in a quicker form: see the table of tests in ARCHITECTURE.md.
      ...(process.env.SLOW_TESTS === undefined ? [] : [project('slow', ['test/slow/**/*.test.ts'], 240_000, true)]),
    ],
  },
})
