import { stringify } from 'fast-check'
import type { Chain } from './chain.ts'
import { blockId, type EndpointMood, viewOf } from './endpoint.ts'
import type { Scenario } from './events.ts'

/** A lying minority: fewer than a quorum, whatever the generator made; the others are honest at the same lag. */
export function fewLiars(moods: readonly EndpointMood[], { endpoints, quorum }: Scenario): readonly EndpointMood[] {
  let liars = 0
  return moods.slice(0, endpoints).map((mood) => {
    if (mood.lies === undefined || ++liars < quorum) return mood
    return { lag: mood.lag }
  })
}

/** Chain and endpoints as they are now, for a person who looks for the reason of a disagreement. */
export function describeWorld(
  { endpoints, quorum, confirmations }: Scenario,
  chain: Chain,
  moods: readonly EndpointMood[],
): string {
  const blocks = chain.blocks.map((b) => {
    const place = `on ${b.parent?.n ?? 'nothing'}, Stacks ${b.stacksHeight}, Bitcoin ${b.burnHeight}`
    return `block ${b.n} (${blockId(b).slice(0, 6)}) ${place}${b.isFirst ? ', first of its tenure' : ''}: ${b.state}`
  })
  const shown = moods.slice(0, endpoints).map((mood, i) => {
    const { tip, reached } = viewOf(chain, mood)
    return `node${i} ${stringify(mood)}: block ${tip.n}, Bitcoin ${reached}`
  })
  return [`quorum ${quorum} of ${endpoints}, ${confirmations} confirmations`, ...blocks, ...shown].join('\n')
}
