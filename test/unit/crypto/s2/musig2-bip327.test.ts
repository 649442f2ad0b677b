import { describe, expect, it } from 'vitest'
import { concatBytes, toHex } from '../../../../src/base/index.ts'
import {
  type AggregateKey,
  aggregateKeys,
  aggregateNonces,
  aggregatePartials,
  generateNonces,
  type MusigCode,
  MusigError,
  type NonceInputs,
  partialSignature,
  publicNonceOf,
  sessionValues,
  sortKeys,
  tweakKey,
  verifyPartial,
  weightOf,
} from '../../../../src/crypto/index.ts'
import { type Curve, xOnly } from '../../../../src/curve/index.ts'
import { BACKENDS } from '../../curve/values.ts'
import {
  at,
  type BipError,
  bytesOf,
  DETERMINISTIC,
  type Deterministic,
  KEY_AGG,
  KEY_SORT,
  NONCE_AGG,
  NONCE_GEN,
  one,
  SIG_AGG,
  SIGN,
  type SigAgg,
  type Signed,
  TWEAK,
} from './bip327-vectors.ts'
import { deterministicSign } from './deterministic-sign.ts'

const upper = (bytes: Uint8Array): string => toHex(bytes).toUpperCase()

/** What the BIP says is wrong, in our words. */
const CONTRIBUTIONS: Readonly<Record<string, MusigCode>> = {
  pubkey: 'KEY_INVALID',
  pubnonce: 'PUB_NONCE_INVALID',
  aggnonce: 'AGG_NONCE_INVALID',
  aggothernonce: 'AGG_NONCE_INVALID',
  psig: 'PARTIAL_SIG_INVALID',
}
const VALUES: Readonly<Record<string, MusigCode>> = {
  'The tweak must be less than n.': 'TWEAK_INVALID',
  'The result of tweaking cannot be infinity.': 'AGGREGATE_AT_INFINITY',
  "The signer's pubkey must be included in the list of pubkeys.": 'OUR_PUB_KEY_IS_NOT_IN_PARAMS',
  'first secnonce value is out of range.': 'NONCE_OUT_OF_RANGE',
}
function expectError(error: BipError, compute: () => unknown): void {
  let thrown: unknown
  try {
    compute()
  } catch (e) {
    thrown = e
  }
  if (!(thrown instanceof MusigError)) throw new Error(`expected a MusigError, got ${String(thrown)}`)
  const code = error.type === 'value' ? VALUES[error.message ?? ''] : CONTRIBUTIONS[error.contrib ?? '']
  expect(code).toBeDefined()
  expect(thrown.code).toBe(code)
  expect(thrown.data.signer).toBe(error.signer ?? undefined)
}

describe.each(BACKENDS)('BIP327 on $name', (port: Curve) => {
  const keyOf = (
    keys: readonly Uint8Array[],
    tweaks: readonly Uint8Array[] = [],
    isXOnly: readonly boolean[] = [],
  ): AggregateKey =>
    tweaks.reduce((key, tweak, i) => tweakKey(key, tweak, isXOnly[i] ?? false, port), aggregateKeys(keys, port))
  const pairOf = (secnonce: Uint8Array) => ({ first: secnonce.slice(0, 32), second: secnonce.slice(32, 64) })
  /** Sign of the BIP, self-verification included. */
  const sign = (secnonce: Uint8Array, secret: Uint8Array, key: AggregateKey, aggNonce: Uint8Array, msg: Uint8Array) => {
    const publicKey = port.publicKeyOf(secret)
    const session = sessionValues(xOnly(key.point), aggNonce, msg, port)
    const weight = weightOf(key, publicKey, port)
    const partial = partialSignature(pairOf(secnonce), secret, weight, session, port)
    const publicNonce = publicNonceOf(pairOf(secnonce), port)
    expect(verifyPartial(partial, { publicKey, publicNonce, weight }, session, port)).toBe(true)
    return partial
  }

  it('should sort keys', () => {
    const keys = KEY_SORT.pubkeys.map(bytesOf)
    expect(sortKeys(keys).map(upper)).toEqual(KEY_SORT.sorted_pubkeys)
    expect(keys.map(upper)).toEqual(KEY_SORT.pubkeys)
  })

  describe('keys', () => {
    it.each(KEY_AGG.valid_test_cases)('should be aggregated: $key_indices', (c) => {
      expect(upper(xOnly(keyOf(at(KEY_AGG.pubkeys, c.key_indices)).point))).toBe(c.expected)
    })
    it.each(KEY_AGG.error_test_cases)('should be refused: $comment', (c) => {
      const tweaks = at(KEY_AGG.tweaks, c.tweak_indices)
      expectError(c.error, () => keyOf(at(KEY_AGG.pubkeys, c.key_indices), tweaks, c.is_xonly))
    })
  })

  describe('nonces', () => {
    const optional = (value: string | null | undefined) => (value == null ? undefined : bytesOf(value))
    it.each(NONCE_GEN.test_cases)('should be made for message $msg', (c) => {
      const inputs = {
        rand: bytesOf(c.rand_ ?? ''),
        publicKey: bytesOf(c.pk ?? ''),
        secretKey: optional(c.sk),
        aggregateKey: optional(c.aggpk),
        message: optional(c.msg),
        extraInput: optional(c.extra_in),
      }
      const given = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== undefined))
      const pair = generateNonces(given as unknown as NonceInputs, port)
      expect(upper(concatBytes(pair.first, pair.second)) + c.pk).toBe(c.expected_secnonce)
      expect(upper(publicNonceOf(pair, port))).toBe(c.expected_pubnonce)
      expect(upper(inputs.rand)).toBe(c.rand_)
    })
    it.each(NONCE_AGG.valid_test_cases)('should be aggregated: $pnonce_indices', (c) => {
      expect(upper(aggregateNonces(at(NONCE_AGG.pnonces, c.pnonce_indices), port))).toBe(c.expected)
    })
    it.each(NONCE_AGG.error_test_cases)('should be refused: $comment', (c) => {
      expectError(c.error, () => aggregateNonces(at(NONCE_AGG.pnonces, c.pnonce_indices), port))
    })
  })

  describe('partial signatures', () => {
    const secret = bytesOf(SIGN.sk)
    /** PartialSigVerify of the BIP. */
    const verify = (sig: string, c: Signed): boolean => {
      const publicNonces = at(SIGN.pnonces, c.nonce_indices)
      const aggNonce = aggregateNonces(publicNonces, port)
      const keys = at(SIGN.pubkeys, c.key_indices)
      const key = keyOf(keys)
      const session = sessionValues(xOnly(key.point), aggNonce, one(SIGN.msgs, c.msg_index), port)
      const [publicKey, publicNonce] = [keys[c.signer_index], publicNonces[c.signer_index]]
      if (publicKey === undefined || publicNonce === undefined) throw new Error('no such signer')
      const signer = { publicKey, publicNonce, weight: weightOf(key, publicKey, port) }
      return verifyPartial(bytesOf(sig), signer, session, port)
    }
    it.each(SIGN.valid_test_cases)('should be made and verified: $expected', (c) => {
      const aggNonce = one(SIGN.aggnonces, c.aggnonce_index)
      expect(upper(aggregateNonces(at(SIGN.pnonces, c.nonce_indices), port))).toBe(upper(aggNonce))
      const key = keyOf(at(SIGN.pubkeys, c.key_indices))
      const partial = sign(one(SIGN.secnonces, 0), secret, key, aggNonce, one(SIGN.msgs, c.msg_index))
      expect(upper(partial)).toBe(c.expected)
      expect(verify(c.expected, c)).toBe(true)
    })
    it.each(SIGN.sign_error_test_cases)('should not be made: $comment', (c) => {
      const [secnonce, aggNonce] = [one(SIGN.secnonces, c.secnonce_index), one(SIGN.aggnonces, c.aggnonce_index)]
      expectError(c.error, () =>
        sign(secnonce, secret, keyOf(at(SIGN.pubkeys, c.key_indices)), aggNonce, one(SIGN.msgs, c.msg_index)),
      )
    })
    it.each(SIGN.verify_fail_test_cases)('should be found wrong: $comment', (c) => {
      expect(verify(c.sig, c)).toBe(false)
    })
    it.each(SIGN.verify_error_test_cases)('should not be verified: $comment', (c) => {
      expectError(c.error, () => verify(c.sig, c))
    })
    it.each(TWEAK.valid_test_cases)('should be under a tweaked key: $comment', (c) => {
      const key = keyOf(at(TWEAK.pubkeys, c.key_indices), at(TWEAK.tweaks, c.tweak_indices), c.is_xonly)
      const partial = sign(bytesOf(TWEAK.secnonce), bytesOf(TWEAK.sk), key, bytesOf(TWEAK.aggnonce), bytesOf(TWEAK.msg))
      expect(upper(partial)).toBe(c.expected)
    })
    it.each(TWEAK.error_test_cases)('should be under no such key: $comment', (c) => {
      expectError(c.error, () => keyOf(at(TWEAK.pubkeys, c.key_indices), at(TWEAK.tweaks, c.tweak_indices), c.is_xonly))
    })
    const aggregate = (c: SigAgg) => {
      const key = keyOf(at(SIG_AGG.pubkeys, c.key_indices), at(SIG_AGG.tweaks, c.tweak_indices), c.is_xonly)
      const message = bytesOf(SIG_AGG.msg)
      expect(upper(aggregateNonces(at(SIG_AGG.pnonces, c.nonce_indices), port))).toBe(c.aggnonce)
      const session = sessionValues(xOnly(key.point), bytesOf(c.aggnonce), message, port)
      return { key, message, signature: aggregatePartials(at(SIG_AGG.psigs, c.psig_indices), key, session, port) }
    }
    it.each(SIG_AGG.valid_test_cases)('should be aggregated: $psig_indices', (c) => {
      const { key, message, signature } = aggregate(c)
      expect(upper(signature)).toBe(c.expected)
      expect(port.schnorrVerify(signature, message, xOnly(key.point))).toBe(true)
    })
    it.each(SIG_AGG.error_test_cases)('should not be aggregated: $comment', (c) => {
      expectError(c.error, () => aggregate(c))
    })
  })

  describe('deterministic signing', () => {
    const signAs = (c: Deterministic) => {
      const key = keyOf(at(DETERMINISTIC.pubkeys, c.key_indices), c.tweaks.map(bytesOf), c.is_xonly)
      const rand = c.rand === null ? undefined : bytesOf(c.rand)
      const message = one(DETERMINISTIC.msgs, c.msg_index)
      return deterministicSign(bytesOf(DETERMINISTIC.sk), bytesOf(c.aggothernonce), key, message, rand, port)
    }
    it.each(DETERMINISTIC.valid_test_cases)('should be as the vectors have it: signer $signer_index', (c) => {
      expect(signAs(c).map(upper)).toEqual(c.expected)
    })
    it.each(DETERMINISTIC.error_test_cases)('should be refused: $comment', (c) => {
      expectError(c.error, () => signAs(c))
    })
  })
})
