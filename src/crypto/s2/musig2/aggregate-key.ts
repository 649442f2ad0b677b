import { compareBytes, concatBytes, equalBytes } from '../../../base/index.ts'
import { type Curve, curve, GENERATOR, taggedHash } from '../../../curve/index.ts'
import { MusigError, orMusigError } from './errors.ts'
import { isOdd, negated, ONE, POINT_BYTES } from './points.ts'

/** KeyAgg Context of BIP327, with what the coefficients are made of. Public. */
export interface AggregateKey {
  /** Q, a point of either parity. */
  readonly point: Uint8Array
  /** gacc is −1: tweaks have negated the sum of the keys. */
  readonly isNegated: boolean
  /** tacc: what tweaks have added to the sum. */
  readonly tweak: Uint8Array
  /** The keys that were aggregated, 33 bytes each. */
  readonly keys: readonly Uint8Array[]
  /** Hash of all of them. */
  readonly listHash: Uint8Array
  /** The first key that is not the first one, whose coefficient is 1. */
  readonly secondKey: Uint8Array | undefined
}

/** KeySort: a new list, in the order of bytes. */
export const sortKeys = (keys: readonly Uint8Array[]): readonly Uint8Array[] => keys.toSorted(compareBytes)

/**
 * KeyAgg of BIP327, of keys of 33 bytes in their order; a key may be there twice. Throws MusigError: `NO_KEYS`, `KEY_LENGTH`,
 * `KEY_INVALID`, `AGGREGATE_AT_INFINITY`.
 */
export function aggregateKeys(keys: readonly Uint8Array[], port: Curve = curve): AggregateKey {
  const [first] = keys
  if (first === undefined) throw new MusigError('NO_KEYS', 'there are no keys to aggregate: name at least one')
  for (const [signer, key] of keys.entries()) checkKey(key, signer, port)
  const listHash = taggedHash('KeyAgg list', ...keys)
  const secondKey = keys.find((key) => !equalBytes(key, first))
  const terms = keys.map((point) => ({ scalar: coefficient(listHash, secondKey, point, port), point }))
  const point = port.linearCombination(terms)
  if (point === undefined) throw atInfinity()
  return { point, isNegated: false, tweak: new Uint8Array(32), keys, listHash, secondKey }
}

/**
 * ApplyTweak of BIP327: x-only as BIP341 tweaks, plain as BIP32 derives. Throws MusigError: `TWEAK_INVALID` for what is no
 * scalar, `AGGREGATE_AT_INFINITY`.
 */
export function tweakKey(key: AggregateKey, tweak: Uint8Array, isXOnly: boolean, port: Curve = curve): AggregateKey {
  const negate = isXOnly && isOdd(key.point)
  const base = { scalar: ONE, point: negate ? negated(key.point) : key.point }
  const added = orMusigError('TWEAK_INVALID', 'a tweak is a number below the order of the curve', () =>
    port.addScalars(negate ? port.negateScalar(key.tweak) : key.tweak, tweak),
  )
  const point = port.linearCombination([base, { scalar: tweak, point: GENERATOR }])
  if (point === undefined) throw atInfinity()
  return { ...key, point, isNegated: negate !== key.isNegated, tweak: added }
}

/**
 * What the share of `publicKey` is multiplied with beside the challenge: a·g·gacc of BIP327. Throws MusigError
 * `OUR_PUB_KEY_IS_NOT_IN_PARAMS`.
 */
export function weightOf(key: AggregateKey, publicKey: Uint8Array, port: Curve = curve): Uint8Array {
  if (!key.keys.some((k) => equalBytes(k, publicKey)))
    throw new MusigError(
      'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
      "this signer's public key is none of those that sign together: send the list that it is part of",
    )
  const a = coefficient(key.listHash, key.secondKey, publicKey, port)
  return isOdd(key.point) !== key.isNegated ? port.negateScalar(a) : a
}

/** KeyAggCoeff. */
function coefficient(
  listHash: Uint8Array,
  secondKey: Uint8Array | undefined,
  key: Uint8Array,
  port: Curve,
): Uint8Array {
  if (secondKey !== undefined && equalBytes(key, secondKey)) return ONE
  return port.reduce(taggedHash('KeyAgg coefficient', concatBytes(listHash, key)))
}

function checkKey(key: Uint8Array, signer: number, port: Curve): void {
  if (key.length !== POINT_BYTES)
    throw new MusigError('KEY_LENGTH', `key ${signer} of the list has another length than keys have`, { signer })
  if (!port.isPoint(key)) throw new MusigError('KEY_INVALID', `key ${signer} of the list is no public key`, { signer })
}

const atInfinity = (): MusigError =>
  new MusigError('AGGREGATE_AT_INFINITY', 'the keys cancel each other out; somebody chose theirs for that')
