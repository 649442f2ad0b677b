import { readFileSync } from 'node:fs'
import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../../src/base/index.ts'
import { Dealer } from '../../../src/crypto/keygen/dealer.ts'
import { faultOfDealing, shareMatches } from '../../../src/crypto/keygen/dealing.ts'
import type { Curve } from '../../../src/curve/index.ts'
import { BACKENDS } from './backends.ts'
import { replayScalars } from './keygen-fixtures.ts'

interface Participant {
  readonly identifier: number
  readonly signing_key: string
  readonly coefficient: string
  readonly vss_commitments: readonly string[]
  readonly proof_of_knowledge: string
  /** As received: by sender. */
  readonly signing_shares: Readonly<Record<string, string>>
  readonly verifying_share: string
  readonly signing_share: string
}
const file = JSON.parse(
  readFileSync(new URL('../../vectors/frost-secp256k1-tr/vectors_dkg.json', import.meta.url), 'utf8'),
) as { config: { MIN_PARTICIPANTS: number; MAX_PARTICIPANTS: number }; inputs: Record<string, unknown> }
const { MIN_PARTICIPANTS: threshold, MAX_PARTICIPANTS: size } = file.config
const verifyingKey = file.inputs.verifying_key as string
const participants = Object.entries(file.inputs)
  .filter(([name]) => name !== 'verifying_key')
  .map(([, p]) => p as Participant)

const idOf = (p: { readonly identifier: number }) => schnorr_FROST.Identifier.fromNumber(p.identifier)
const dealingOf = (p: Participant) => ({
  commitments: p.vss_commitments.map(fromHex),
  proofOfKnowledge: fromHex(p.proof_of_knowledge),
})
const dealerOf = (p: Participant, port: Curve) =>
  new Dealer(idOf(p), size, threshold, replayScalars([p.signing_key, p.coefficient]), port)
const shareOf = (from: Participant, to: Participant) => fromHex(to.signing_shares[`${from.identifier}`] ?? '')
const others = (p: Participant) => participants.filter((q) => q !== p)

describe('vectors of frost-secp256k1-tr (DKG)', () => {
  it('should find the vectors', () => {
    expect(participants.length).toBe(3)
  })

  for (const port of BACKENDS)
    for (const p of participants) {
      describe(`participant ${p.identifier}, ${port.name}`, () => {
        it('should commit to its polynomial', () => {
          expect(dealerOf(p, port).dealing.commitments.map(toHex)).toEqual(p.vss_commitments)
        })

        it('should accept its proof of knowledge', () => {
          expect(faultOfDealing(idOf(p), threshold, dealingOf(p), port)).toBeUndefined()
        })

        it('should refuse its proof of knowledge under another identifier', () => {
          for (const q of others(p))
            expect(faultOfDealing(idOf(q), threshold, dealingOf(p), port)).toBe('bad_proof_of_knowledge')
        })

        it('should deal the shares', () => {
          const dealer = dealerOf(p, port)
          for (const q of others(p)) expect(toHex(dealer.shareFor(idOf(q)))).toBe(toHex(shareOf(p, q)))
        })

        it('should match each share with its dealing, and with no other', () => {
          for (const q of others(p)) {
            const share = shareOf(p, q)
            expect(shareMatches(idOf(q), dealingOf(p), share, port)).toBe(true)
            expect(shareMatches(idOf(p), dealingOf(p), share, port)).toBe(false)
            expect(shareMatches(idOf(q), dealingOf(q), share, port)).toBe(false)
          }
        })

        it('should combine to the key, the tweak of the empty root included (R2)', () => {
          const dealer = dealerOf(p, port)
          const dealings = new Map(others(p).map((q) => [idOf(q), dealingOf(q)]))
          const shares = new Map(others(p).map((q) => [idOf(q), shareOf(q, p)]))
          expect(dealer.check(dealings)).toEqual({ ok: true })
          const combined = dealer.combine(dealings, shares)
          if (!combined.ok) throw new Error('expected a key')
          expect(toHex(combined.key.commitments[0] ?? new Uint8Array())).toBe(verifyingKey)
          expect(toHex(combined.key.signingShare)).toBe(p.signing_share)
          for (const q of participants)
            expect(toHex(combined.key.verifyingShares.get(idOf(q)) ?? new Uint8Array())).toBe(q.verifying_share)
        })
      })
    }
})
