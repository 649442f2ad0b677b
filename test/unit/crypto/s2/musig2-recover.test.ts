import { describe, expect, it } from 'vitest'
import { toHex } from '../../../../src/base/index.ts'
import type { MusigForm, MusigParams, MusigTweak } from '../../../../src/crypto/index.ts'
import { nobleCurve } from '../../../../src/curve/index.ts'
import { naiveMusigSigner, otherAggNonces, recoverSecret } from '../../../fixtures/musig2-recover.ts'
import { bytes, KEY, madeUp, others, SCRIPT } from './musig2-fixtures.ts'

const keys = madeUp(1, nobleCurve)
const signer = naiveMusigSigner(keys)
const SIGHASH = bytes(32, 3)
const FORMS: Readonly<Record<string, MusigForm>> = {
  sighash: { kind: 'sighash', sighash: SIGHASH },
  outpoint: { kind: 'outpoint', txid: bytes(32, 4), vout: 1 },
}
const paramsOf = (tweak: MusigTweak): MusigParams => ({ orderedPublicKeys: [...others(2), keys.xOnly], tweak })

/** What whoever asks gets of one nonce, asked once for each of the aggregate nonces and messages. */
function asked(
  params: MusigParams,
  form: MusigForm,
  aggNonces: readonly Uint8Array[],
  messages: readonly Uint8Array[] = [],
) {
  return aggNonces.map((aggNonce, i) => {
    const message = messages[i] ?? SIGHASH
    return { aggNonce, message, partial: signer.partial(params, form, aggNonce, message) }
  })
}

describe('R30: a signer that binds its nonces to nothing', () => {
  describe.each(Object.entries(FORMS))('in the %s form', (_name, form) => {
    it.each([
      ['a key', KEY],
      ['a key with a merkle root', { kind: 'key', merkleRoot: bytes(32, 8) }],
      ['a script', SCRIPT],
    ] as readonly (readonly [string, MusigTweak])[])(
      'should lose its key by three aggregate nonces, for %s',
      (_what, tweak) => {
        const params = paramsOf(tweak)
        const leaked = asked(params, form, otherAggNonces(signer.publicNonce(params, form), 3))
        expect(toHex(recoverSecret(params, keys.xOnly, leaked) ?? bytes(0))).toBe(toHex(keys.secretKey))
      },
    )
    it('should not lose it by two, or by the same one again', () => {
      const params = paramsOf(KEY)
      const [a = bytes(66), b = bytes(66)] = otherAggNonces(signer.publicNonce(params, form), 2)
      expect(recoverSecret(params, keys.xOnly, asked(params, form, [a, b]))).toBeUndefined()
      expect(recoverSecret(params, keys.xOnly, asked(params, form, [a, b, a, b]))).toBeUndefined()
    })
  })

  const form = FORMS.outpoint ?? { kind: 'sighash', sighash: SIGHASH }
  const params = paramsOf(KEY)
  it('should lose its key by three messages for one output, under one aggregate nonce', () => {
    const [aggNonce = bytes(66)] = otherAggNonces(signer.publicNonce(params, form), 1)
    const leaked = asked(params, form, [aggNonce, aggNonce, aggNonce], [bytes(32, 5), bytes(32, 6), bytes(32, 7)])
    expect(toHex(recoverSecret(params, keys.xOnly, leaked) ?? bytes(0))).toBe(toHex(keys.secretKey))
  })
  it('should lose its key by two messages, one of them under two aggregate nonces', () => {
    const [a = bytes(66), b = bytes(66)] = otherAggNonces(signer.publicNonce(params, form), 2)
    const leaked = asked(params, form, [a, a, b], [bytes(32, 5), bytes(32, 6), bytes(32, 6)])
    expect(toHex(recoverSecret(params, keys.xOnly, leaked) ?? bytes(0))).toBe(toHex(keys.secretKey))
  })
  it('should not lose it where each was signed with a nonce of its own', () => {
    const leaked = [0, 1, 2].map((vout) => {
      const own: MusigForm = { kind: 'outpoint', txid: bytes(32, 4), vout }
      const [aggNonce = bytes(66)] = otherAggNonces(signer.publicNonce(params, own), 1)
      return { aggNonce, message: SIGHASH, partial: signer.partial(params, own, aggNonce, SIGHASH) }
    })
    expect(recoverSecret(params, keys.xOnly, leaked)).toBeUndefined()
  })
})
