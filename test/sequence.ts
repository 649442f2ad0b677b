import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take long for their size: a fresh clone has no times to sort by, and would begin them last. */
const LONG: readonly string[] = [
  'e2e/two-devnets',
  'e2e/recall',
  'e2e/next-key',
  'e2e/devnet-once',
  'incidents/05-stranger-memory',
  'integration/campaign-simulated',
  'integration/liveness',
  'incidents/41-stuck-wait',
  'integration/partition',
]

/**
 * Files of whole devnets keep the processor busy, integration tests mostly wait for timers: spread evenly among each other
 * they use the machine fully, and never are there devnets only. Unit tests fill what is left.
 */
export class Interleaved extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = longFirst(await super.sort(files))
    const of = (name: string) => sorted.filter((file) => file.project.name === name)
    const spread = ['e2e', 'integration'].flatMap((name) =>
      of(name).map((file, i, { length }) => ({ file, place: i / length })),
    )
    const rest = sorted.filter((file) => !spread.some((s) => s.file === file))
    return [...spread.sort((a, b) => a.place - b.place).map(({ file }) => file), ...rest]
  }
}

function longFirst(files: readonly TestSpecification[]): TestSpecification[] {
  const rankOf = ({ moduleId }: TestSpecification): number => {
    const rank = LONG.findIndex((name) => moduleId.endsWith(`${name}.test.ts`))
    return rank === -1 ? LONG.length : rank
  }
  return [...files].sort((a, b) => rankOf(a) - rankOf(b))
}
