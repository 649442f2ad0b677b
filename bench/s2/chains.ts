/** One step of a hash chain, 20 bytes to 20 bytes: our chain beside what else there is, all in turns in this process. */
import { equalBytes } from '../../src/base/index.ts'
import { hash160Chain } from '../../src/curve/index.ts'
import { type Hash160, nobleHash160, systemHash160, wasmHash160 } from '../baseline/hash160.ts'
import { cpuMs, median } from '../rounds/measure.ts'
import type { Row, Section } from '../rounds/row.ts'

const STEPS = 8_000
const TAKES = 40

/** Runs `STEPS` of them, and says where they lead. */
type Chain = () => Uint8Array

const by =
  (hash160: Hash160): Chain =>
  () => {
    let at: Uint8Array = new Uint8Array(20)
    for (let i = 0; i < STEPS; i++) at = hash160(at)
    return at
  }
/** In pieces as long as a key's chains, which is how we use it. */
const ours: Chain = () => {
  const at = new Uint8Array(20)
  for (let i = 0; i < STEPS; i += 16) hash160Chain(at, 16, at)
  return at
}

export const chainSteps: Section = async () => {
  const chains: readonly (readonly [string, Chain])[] = [
    ['kept noble objects (ours)', ours],
    ['hash-wasm', by(await wasmHash160())],
    ['node:crypto', by(systemHash160)],
    ['noble', by(nobleHash160)],
  ]
  for (const [name, chain] of chains)
    if (!equalBytes(chain(), ours())) throw new Error(`${name} makes another chain than ours`)
  const taken = chains.map((): number[] => [])
  for (let i = 0; i < TAKES; i++) for (const [c, [, chain]] of chains.entries()) taken[c]?.push(cpuMs(chain))
  const usOf = (c: number): number => (median(taken[c] ?? []) * 1_000) / STEPS
  const [first = 0, ...others] = chains.map((_, c) => usOf(c))
  return others.map(
    (other, i): Row => ({
      name: `HASH160 step, beside ${chains[i + 1]?.[0]}`,
      unit: 'µs CPU',
      ours: first,
      baseline: other,
    }),
  )
}
