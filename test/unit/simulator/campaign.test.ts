import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { playAll, type Told } from '../../simulator/campaign/crew.ts'
import { Summary } from '../../simulator/campaign/summary.ts'
import type { Verdict } from '../../simulator/campaign/verdict.ts'

const worker = fileURLToPath(new URL('odd-worker.ts', import.meta.url))
async function told(seeds: readonly string[], jobs: number, timeoutMs?: number): Promise<readonly Told[]> {
  const all: Told[] = []
  await playAll(seeds, jobs, (one) => all.push(one), { worker, ...(timeoutMs !== undefined && { timeoutMs }) })
  return all
}
const wrongOf = (all: readonly Told[]) => all.map(({ verdict }) => [verdict.seed, verdict.wrong])

describe('the crew that plays a campaign', () => {
  it('should play every seed once, in as many processes as there are jobs', async () => {
    const all = await told(['a', 'b', 'c', 'd'], 2)
    expect(all.map((t) => t.verdict.seed).toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect(new Set(all.map((t) => t.verdict.tally?.slowestMs)).size).toBeLessThanOrEqual(2)
    expect(all.flatMap((t) => t.verdict.wrong)).toEqual([])
  })
  it('should count a seed as failed whose process dies, and play the next one in another', async () => {
    expect(wrongOf(await told(['die', 'a'], 1))).toEqual([
      ['die', ['its process ended: 3']],
      ['a', []],
    ])
  })
  it('should count a seed as failed that does not end', async () => {
    expect(wrongOf(await told(['mute'], 1, 100))).toEqual([['mute', ['did not end within 100 ms']]])
  })
})

describe('the sum of a campaign', () => {
  const fate = (proven: number, unheard: number, lost: number) => ({
    ...{ injected: proven + unheard + lost, proven, unheard, lost },
  })
  const verdict = (seed: string, over: Partial<Verdict> = {}): Verdict => ({
    ...{ seed, wrong: [], tally: undefined, account: undefined },
    ...over,
  })

  it('should name every seed that failed', () => {
    const summary = new Summary()
    for (const v of [verdict('1'), verdict('2', { wrong: ['x'] }), verdict('3', { wrong: ['y'] })]) summary.add(v)
    expect(summary.failed).toEqual(['2', '3'])
    expect(summary.lines().at(-1)).toBe('failed: 2 of 3, seeds 2, 3')
  })
  it('should say that all held only where none failed', () => {
    const summary = new Summary()
    summary.add(verdict('1'))
    expect(summary.lines().at(-1)).toBe('all 1 campaigns held')
  })
  it('should add up what became of the faults of each kind, and honest members that were named', () => {
    const summary = new Summary()
    const account = (honestNamed: number) => ({ honestNamed, fates: { 'two pools': fate(2, 1, 0) } })
    summary.add(verdict('1', { account: account(0) }))
    summary.add(verdict('2', { account: { ...account(1), fates: { 'two pools': fate(0, 0, 4) } } }))
    const lines = summary.lines().map((l) => l.trim().split(/\s{2,}/))
    expect(lines).toContainEqual(['two pools', '7', '2', '1', '4'])
    expect(lines).toContainEqual(['all', '7', '2', '1', '4'])
    expect(lines).toContainEqual(['honest members named: 1'])
  })
})
