import { CodedError, equalBytes, zeroize } from '../../base/index.ts'
import { type Curve, curve } from '../../curve/index.ts'
import { parseIdentifier } from '../identifier.ts'
import { jointCommitments, jointKey, vanishingIn } from './combine.ts'
import { faultOfDealing, faultOfProof, proveKnowledge, shareMatches } from './dealing.ts'
import { drawScalar, evaluate } from './polynomial.ts'
import type { Dealing, DealingFault, Identifier, RawKey, Rng } from './types.ts'

export type Checked =
  | { readonly ok: true }
  | { readonly ok: false; readonly faults: ReadonlyMap<Identifier, DealingFault> }
export type Combined =
  | { readonly ok: true; readonly key: RawKey }
  /**
   * `badShares`: whose share contradicts its dealing. Empty: the dealings cancel out into no usable key; `vanishing`: whose share of
   * it is zero.
   */
  | { readonly ok: false; readonly badShares: readonly Identifier[]; readonly vanishing: readonly Identifier[] }

/**
 * One member's polynomial and what follows from it (FROST KeyGen). Methods may be called again with the same arguments until
 * `destroy`. The polynomial is for one attempt only (R19).
 */
export class Dealer {
  readonly identifier: Identifier
  readonly dealing: Dealing
  readonly #port: Curve
  readonly #size: number
  readonly #threshold: number
  /** Constant term first. */
  readonly #coefficients: readonly Uint8Array[]
  #checked:
    | { readonly dealings: ReadonlyMap<Identifier, Dealing>; readonly sums: readonly Uint8Array[] | undefined }
    | undefined
  #destroyed = false

  /** `size` = number of dealers. Throws TypeError on 1-of-n and other impossible thresholds. */
  constructor(identifier: Identifier, size: number, threshold: number, rng?: Rng, port: Curve = curve) {
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(threshold) || threshold < 2 || threshold > size)
      throw new TypeError('keygen: expected 2 ≤ threshold ≤ members')
    const coefficients = Array.from({ length: threshold }, () => drawScalar(rng, port))
    const commitments = coefficients.map((a) => port.publicKeyOf(a))
    const [secret, point] = [coefficients[0], commitments[0]]
    if (secret === undefined || point === undefined) throw new TypeError('keygen: no constant term')
    this.identifier = identifier
    this.dealing = { commitments, proofOfKnowledge: proveKnowledge(identifier, { secret, point }, rng, port) }
    this.#port = port
    this.#size = size
    this.#threshold = threshold
    this.#coefficients = coefficients
  }

  /** f(receiver), 32 secret bytes; the caller zeroes them. */
  shareFor(receiver: Identifier): Uint8Array {
    this.#refuseDestroyed()
    return evaluate(this.#coefficients, parseIdentifier(receiver).bytes, this.#port)
  }

  /** Checks the dealings of all others, and says whose is wrong. */
  check(others: ReadonlyMap<Identifier, Dealing>): Checked {
    this.#refuseDestroyed()
    const joint = jointCommitments([this.dealing, ...others.values()], this.#threshold, this.#port)
    const faults = new Map<Identifier, DealingFault>()
    for (const [id, dealing] of others) {
      // The sums have read every point, unless one of them is none.
      const fault = joint.wellFormed
        ? faultOfProof(id, dealing, this.#port)
        : faultOfDealing(id, this.#threshold, dealing, this.#port)
      if (fault !== undefined) faults.set(id, fault)
    }
    if (faults.size > 0) return { ok: false, faults }
    if (!joint.wellFormed || others.size !== this.#size - 1 || others.has(this.identifier))
      throw new CodedError('KEYGEN_MISUSED', 'these dealings are not those of this attempt')
    this.#checked = { dealings: new Map(others), sums: joint.sums }
    return { ok: true }
  }

  /**
   * The key, from all others' checked dealings and their shares for us. Shares are judged by their sum: it is right exactly if
   * the key's own share is, so only a wrong sum is worth n times the work. Errors that cancel out harm nobody.
   */
  combine(others: ReadonlyMap<Identifier, Dealing>, shares: ReadonlyMap<Identifier, Uint8Array>): Combined {
    this.#refuseDestroyed()
    if (this.#checked === undefined || !sameDealings(this.#checked.dealings, others))
      throw new CodedError('KEYGEN_MISUSED', 'dealings are combined only as they were checked')
    const port = this.#port
    const { sums } = this.#checked
    const received = [...others.keys()].map((id) => shares.get(id) ?? NONE)
    if (sums !== undefined && received.every((s) => s.length === 32 && port.isSecret(s))) {
      const own = evaluate(this.#coefficients, parseIdentifier(this.identifier).bytes, port)
      const key = jointKey(this.identifier, [this.identifier, ...others.keys()], sums, [own, ...received], port)
      zeroize(own)
      if (key !== undefined) return { ok: true, key }
    }
    const badShares = [...others].filter(([id, d]) => !shareMatches(this.identifier, d, shares.get(id) ?? NONE, port))
    const isUnusable = badShares.length === 0 && sums !== undefined
    const vanishing = isUnusable ? vanishingIn([this.identifier, ...others.keys()], sums, port) : []
    return { ok: false, badShares: badShares.map(([id]) => id), vanishing }
  }

  /** Forgets the polynomial, as far as JavaScript allows. */
  destroy(): void {
    this.#destroyed = true
    zeroize(...this.#coefficients)
  }

  toJSON(): string {
    return 'dealer'
  }

  #refuseDestroyed(): void {
    if (this.#destroyed)
      throw new CodedError('KEYGEN_MISUSED', 'this polynomial was destroyed; a new attempt makes a new one')
  }
}

const NONE = new Uint8Array(0)

function sameDealings(a: ReadonlyMap<Identifier, Dealing>, b: ReadonlyMap<Identifier, Dealing>): boolean {
  const same = (d: Dealing, e: Dealing | undefined): boolean =>
    d === e ||
    (e !== undefined &&
      equalBytes(d.proofOfKnowledge, e.proofOfKnowledge) &&
      d.commitments.length === e.commitments.length &&
      d.commitments.every((c, k) => equalBytes(c, e.commitments[k] ?? NONE)))
  return a.size === b.size && [...a].every(([id, d]) => same(d, b.get(id)))
}
