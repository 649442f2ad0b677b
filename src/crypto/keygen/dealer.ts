import { schnorr_FROST } from '@noble/curves/secp256k1.js'
import { CodedError, fromHex, zeroize } from '../../base/index.ts'
import { faultOfDealing, shareMatches } from './dealing.ts'
import type { Dealing, DealingFault, Identifier, RawKey, Rng } from './types.ts'

const { DKG, utils } = schnorr_FROST
const Fn = utils.Fn
type Secret = ReturnType<typeof DKG.round1>['secret']

export type Checked =
  | { readonly ok: true }
  | { readonly ok: false; readonly faults: ReadonlyMap<Identifier, DealingFault> }
export type Combined =
  | { readonly ok: true; readonly key: RawKey }
  /** `badShares`: whose share contradicts its dealing. Empty: the dealings cancel out into no usable key, and nobody can be named. */
  | { readonly ok: false; readonly badShares: readonly Identifier[] }

/**
 * One member's polynomial and what follows from it (FROST KeyGen). Wraps the library's DKG, which applies the BIP341
 * empty-root tweak to its output (R2); the sum before that tweak never leaves the library. Methods may be called again
 * with the same arguments until `destroy`. The polynomial is for one attempt only (R19).
 */
export class Dealer {
  readonly identifier: Identifier
  readonly dealing: Dealing
  readonly #secret: Secret
  #destroyed = false

  /** `size` = number of dealers. Throws on 1-of-n and other impossible thresholds. */
  constructor(identifier: Identifier, size: number, threshold: number, rng?: Rng) {
    const made = DKG.round1(identifier, { min: threshold, max: size }, undefined, rng)
    this.identifier = identifier
    this.dealing = { commitments: made.public.commitment, proofOfKnowledge: made.public.proofOfKnowledge }
    this.#secret = made.secret
  }

  /** f(receiver), 32 secret bytes; the caller zeroes them. */
  shareFor(receiver: Identifier): Uint8Array {
    const x = Fn.fromBytes(fromHex(receiver))
    let y = Fn.ZERO
    for (const a of this.#coefficients().toReversed()) y = Fn.add(Fn.mul(y, x), a) // Horner
    return Fn.toBytes(y)
  }

  /** Checks the dealings of all others together, and finds out whose is wrong only if one is. */
  check(others: ReadonlyMap<Identifier, Dealing>): Checked {
    const { min } = this.#secret.signers
    try {
      // The library also reads uncompressed points: a second spelling of the same dealing.
      if ([...others.values()].some((d) => d.commitments.some((c) => c.length !== 33)))
        return { ok: false, faults: faultsOf(others, min) }
      DKG.round2(this.#secret, round1Of(others))
      return { ok: true }
    } catch (error) {
      const faults = faultsOf(others, min)
      if (faults.size === 0)
        throw new CodedError('KEYGEN_MISUSED', 'these dealings are not those of this attempt', {}, { cause: error })
      return { ok: false, faults }
    }
  }

  /** The key, from all others' checked dealings and their shares for us. */
  combine(others: ReadonlyMap<Identifier, Dealing>, shares: ReadonlyMap<Identifier, Uint8Array>): Combined {
    // The library spends the state it is given, even the parts it doesn't own.
    const spent: Secret = { ...this.#secret, coefficients: [...this.#coefficients()] }
    try {
      const key = DKG.round3(
        spent,
        round1Of(others),
        [...shares].map(([identifier, signingShare]) => ({ identifier, signingShare })),
      )
      const { commitments, verifyingShares } = key.public
      return {
        ok: true,
        key: {
          commitments,
          verifyingShares: new Map(Object.entries(verifyingShares)),
          signingShare: key.secret.signingShare,
        },
      }
    } catch {
      const badShares = [...others]
        .filter(([id, d]) => !shareMatches(this.identifier, d, shares.get(id) ?? NONE))
        .map(([id]) => id)
      return { ok: false, badShares }
    } finally {
      DKG.clean(spent)
    }
  }

  /** Forgets the polynomial, as far as JavaScript allows. */
  destroy(): void {
    this.#destroyed = true
    for (const { signingShare } of Object.values(this.#secret.round2Cache ?? {})) zeroize(signingShare)
    DKG.clean(this.#secret)
  }

  toJSON(): string {
    return 'dealer'
  }

  #coefficients(): readonly bigint[] {
    if (this.#destroyed || this.#secret.coefficients === undefined)
      throw new CodedError('KEYGEN_MISUSED', 'this polynomial was destroyed; a new attempt makes a new one')
    return this.#secret.coefficients
  }
}

const faultsOf = (
  dealings: ReadonlyMap<Identifier, Dealing>,
  threshold: number,
): ReadonlyMap<Identifier, DealingFault> =>
  new Map(
    [...dealings].flatMap(([id, d]) => {
      const fault = faultOfDealing(id, threshold, d)
      return fault === undefined ? [] : [[id, fault] as const]
    }),
  )

const NONE = new Uint8Array(0)
const round1Of = (dealings: ReadonlyMap<Identifier, Dealing>) =>
  [...dealings].map(([identifier, d]) => ({
    identifier,
    commitment: [...d.commitments],
    proofOfKnowledge: d.proofOfKnowledge,
  }))
