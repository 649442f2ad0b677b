import { LIMITS } from '../base/index.ts'

/** Full jitter between nothing and the doubled delay: nodes that lost each other at once don't come back at once. */
export function redialDelayMs(failures: number, random: () => number): number {
  const ceiling = Math.min(LIMITS.redialMaxMs, LIMITS.redialMinMs * 2 ** Math.min(failures, 16))
  return Math.floor(random() * ceiling)
}
