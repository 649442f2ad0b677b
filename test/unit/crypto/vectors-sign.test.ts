import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { FrostSession } from '../../../src/crypto/signing/frost-session.ts'
import { freshNonces } from '../../../src/crypto/signing/nonces.ts'
import { BACKENDS } from './backends.ts'

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
const groupKey = fromHex(vectors.inputs.verifying_key_key)

const shareOf = (n: number): Uint8Array =>
  fromHex(vectors.inputs.participant_shares.find((s) => s.identifier === n)?.participant_share ?? '')

for (const port of BACKENDS)
  describe(`vectors of frost-secp256k1-tr, ${port.name}`, () => {
    const verifyingShares = new Map(
      vectors.inputs.participant_shares.map((s) => [
        idOf(s.identifier),
        port.publicKeyOf(fromHex(s.participant_share)),
      ]),
    )
    const key = {
      threshold: Number(vectors.config.MIN_PARTICIPANTS),
      groupKey,
      identifierOf: (id: string) => id,
      verifyingShareOf: (id: string) => verifyingShares.get(id),
    }
    const committed = vectors.round_one_outputs.outputs.map((row) => {
      const entropy = [row.hiding_nonce_randomness, row.binding_nonce_randomness].map(fromHex)
      const nonces = freshNonces(shareOf(row.identifier), () => entropy.shift() ?? new Uint8Array(0), port)
      return { row, nonces }
    })
    const commitments = new Map(committed.map(({ row, nonces }) => [idOf(row.identifier), nonces.commitment]))
    const opened = FrostSession.open(key, commitments, message, plain, port)
    if (!opened.ok) throw new Error(opened.fault.code)
    const { session } = opened
    const published = new Map(
      vectors.round_two_outputs.outputs.map((o) => [idOf(o.identifier), fromHex(o.sig_share)] as const),
    )

    it('should commit to the published nonces', () => {
      expect(committed).toHaveLength(2)
      for (const { row, nonces } of committed) {
        expect(toHex(nonces.commitment.hiding)).toBe(row.hiding_nonce_commitment)
        expect(toHex(nonces.commitment.binding)).toBe(row.binding_nonce_commitment)
      }
    })

    it('should make the published signature shares', () => {
      for (const { row, nonces } of committed) {
        const share = session.share(idOf(row.identifier), shareOf(row.identifier), nonces)
        expect(toHex(share)).toBe(toHex(published.get(idOf(row.identifier)) ?? new Uint8Array()))
      }
    })

    it('should verify each published share, and not under the other name', () => {
      const [a, b] = [...published.keys()] as [string, string]
      for (const [id, share] of published) {
        expect(session.verifyShare(id, share)).toBe(true)
        expect(session.verifyShare(id === a ? b : a, share)).toBe(false)
      }
    })

    it('should aggregate to the published signature, valid by BIP340', () => {
      const made = session.aggregate(published)
      if (!made.ok) throw new Error('no signature')
      expect(toHex(made.signature)).toBe(vectors.final_output.sig)
      expect(port.schnorrVerify(made.signature, message, groupKey.subarray(1))).toBe(true)
    })
  })
