import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import * as frost from '../../../src/crypto/signing/frost.ts'
import { curve } from '../../../src/curve/index.ts'

interface Vectors {
  readonly config: { readonly MAX_PARTICIPANTS: string; readonly MIN_PARTICIPANTS: string }
  readonly inputs: {
    readonly verifying_key_key: string
    readonly message: string
    readonly participant_shares: readonly { readonly identifier: number; readonly participant_share: string }[]
  }
  readonly round_one_outputs: {
    readonly outputs: readonly {
      readonly identifier: number
      readonly hiding_nonce_randomness: string
      readonly binding_nonce_randomness: string
      readonly hiding_nonce_commitment: string
      readonly binding_nonce_commitment: string
    }[]
  }
  readonly round_two_outputs: {
    readonly outputs: readonly { readonly identifier: number; readonly sig_share: string }[]
  }
  readonly final_output: { readonly sig: string }
}

const file = new URL('../../vectors/frost-secp256k1-tr/vectors.json', import.meta.url)
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'))
const idOf = (n: number): string => n.toString(16).padStart(64, '0')
const message = fromHex(vectors.inputs.message)
const plain = { kind: 'none' } as const

const secretOf = (n: number) => {
  const row = vectors.inputs.participant_shares.find((s) => s.identifier === n)
  return { identifier: idOf(n), signingShare: fromHex(row?.participant_share ?? '') }
}
const pub = {
  signers: { min: Number(vectors.config.MIN_PARTICIPANTS), max: Number(vectors.config.MAX_PARTICIPANTS) },
  commitments: [fromHex(vectors.inputs.verifying_key_key)],
  verifyingShares: Object.fromEntries(
    vectors.inputs.participant_shares.map((s) => [idOf(s.identifier), curve.publicKeyOf(fromHex(s.participant_share))]),
  ),
}

const committed = vectors.round_one_outputs.outputs.map((row) => {
  const entropy = [row.hiding_nonce_randomness, row.binding_nonce_randomness].map(fromHex)
  const nonces = frost.commit(secretOf(row.identifier), () => entropy.shift() ?? new Uint8Array(0))
  return { row, nonces }
})
const list = committed.map(({ row, nonces }) => ({ identifier: idOf(row.identifier), ...nonces.commitment }))

describe('vectors of frost-secp256k1-tr', () => {
  it('should commit to the published nonces', () => {
    expect(committed).toHaveLength(2)
    for (const { row, nonces } of committed) {
      expect(toHex(nonces.commitment.hiding)).toBe(row.hiding_nonce_commitment)
      expect(toHex(nonces.commitment.binding)).toBe(row.binding_nonce_commitment)
    }
  })

  it('should make the published signature shares', () => {
    for (const { row, nonces } of committed) {
      const share = frost.share(secretOf(row.identifier), pub, nonces, list, message, plain)
      const published = vectors.round_two_outputs.outputs.find((o) => o.identifier === row.identifier)
      expect(toHex(share)).toBe(published?.sig_share)
    }
  })

  it('should verify each published share, and not under the other name', () => {
    const [a, b] = vectors.round_two_outputs.outputs
    for (const row of vectors.round_two_outputs.outputs) {
      const other = row === a ? b : a
      const share = fromHex(row.sig_share)
      expect(frost.verifyShare(pub, list, message, plain, idOf(row.identifier), share)).toBe(true)
      expect(frost.verifyShare(pub, list, message, plain, idOf(other?.identifier ?? 0), share)).toBe(false)
    }
  })

  it('should aggregate to the published signature, valid by BIP340', () => {
    const published = Object.fromEntries(
      vectors.round_two_outputs.outputs.map((o) => [idOf(o.identifier), fromHex(o.sig_share)]),
    )
    const made = frost.aggregate(pub, list, message, plain, published)
    if (!made.ok) throw new Error('no signature')
    expect(toHex(made.signature)).toBe(vectors.final_output.sig)
    expect(curve.schnorrVerify(made.signature, message, fromHex(vectors.inputs.verifying_key_key).subarray(1))).toBe(
      true,
    )
  })
})
