import { concatBytes, u64be } from '../../../../src/base/index.ts'
import {
  type AggregateKey,
  aggregateNonces,
  MusigError,
  partialSignature,
  publicNonceOf,
  sessionValues,
  weightOf,
} from '../../../../src/crypto/index.ts'
import { type Curve, taggedHash, xOnly } from '../../../../src/curve/index.ts'

/** DeterministicSign of BIP327, for its vectors: nothing of ours signs like that. */
export function deterministicSign(
  secretKey: Uint8Array,
  aggOtherNonce: Uint8Array,
  key: AggregateKey,
  message: Uint8Array,
  rand: Uint8Array | undefined,
  port: Curve,
): readonly [publicNonce: Uint8Array, partial: Uint8Array] {
  const mask = rand === undefined ? new Uint8Array(32) : taggedHash('MuSig/aux', rand)
  const masked = secretKey.map((byte, i) => byte ^ (mask[i] ?? 0))
  const under = xOnly(key.point)
  const nonce = (i: number): Uint8Array =>
    port.reduce(
      taggedHash(
        'MuSig/deterministic/nonce',
        concatBytes(masked, aggOtherNonce, under, u64be(message.length), message, Uint8Array.of(i)),
      ),
    )
  const pair = { first: nonce(0), second: nonce(1) }
  const publicNonce = publicNonceOf(pair, port)
  const session = sessionValues(under, withOthers(publicNonce, aggOtherNonce, port), message, port)
  const weight = weightOf(key, port.publicKeyOf(secretKey), port)
  return [publicNonce, partialSignature(pair, secretKey, weight, session, port)]
}

function withOthers(own: Uint8Array, others: Uint8Array, port: Curve): Uint8Array {
  try {
    return aggregateNonces([own, others], port)
  } catch (error) {
    if (!(error instanceof MusigError)) throw error
    throw new MusigError('AGG_NONCE_INVALID', 'what the others have aggregated is not two points')
  }
}
