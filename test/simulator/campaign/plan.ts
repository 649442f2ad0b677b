import { LIMITS, toHex, utf8 } from '../../../src/base/index.ts'
import { sha256 } from '../../../src/curve/index.ts'
import type { SignItem } from '../../../src/signer/index.ts'
import type { Random } from '../random.ts'
import { CALM, type Faults } from '../weather.ts'
import { type Cheat, drawCheats } from './cheats.ts'

export const SIZE = 15
export const THRESHOLD = 10

/** What one bridge or more ask for. */
export interface Asked {
  readonly id: string
  readonly items: readonly SignItem[]
  /** When the first bridge asks, from the beginning. */
  readonly atMs: number
}
/** The process of an honest member is killed, and started again. */
export interface Restart {
  readonly node: number
  readonly atMs: number
  readonly downMs: number
}
export interface Plan {
  readonly seed: string
  readonly faults: Faults
  readonly asked: readonly Asked[]
}
/** Who does what, by node. */
export interface Cast {
  readonly cheats: ReadonlyMap<number, readonly Cheat[]>
  readonly restarts: readonly Restart[]
}

/** Bad enough that messages are lost, doubled and overtaken. */
const UNEVEN: Faults = { delayMs: [20, 120], loss: 0.02, duplication: 0.1, reordering: 0.1, lateMs: 500 }
const WITHIN_MS = 1_500

export function drawPlan(seed: string, random: Random): Plan {
  const requests = Math.floor(random.between(2, 4))
  const asked = Array.from({ length: requests }, (_, r): Asked => {
    const size = random.chance(0.5) ? 1 : Math.floor(random.between(2, 5))
    const name = `campaign ${seed} request ${r}`
    const items = Array.from({ length: size }, (_, i) => itemOf(`${name} digest ${i}`, random))
    return { id: toHex(utf8(name)), items, atMs: r === 0 ? 0 : Math.floor(random.between(0, WITHIN_MS)) }
  })
  return { seed, faults: random.chance(0.6) ? CALM : UNEVEN, asked }
}

function itemOf(name: string, random: Random): SignItem {
  const digest = sha256(utf8(name))
  if (random.chance(0.6)) return { digest, tweak: { kind: 'none' } }
  return { digest, tweak: { kind: 'key', merkleRoot: random.chance(0.5) ? sha256(digest) : null } }
}

/**
 * As many faulty members as the others can do without; in every other cast those that are to coordinate first.
 * `order`: nodes as they coordinate the first request.
 */
export function drawCast(order: readonly number[], random: Random): Cast {
  const nodes = random.chance(0.5) ? [...order] : random.shuffled(order)
  const faulty = nodes.slice(0, SIZE - THRESHOLD)
  const honest = random.shuffled(nodes.slice(SIZE - THRESHOLD))
  const count = random.chance(0.4) ? 0 : random.chance(0.7) ? 1 : 2
  const restarts = honest.slice(0, count).map((node) => ({
    node,
    atMs: Math.floor(random.between(1, WITHIN_MS + 2 * LIMITS.coordinatorDelayMs)),
    downMs: Math.floor(random.between(100, 3_000)),
  }))
  return { cheats: new Map(faulty.map((node) => [node, drawCheats(random)])), restarts }
}

export const isHonest = (cast: Cast, node: number): boolean => !cast.cheats.has(node)

/** One bridge is never just as quick as another. */
export const bridgeLateMs = (random: Random): number => Math.floor(random.between(0, 200))
