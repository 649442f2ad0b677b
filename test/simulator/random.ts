import { fromHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/curve/index.ts'

/** A seeded source of numbers. Sources made by `fork` don't disturb each other, so that one more draw here shifts nothing there. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** In [least, most). */
  between(least: number, most: number): number
  chance(probability: number): boolean
  shuffled<T>(items: readonly T[]): T[]
  fork(name: string): Random
}

export function seededRandom(seed: string): Random {
  const state = sha256(utf8(seed))
  const words = new DataView(state.buffer, state.byteOffset)
  const next = sfc32(words.getUint32(0), words.getUint32(4), words.getUint32(8), words.getUint32(12))
  const between = (least: number, most: number) => least + next() * (most - least)
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    shuffled: (items) =>
      items
        .map((item) => ({ item, at: next() }))
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item),
    fork: (name) => seededRandom(`${seed}/${name}`),
  }
}

/** Chris Doty-Humphrey's small fast counter: 32 bits a time, more than enough for schedules. */
function sfc32(a: number, b: number, c: number, counter: number): () => number {
  return () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 2 ** 32
  }
}

/**
 * Keys, nonces and shares are drawn from the seed, too, while a simulation lives: coordinators are ordered by hashes of
 * group keys, so two runs with other keys would be two schedules. Returns what gives the process its own randomness back.
 */
export function seedProcess(random: Random): () => void {
  const fill = <T extends ArrayBufferView | null>(into: T): T => {
    if (into !== null) {
      const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength)
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random.next() * 256)
    }
    return into
  }
  Object.defineProperty(globalThis.crypto, 'getRandomValues', { value: fill, configurable: true })
  return () => void Reflect.deleteProperty(globalThis.crypto, 'getRandomValues')
}

/** 32 bytes of a source, as a key's secret wants them. */
export const secretOf = (random: Random): Uint8Array =>
  fromHex(Array.from({ length: 64 }, () => Math.floor(random.between(0, 16)).toString(16)).join(''))
