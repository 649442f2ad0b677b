import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Coverage } from '../../model/coverage.ts'
import type { Scenario } from '../../model/events.ts'
import { playMany } from '../../model/many.ts'
import { play } from '../../model/run.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const MODEL = join(ROOT, 'test/model')
/** The model itself; the others connect it to the code that it judges. */
const RULES = ['rules.ts', 'readings.ts', 'chain.ts', 'node.ts', 'universe.ts']

const importsOf = (file: string): string[] =>
  [...readFileSync(join(MODEL, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (m) => m[1] ?? '',
  )
const pathOf = (specifier: string): string =>
  specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname('test/model/x'), specifier)) : specifier

describe('the reference model (R4–R9)', () => {
  it('should be a model of its own: no file of it imports a room but base and curve', () => {
    for (const file of RULES)
      for (const specifier of importsOf(file)) {
        const path = pathOf(specifier)
        const allowed = ['src/base/index.ts', 'src/curve/index.ts', ...RULES.map((name) => `test/model/${name}`)]
        expect(allowed, `${file} imports ${specifier}`).toContain(path)
      }
  })

  it('should find the imports that it forbids', () => {
    expect(importsOf('compare.ts').map(pathOf)).toContain('src/gating/index.ts')
    expect(importsOf('system.ts').map(pathOf)).toContain('src/registry/index.ts')
    expect(readdirSync(MODEL)).toEqual(expect.arrayContaining(RULES))
  })
})

/** Histories on which they once disagreed. */
const KEPT: readonly (readonly [what: string, history: Pick<Scenario, 'endpoints' | 'quorum' | 'events'>])[] = [
  [
    'one liar of two lists a block of another branch, so that the newest one seems to stand far below',
    {
      endpoints: 2,
      quorum: 2,
      events: [
        { event: { do: 'mine', steps: ['tenure', 'tenure', 'tenure', 'extend'] }, read: false },
        { event: { do: 'mine', steps: ['tenure', 'empty'] }, read: false },
        {
          event: {
            do: 'endpoints',
            moods: [{ lag: 3, lies: { tip: 'true-but-higher', tenure: 'old-branch', data: 'none' } }, { lag: 3 }],
          },
          read: true,
        },
      ],
    },
  ],
]

describe('gate and registry against the reference model', () => {
  it.each(KEPT)('R4–R9: should agree where %s', async (_what, history) => {
    const config = { bridges: [], backups: [], denied: [], onStale: 'freeze' } as const
    await play({ confirmations: 0, start: 'set1', config, ...history }, new Coverage())
  })

  // 500 take ten seconds of one core.
  it('R4–R9: should never disagree over 500 random histories of the chain', { timeout: 240_000 }, async () => {
    const coverage = await playMany(500, Date.now() & 0x7fff_ffff)
    // A run in which nothing happens would prove nothing.
    for (const what of [
      ...['reading failed', 'set changed', 'went back', 'stayed', 'self removed', 'recalled topic'],
      ...['stale, freeze', 'stale, close', 'role signer', 'role pending', 'role retired', 'role bridge', 'role backup'],
      ...['removed, yet pending', 'removed, yet retired', 'removed, yet bridge', 'garbage was the newest', 'liars'],
    ])
      expect(coverage.of(what), what).toBeGreaterThan(0)
  })
})
