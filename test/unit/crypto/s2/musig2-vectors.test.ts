import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../../../src/base/index.ts'
import {
  aggregateNonces,
  aggregatePartials,
  generateNonces,
  makeNonce,
  openMusig,
  openMusigSession,
  openS2Keys,
  verifyPartial,
  weightOf,
} from '../../../../src/crypto/index.ts'
import { hkdfSha256 } from '../../../../src/curve/index.ts'
import { BACKENDS } from '../../curve/values.ts'
import { formOf, KEY, type OtherOrder, SCRIPT, seedKeys, tweakOf, VECTORS } from './musig2-fixtures.ts'

const { musig2 } = VECTORS
const KEYS = musig2.ordered_pubkeys_xonly.map((key) => fromHex(key))
const CASES = musig2.cases.map((c) => ({ ...c, name: `${c.version}, ${c.tweak}` }))

describe.each(BACKENDS)('MuSig2 of the secret service on $name', (port) => {
  const keys = seedKeys(port)
  const contextOf = (c: (typeof CASES)[number]) =>
    openMusig({ orderedPublicKeys: KEYS, tweak: tweakOf(c) }, keys.xOnly, port)

  it.each(CASES)('should have the aggregate key that others have: $name', (c) => {
    const context = contextOf(c)
    expect(toHex(context.publicKey)).toBe(c.agg_xonly)
    expect(context.ownIndex).toBe(0)
  })
  it.each(CASES)('should make the nonces of the reference: $name', (c) => {
    const form = formOf(c)
    const info = form.kind === 'sighash' ? `${toHex(Buffer.from('strata-bridge-musig2-secnonce'))}${c.sighash}` : ''
    const { nonceMaterial, musig2: secretKey } = openS2Keys(fromHex(VECTORS.seed))
    const outpoint = `${c.outpoint_txid}07000000`
    const seed = hkdfSha256(nonceMaterial, fromHex(info === '' ? outpoint : info), 32)
    expect(toHex(seed)).toBe(c.nonce_seed)
    const pair = generateNonces(
      {
        rand: seed,
        secretKey,
        publicKey: keys.publicKey,
        aggregateKey: fromHex(c.agg_xonly),
        extraInput: new Uint8Array(4),
      },
      port,
    )
    expect(toHex(concatBytes(pair.first, pair.second))).toBe(c.secnonce_k1k2)
    expect(toHex(makeNonce(contextOf(c), keys, { mode: 'reference', form }).publicNonce)).toBe(c.pubnonce)
  })
  it.each(CASES)('should sign as the reference does: $name', (c) => {
    const nonce = makeNonce(contextOf(c), keys, { mode: 'reference', form: formOf(c) })
    expect(toHex(nonce.sign(fromHex(c.aggnonce), fromHex(c.sighash)))).toBe(c.our_partial_sig)
  })
  it.each(CASES)('should aggregate what all have signed to a signature of BIP340: $name', (c) => {
    const context = contextOf(c)
    const nonces = c.all_pubnonces.map((n) => fromHex(n))
    expect(toHex(aggregateNonces(nonces, port))).toBe(c.aggnonce)
    const session = openMusigSession(context, fromHex(c.aggnonce), fromHex(c.sighash))
    const partials = c.all_partials.map((p) => fromHex(p))
    for (const [i, partial] of partials.entries()) {
      const publicKey = context.key.keys[i] ?? new Uint8Array(0)
      const publicNonce = nonces[i] ?? new Uint8Array(0)
      const weight = weightOf(context.key, publicKey, port)
      expect(verifyPartial(partial, { publicKey, publicNonce, weight }, session, port)).toBe(true)
    }
    const signature = aggregatePartials(partials, context.key, session, port)
    expect(toHex(signature)).toBe(c.final_sig)
    expect(port.schnorrVerify(signature, fromHex(c.sighash), context.publicKey)).toBe(true)
  })

  it('should have the key without a tweak', () => {
    const context = openMusig({ orderedPublicKeys: KEYS, tweak: SCRIPT }, keys.xOnly, port)
    expect(toHex(context.publicKey)).toBe(musig2.untweaked_agg_xonly)
  })
  it.each([
    ['keys out of order, ours at 1', musig2.unsorted_index1, 1],
    ['ours alone', musig2.single_signer, 0],
  ] as const)('should take the list as it is given: %s', (_what, other: OtherOrder, ownIndex) => {
    const list = other.ordered_pubkeys_xonly?.map((key) => fromHex(key)) ?? [keys.xOnly]
    const context = openMusig({ orderedPublicKeys: list, tweak: KEY }, keys.xOnly, port)
    expect([toHex(context.publicKey), context.ownIndex]).toEqual([other.agg_xonly, ownIndex])
    const [c] = CASES
    if (c === undefined) throw new Error('no vectors')
    const nonceOf = (version: 'outpoint' | 'sighash') =>
      toHex(makeNonce(context, keys, { mode: 'reference', form: formOf(c, version) }).publicNonce)
    expect(nonceOf('outpoint')).toBe(other.pubnonce_outpoint_version)
    expect(nonceOf('sighash')).toBe(other.pubnonce_head)
  })
})
