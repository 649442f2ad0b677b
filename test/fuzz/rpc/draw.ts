import type { Random } from '../../simulator/random.ts'

/** Draws that every part of the campaign needs. */
export const below = (random: Random, count: number): number => Math.floor(random.next() * count)

export function pick<T>(random: Random, from: readonly T[]): T {
  const item = from[below(random, from.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

export const bytesOf = (random: Random, length: number) => Uint8Array.from({ length }, () => below(random, 256))
