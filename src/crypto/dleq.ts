import { concatBytes, encodeFields, zeroize } from '../base/index.ts'
import { curve, randomBytes, taggedHash } from '../curve/index.ts'

/** Three points of 33 bytes: `key` = x·G, and `shared` = x·`base` with the same x. `context` binds a proof to its use. */
export interface EqualLogs {
  readonly context: Uint8Array
  readonly key: Uint8Array
  readonly base: Uint8Array
  readonly shared: Uint8Array
}

/** Challenge and response, 32 bytes each. */
export const EQUAL_LOGS_PROOF_BYTES = 64

/**
 * Chaum–Pedersen proof of `EqualLogs` for `secret` = x, made non-interactive: it says that `shared` is right and nothing
 * about x. Everything that touches x or the nonce is the port's constant-time arithmetic; the nonce is hedged with x, so
 * that a weak generator alone does not reveal it.
 */
export function proveEqualLogs(
  secret: Uint8Array,
  logs: EqualLogs,
  rng: (lengthBytes: number) => Uint8Array = randomBytes,
) {
  for (;;) {
    const nonce = taggedHash('countersign/equal-logs/nonce', secret, rng(32), statementOf(logs))
    // Both fail once in 2^128: a hash beyond the group order.
    if (!curve.isSecret(nonce)) continue
    const challenge = challengeOf(logs, curve.publicKeyOf(nonce), curve.ecdhPoint(nonce, logs.base))
    if (!curve.isSecret(challenge)) continue
    const product = curve.mulScalars(challenge, secret)
    const response = curve.addScalars(nonce, product)
    zeroize(nonce, product)
    return concatBytes(challenge, response)
  }
}

/** False for anything malformed; never throws. Public values only. */
export function checkEqualLogs(logs: EqualLogs, proof: Uint8Array): boolean {
  if (proof.length !== EQUAL_LOGS_PROOF_BYTES || ![logs.key, logs.base, logs.shared].every(curve.isPoint)) return false
  const challenge = proof.slice(0, 32)
  const response = proof.slice(32)
  if (!curve.isSecret(challenge) || !curve.isSecret(response)) return false
  const minus = curve.negateScalar(challenge)
  // k·G = s·G − c·x·G, and the same k over the other base.
  const overG = sum([response, generator()], [minus, logs.key])
  const overBase = sum([response, logs.base], [minus, logs.shared])
  if (overG === undefined || overBase === undefined) return false
  return challengeOf(logs, overG, overBase).every((byte, i) => byte === challenge[i])
}

const sum = (...terms: readonly (readonly [Uint8Array, Uint8Array])[]) =>
  curve.linearCombination(terms.map(([scalar, point]) => ({ scalar, point })))

const statementOf = ({ context, key, base, shared }: EqualLogs): Uint8Array => encodeFields(context, key, base, shared)
const challengeOf = (logs: EqualLogs, overG: Uint8Array, overBase: Uint8Array): Uint8Array =>
  taggedHash('countersign/equal-logs/challenge', encodeFields(statementOf(logs), overG, overBase))

const ONE = Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0))
const generator = (): Uint8Array => curve.publicKeyOf(ONE)
