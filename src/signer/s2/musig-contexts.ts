import { toHex } from '../../base/index.ts'
import { type MusigCode, type MusigContext, MusigError, openMusig } from '../../crypto/index.ts'
import { AggregationQueue } from './aggregation-queue.ts'
import { paramsHash } from './binding-key.ts'
import { S2Error } from './errors.ts'
import type { MusigParams } from './types.ts'

/** Contexts that are kept: of 15 keys each, about a thousand. A deposit's nonces and signatures share a few. */
const MAX_BYTES = 4 * 1024 * 1024
/** What a context and each of its keys take in memory, roughly. */
const CONTEXT_BYTES = 1_024
const KEY_BYTES = 192

export interface OpenedParams {
  readonly context: MusigContext
  /** Of keys, order and tweak. */
  readonly hash: Uint8Array
}

/** Aggregated keys by (ordered keys, tweak), so that a signature costs the same for any number of them. Public. */
export class MusigContexts {
  readonly #ownPublicKey: Uint8Array
  readonly #maxBytes: number
  readonly #known = new Map<string, { readonly opened: OpenedParams; readonly bytes: number }>()
  readonly #queue = new AggregationQueue<OpenedParams>()
  #bytes = 0

  /** `ownPublicKey`: x-only. */
  constructor(ownPublicKey: Uint8Array, maxBytes = MAX_BYTES) {
    this.#ownPublicKey = ownPublicKey
    this.#maxBytes = maxBytes
  }

  /**
   * What is kept is there at once. Any other list is aggregated in a turn of the event loop of its own: of 128 keys that takes 12 ms, and whoever
   * shuffles them is in no cache. Throws as `open`, `OVERLOADED` while too many lists wait, and for the signal as `requireWanted` does.
   */
  opened(params: MusigParams, signal: AbortSignal | undefined): OpenedParams | Promise<OpenedParams> {
    const hash = paramsHash(params)
    const name = toHex(hash)
    const kept = this.#kept(name)
    if (kept !== undefined) return kept
    // The caller's bytes are his own.
    const own = copyOf(params)
    return this.#queue.do(name, () => this.#make(own, hash, name), signal)
  }

  /** At once, whatever it takes. Throws S2Error `OUR_PUB_KEY_IS_NOT_IN_PARAMS`, `BAD_REQUEST`. */
  open(params: MusigParams): OpenedParams {
    const hash = paramsHash(params)
    const name = toHex(hash)
    return this.#kept(name) ?? this.#make(params, hash, name)
  }

  #kept(name: string): OpenedParams | undefined {
    const known = this.#known.get(name)
    if (known === undefined) return undefined
    this.#known.delete(name)
    this.#known.set(name, known)
    return known.opened
  }

  #make(params: MusigParams, hash: Uint8Array, name: string): OpenedParams {
    const opened = { context: openOrRefuse(params, this.#ownPublicKey), hash }
    const bytes = CONTEXT_BYTES + KEY_BYTES * params.orderedPublicKeys.length
    this.#known.set(name, { opened, bytes })
    this.#bytes += bytes
    this.#dropOldest()
    return opened
  }

  /** Of contexts that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  #dropOldest(): void {
    for (const [name, { bytes }] of this.#known) {
      if (this.#bytes <= this.#maxBytes) return
      this.#known.delete(name)
      this.#bytes -= bytes
    }
  }
}

const copyOf = ({ orderedPublicKeys, tweak }: MusigParams): MusigParams => ({
  orderedPublicKeys: orderedPublicKeys.map((key) => Uint8Array.from(key)),
  tweak:
    tweak.kind === 'script' || tweak.merkleRoot === null
      ? tweak
      : { ...tweak, merkleRoot: Uint8Array.from(tweak.merkleRoot) },
})

function openOrRefuse(params: MusigParams, ownPublicKey: Uint8Array): MusigContext {
  try {
    return openMusig(params, ownPublicKey)
  } catch (error) {
    if (!(error instanceof MusigError)) throw error
    if (error.code === 'OUR_PUB_KEY_IS_NOT_IN_PARAMS')
      throw new S2Error('OUR_PUB_KEY_IS_NOT_IN_PARAMS', error.message, {}, { cause: error })
    throw new S2Error('BAD_REQUEST', error.message, faultOf(error.code), { cause: error })
  }
}

const faultOf = (code: MusigCode): { readonly field: string; readonly expected: string } =>
  code === 'MERKLE_ROOT_LENGTH' || code === 'TWEAK_INVALID' || code === 'AGGREGATE_AT_INFINITY'
    ? { field: 'tweak', expected: 'a merkle root of 32 bytes that tweaks these keys, or none' }
    : { field: 'ordered_pubkeys', expected: 'x-only keys of 32 bytes, each once, whose sum is a point' }
