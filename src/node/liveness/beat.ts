import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { asSetHash, equalBytes, fromHex, type SetHash, toHex, utf8 } from '../../base/index.ts'
import { sha256 } from '../../curve/index.ts'
import { type Beat as BeatMessage, BeatSchema } from './pb/beat_pb.ts'

/** Every beat is of the one round that never ends; the attempt counts beats, so that each has a slot of its own (R16). */
export const BEAT_ROUND = toHex(sha256(utf8('countersign/liveness/v1')))
export const BEAT_STEP = 'beat'
const VERSION = 1
/** A double voice is proven by one envelope of each boot, and more than two doubled keys at once are for people. */
export const MAX_DOUBLE_VOICES = 4
/** One beat's envelope, which carries no double voices of its own when it is passed on, is under 300 bytes. */
export const MAX_DOUBLE_VOICE_BYTES = 512
const MAX_BEAT_BYTES = 256 + MAX_DOUBLE_VOICES * (MAX_DOUBLE_VOICE_BYTES + 4)

/** What a member says of itself. Only a claim: it moves nothing but what operators see. */
export interface Beat {
  readonly setHash: SetHash
  readonly stacksHeight: number
  readonly burnHeight: number
  /** 64 hex digits. */
  readonly indexBlockHash: string
  /** Unix ms of the member's clock. */
  readonly sentAtMs: number
  readonly keyHeld: boolean
  readonly signing: boolean
  readonly registryFresh: boolean
  /** Wires of others' beats; see R17. */
  readonly doubleVoices: readonly Uint8Array[]
}

export function encodeBeat(beat: Beat): Uint8Array {
  return toBinary(
    BeatSchema,
    create(BeatSchema, {
      version: VERSION,
      setHash: fromHex(beat.setHash),
      stacksHeight: BigInt(beat.stacksHeight),
      burnHeight: BigInt(beat.burnHeight),
      indexBlockHash: fromHex(beat.indexBlockHash),
      sentAtMs: BigInt(beat.sentAtMs),
      keyHeld: beat.keyHeld,
      signing: beat.signing,
      registryFresh: beat.registryFresh,
      doubleVoices: [...beat.doubleVoices],
    }),
  )
}

/**
 * `malformed`: not what `encodeBeat` makes, in one canonical form. `version`: of a newer node, which is no offence (R14).
 * Never throws.
 */
export function decodeBeat(payload: Uint8Array): Beat | 'malformed' | 'version' {
  if (payload.length > MAX_BEAT_BYTES) return 'malformed'
  try {
    const message = fromBinary(BeatSchema, payload, { readUnknownFields: false })
    if (message.version > VERSION) return 'version'
    const isCanonical = equalBytes(toBinary(BeatSchema, message), payload)
    return message.version === VERSION && isCanonical ? (beatOf(message) ?? 'malformed') : 'malformed'
  } catch {
    return 'malformed'
  }
}

function beatOf(m: BeatMessage): Beat | undefined {
  const [stacksHeight, burnHeight, sentAtMs] = [Number(m.stacksHeight), Number(m.burnHeight), Number(m.sentAtMs)]
  if (![stacksHeight, burnHeight, sentAtMs].every(Number.isSafeInteger)) return undefined
  if (m.setHash.length !== 32 || m.indexBlockHash.length !== 32) return undefined
  if (m.doubleVoices.length > MAX_DOUBLE_VOICES) return undefined
  if (m.doubleVoices.some((wire) => wire.length > MAX_DOUBLE_VOICE_BYTES)) return undefined
  const { keyHeld, signing, registryFresh, doubleVoices } = m
  const setHash = asSetHash(toHex(m.setHash))
  const indexBlockHash = toHex(m.indexBlockHash)
  return {
    ...{ setHash, stacksHeight, burnHeight, indexBlockHash, sentAtMs },
    ...{ keyHeld, signing, registryFresh, doubleVoices },
  }
}
