import { concatBytes, u32be } from '../../base/index.ts'
import type { BindingKey } from './binding-key.ts'
import { S2StateError } from './errors.ts'

/** What the store knows of a MuSig2 nonce. */
export interface NonceRecord {
  readonly kind: 'nonce'
  /**
   * `native`: made here, with randomness that stands only here (R31). `reference`: derived as the reference does, so it can be made
   * again at any time (R33). `elsewhere`: another store made it, and a journal says so; it is never answered here.
   */
  readonly origin: 'native' | 'reference' | 'elsewhere'
  /** Counts retirements: records of a retired generation are dropped together. */
  readonly generation: number
  /** Of the process that made the record, 8 bytes: a store that can't prove its continuity trusts its own run alone (R32). */
  readonly run: Uint8Array
  /** 32 bytes, of a native one. */
  readonly randomness: Uint8Array | undefined
  /** Hash of what it signed; undefined while it signed nothing. */
  readonly use: Uint8Array | undefined
}

/** What a one-time signing key was used for (R34). */
export interface WotsRecord {
  readonly kind: 'wots'
  /** `spoiled`: two stores used it differently, so nothing is ever signed with it again. */
  readonly use: Uint8Array | 'spoiled'
}

export type OneTimeRecord = NonceRecord | WotsRecord

export const RUN_BYTES = 8
/** First byte of a run, and what its store was when it made its records. */
const RUN_STANDINGS = { proven: 0, lost: 1 } as const

/** A new name for records of this process. `random`: `RUN_BYTES` bytes. */
export function newRun(standing: keyof typeof RUN_STANDINGS, random: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(RUN_STANDINGS[standing]), random.subarray(1))
}
export const isOfLostRun = ({ run }: Pick<NonceRecord, 'run'>): boolean => run[0] === RUN_STANDINGS.lost

export const RANDOMNESS_BYTES = 32
const HASH_BYTES = 32
const GENERATION_BYTES = 4
/** First byte of a record, its version. Never given to anything else. */
const TYPES = { native: 1, reference: 2, elsewhere: 3, wots: 16, spoiled: 17 } as const
const NOTHING = new Uint8Array(0)

export function encodeRecord(record: OneTimeRecord): Uint8Array {
  if (record.kind === 'wots')
    return record.use === 'spoiled' ? Uint8Array.of(TYPES.spoiled) : concatBytes(Uint8Array.of(TYPES.wots), record.use)
  const { origin, generation, run, randomness = NOTHING, use = NOTHING } = record
  return concatBytes(Uint8Array.of(TYPES[origin]), u32be(generation), run, randomness, use)
}

/** Throws `S2_BINDINGS_UNREADABLE`. */
export function decodeRecord(key: BindingKey, bytes: Uint8Array): OneTimeRecord {
  const record = key.startsWith('w') ? decodeWots(bytes) : decodeNonce(bytes)
  if (record !== undefined) return record
  throw new S2StateError('S2_BINDINGS_UNREADABLE', `the stored binding ${key} is malformed; restore the data folder`, {
    key,
  })
}

function decodeWots(bytes: Uint8Array): WotsRecord | undefined {
  if (bytes[0] === TYPES.spoiled && bytes.length === 1) return { kind: 'wots', use: 'spoiled' }
  if (bytes[0] === TYPES.wots && bytes.length === 1 + HASH_BYTES) return { kind: 'wots', use: bytes.slice(1) }
  return undefined
}

function decodeNonce(bytes: Uint8Array): NonceRecord | undefined {
  const origin = (['native', 'reference', 'elsewhere'] as const).find((name) => TYPES[name] === bytes[0])
  if (origin === undefined) return undefined
  const runAt = 1 + GENERATION_BYTES
  const randomnessAt = runAt + RUN_BYTES
  const useAt = randomnessAt + (origin === 'native' ? RANDOMNESS_BYTES : 0)
  if (bytes.length !== useAt && bytes.length !== useAt + HASH_BYTES) return undefined
  return {
    kind: 'nonce',
    origin,
    generation: new DataView(bytes.buffer, bytes.byteOffset).getUint32(1),
    run: bytes.slice(runAt, randomnessAt),
    randomness: origin === 'native' ? bytes.slice(randomnessAt, useAt) : undefined,
    use: bytes.length === useAt ? undefined : bytes.slice(useAt),
  }
}
