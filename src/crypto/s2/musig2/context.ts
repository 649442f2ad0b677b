import { concatBytes, equalBytes, LIMITS, toHex } from '../../../base/index.ts'
import { type Curve, curve, xOnly } from '../../../curve/index.ts'
import { tweakScalar } from '../../signing/tweak.ts'
import { type AggregateKey, aggregateKeys, tweakKey, weightOf } from './aggregate-key.ts'
import { MusigError } from './errors.ts'

/** Who signs together, and under what. */
export interface MusigParams {
  /** x-only, 32 bytes each, in the order in which they are aggregated: never sorted. */
  readonly orderedPublicKeys: readonly Uint8Array[]
  readonly tweak: MusigTweak
}
export type MusigTweak =
  /** The output key of BIP341, without a root that of BIP86. */
  | { readonly kind: 'key'; readonly merkleRoot: Uint8Array | null }
  /** No tweak at all, for leaves of a script tree. */
  | { readonly kind: 'script' }

/**
 * What is the same for all nonces and signatures of some keys and a tweak. Holds no secrets; made once, it costs the same to use for
 * any number of keys. Belongs to the backend that made it.
 */
export interface MusigContext {
  /** x-only, 32 bytes, tweaked: what signatures verify under. */
  readonly publicKey: Uint8Array
  readonly ownIndex: number
  /** 33 bytes. */
  readonly ownPublicKey: Uint8Array
  /** What the own share is multiplied with beside the challenge, 32 bytes. */
  readonly ownWeight: Uint8Array
  readonly key: AggregateKey
  readonly port: Curve
}

const X_BYTES = 32
const EVEN = Uint8Array.of(2)

/** `ownPublicKey`: x-only. Throws MusigError with whatever is wrong with the params. */
export function openMusig(params: MusigParams, ownPublicKey: Uint8Array, port: Curve = curve): MusigContext {
  const { orderedPublicKeys, tweak } = params
  checkList(orderedPublicKeys)
  const ownIndex = orderedPublicKeys.findIndex((key) => equalBytes(key, ownPublicKey))
  // Before any arithmetic: who is no part of it can't make this signer work for it.
  if (ownIndex < 0)
    throw new MusigError('OUR_PUB_KEY_IS_NOT_IN_PARAMS', "this signer's public key is not in the list of ordered keys")
  const sum = aggregateKeys(
    orderedPublicKeys.map((key) => concatBytes(EVEN, key)),
    port,
  )
  const key = tweaked(sum, tweak, port)
  const own = concatBytes(EVEN, ownPublicKey)
  return {
    publicKey: xOnly(key.point),
    ownIndex,
    ownPublicKey: own,
    ownWeight: weightOf(key, own, port),
    key,
    port,
  }
}

function tweaked(key: AggregateKey, tweak: MusigTweak, port: Curve): AggregateKey {
  if (tweak.kind === 'script') return key
  if (tweak.merkleRoot !== null && tweak.merkleRoot.length !== 32)
    throw new MusigError('MERKLE_ROOT_LENGTH', 'a merkle root has 32 bytes')
  return tweakKey(key, tweakScalar(key.point, tweak.merkleRoot), true, port)
}

function checkList(keys: readonly Uint8Array[]): void {
  if (keys.length === 0) throw new MusigError('NO_KEYS', 'there are no keys to aggregate: name at least one')
  if (keys.length > LIMITS.maxMusigKeys)
    throw new MusigError('TOO_MANY_KEYS', `at most ${LIMITS.maxMusigKeys} keys can sign together`)
  const signer = keys.findIndex((key) => key.length !== X_BYTES)
  if (signer >= 0) throw new MusigError('KEY_LENGTH', `key ${signer} of the list has not 32 bytes`, { signer })
  const seen = new Set<string>()
  for (const [at, key] of keys.entries()) {
    const name = toHex(key)
    if (seen.has(name)) throw new MusigError('DUPLICATE_KEY', `key ${at} is in the list before`, { signer: at })
    seen.add(name)
  }
}
