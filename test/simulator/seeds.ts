/**
 * Seeds for `it.each`: so many in `npm test`, and as many as `SIMULATION_SEEDS` says in a long run.
 * `SIMULATION_SEED=17` plays one again.
 */
export function seeds(count: number): readonly string[] {
  const { SIMULATION_SEED: one, SIMULATION_SEEDS: many } = process.env
  if (one !== undefined) return [one]
  return Array.from({ length: many === undefined ? count : Number(many) }, (_, i) => String(i + 1))
}
