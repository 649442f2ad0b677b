import { CodedError, concatBytes, equalBytes } from '../../base/index.ts'
import { type Curve, curve, GENERATOR, liftEven, taggedHash, xOnly } from '../../curve/index.ts'
import { parseIdentifier } from '../identifier.ts'
import { add, mul, neg, parsePublicScalar, reduced, sub, sumOf, toScalarBytes } from '../public-scalars.ts'
import { bindingHash, commitmentsHash, messageHash } from '../suite.ts'
import type { NonceCommitment, Tweak } from '../types.ts'
import { isNonceCommitment, sameCommitment } from './commitment.ts'
import { lagrangeOf } from './lagrange.ts'
import type { SecretNonces } from './nonces.ts'
import { signatureShare } from './signature-share.ts'
import { type SigningKey, signingKeyOf } from './tweak.ts'

/** The public key of a session, whatever its members are called. */
export interface SessionKey<Name extends string> {
  readonly threshold: number
  /** 33 bytes of either parity. */
  readonly groupKey: Uint8Array
  /** FROST identifier, 64 hex digits. */
  identifierOf(member: Name): string
  /** 33 bytes; undefined for one who is no member. */
  verifyingShareOf(member: Name): Uint8Array | undefined
}

/**
 * Why there is no session. `bad_commitments` names whose commitment is not two points; the rest is whoever asked's doing,
 * but for `identity`, which nobody can bring about: the commitments cancel out.
 */
export type SessionFault<Name extends string> =
  | { readonly code: 'bad_commitments'; readonly members: readonly Name[] }
  | { readonly code: 'not_members' | 'too_few' | 'bad_digest' | 'bad_tweak' | 'identity' }
export type Opened<S, Name extends string> =
  | { readonly ok: true; readonly session: S }
  | { readonly ok: false; readonly fault: SessionFault<Name> }
export type Aggregated<Name extends string> =
  | { readonly ok: true; readonly signature: Uint8Array }
  /** Members whose share was missing or provably wrong; empty if the shares don't belong to this session. */
  | { readonly ok: false; readonly cheaters: readonly Name[] }

interface Signer<Name extends string> extends NonceCommitment {
  readonly name: Name
  /** Position in the order of identifiers. */
  readonly index: number
  readonly verifyingShare: Uint8Array
  /** The binding factor ρ, 32 bytes. */
  readonly rho: Uint8Array
}

/**
 * One round of FROST(secp256k1, SHA-256) with taproot output (RFC 9591 §5, `frost-secp256k1-tr`): commitments, message and
 * tweak are parsed and combined once, and every share is then made or judged by what follows from them. Holds nothing secret.
 */
export class FrostSession<Name extends string = string> {
  readonly #port: Curve
  readonly #key: SigningKey
  readonly #message: Uint8Array
  readonly #signers: ReadonlyMap<Name, Signer<Name>>
  readonly #identifiers: readonly string[]
  /** R, 33 bytes: every nonce is negated where its Y is odd, as BIP340 wants it even. */
  readonly #groupCommitment: Uint8Array
  readonly #challenge: bigint

  private constructor(
    port: Curve,
    key: SigningKey,
    message: Uint8Array,
    signers: readonly Signer<Name>[],
    identifiers: readonly string[],
    groupCommitment: Uint8Array,
  ) {
    this.#port = port
    this.#key = key
    this.#message = message
    this.#signers = new Map(signers.map((s) => [s.name, s]))
    this.#identifiers = identifiers
    this.#groupCommitment = groupCommitment
    this.#challenge = reduced(taggedHash('BIP0340/challenge', xOnly(groupCommitment), key.xOnly, message))
  }

  /** Never throws for what peers or clients sent. */
  static open<Name extends string>(
    key: SessionKey<Name>,
    commitments: ReadonlyMap<Name, NonceCommitment>,
    message: Uint8Array,
    tweak: Tweak,
    port: Curve = curve,
  ): Opened<FrostSession<Name>, Name> {
    const sorted = [...commitments]
      .map(([name, c]) => ({ name, ...c, identifier: key.identifierOf(name) }))
      .sort((a, b) => (a.identifier < b.identifier ? -1 : 1))
    if (sorted.some((c) => key.verifyingShareOf(c.name) === undefined)) return fault({ code: 'not_members' })
    if (sorted.length < key.threshold) return fault({ code: 'too_few' })
    const signingKey = signingKeyOf(key.groupKey, tweak, port)
    if (signingKey === undefined) return fault({ code: 'bad_tweak' })

    const list = concatBytes(...sorted.flatMap((c) => [parseIdentifier(c.identifier).bytes, c.hiding, c.binding]))
    const prefix = concatBytes(liftEven(signingKey.xOnly), messageHash(message), commitmentsHash(list))
    const signerAt = (c: (typeof sorted)[number], index: number): Signer<Name> => ({
      name: c.name,
      hiding: c.hiding,
      binding: c.binding,
      index,
      verifyingShare: key.verifyingShareOf(c.name) ?? EMPTY,
      rho: bindingHash(concatBytes(prefix, parseIdentifier(c.identifier).bytes), port),
    })
    const byName = new Map(sorted.map((c, index) => [c.name, signerAt(c, index)]))
    const signers = [...commitments.keys()].flatMap((name) => byName.get(name) ?? [])
    const R = groupCommitmentOf(signers, port)
    if (R === 'malformed') {
      const bad = [...commitments].flatMap(([name, c]) => (isNonceCommitment(c, port) ? [] : [name]))
      return fault({ code: 'bad_commitments', members: bad })
    }
    if (R === undefined) return fault({ code: 'identity' })
    return {
      ok: true,
      session: new FrostSession(
        port,
        signingKey,
        message,
        signers,
        sorted.map((c) => c.identifier),
        R,
      ),
    }
  }

  has(member: Name): boolean {
    return this.#signers.has(member)
  }

  /**
   * z = ±(d + ρ·e) + λ·c·s′, 32 bytes, where s′ is the share under the tweaked key. Takes the nonces and zeroes them. Throws
   * CodedError `PACKAGE_INVALID` with the pair unspent, or `NONCE_SPENT`.
   */
  share(member: Name, signingShare: Uint8Array, nonces: SecretNonces): Uint8Array {
    const signer = this.#signers.get(member)
    if (signer === undefined || !sameCommitment(signer, nonces.commitment))
      throw new CodedError('PACKAGE_INVALID', 'the package does not hold our own commitment as we made it')
    const weight = this.#weightOf(signer)
    const factors = {
      rho: signer.rho,
      isOdd: this.#isOdd,
      key: toScalarBytes(mul(weight, this.#key.sign)),
      offset: toScalarBytes(mul(weight, this.#key.offset)),
    }
    return signatureShare(nonces.take(), signer, signingShare, factors, this.#port)
  }

  /** Does z·G − λ·c·V′ ∓ ρ·E = ±D hold for this member? False for anything malformed. */
  verifyShare(member: Name, share: Uint8Array): boolean {
    const signer = this.#signers.get(member)
    const z = parsePublicScalar(share)
    if (signer === undefined || z === undefined) return false
    const port = this.#port
    const weight = this.#weightOf(signer)
    // V′ = ±V + offset·G: the offset moves to z, so nobody's verifying share has to be tweaked.
    const nonce = port.linearCombination([
      { scalar: toScalarBytes(sub(z, mul(weight, this.#key.offset))), point: GENERATOR },
      { scalar: toScalarBytes(neg(mul(weight, this.#key.sign))), point: signer.verifyingShare },
      { scalar: this.#isOdd ? signer.rho : toScalarBytes(neg(reduced(signer.rho))), point: signer.binding },
    ])
    return nonce !== undefined && equalBytes(nonce, this.#isOdd ? port.negatePoint(signer.hiding) : signer.hiding)
  }

  /** The sum is verified first, single shares only if it fails: then every cheater is named. Never throws for what peers sent. */
  aggregate(shares: ReadonlyMap<Name, Uint8Array>): Aggregated<Name> {
    if ([...shares.keys()].some((member) => !this.has(member))) return { ok: false, cheaters: [] }
    const scalars = [...this.#signers.keys()].map((member) => parsePublicScalar(shares.get(member) ?? EMPTY))
    if (scalars.every((z) => z !== undefined)) {
      const z = scalars.reduce(add)
      const signature = concatBytes(xOnly(this.#groupCommitment), toScalarBytes(z))
      if (this.#port.schnorrVerify(signature, this.#message, this.#key.xOnly)) return { ok: true, signature }
    }
    const cheaters = [...this.#signers.keys()].filter((m) => !this.verifyShare(m, shares.get(m) ?? EMPTY))
    return { ok: false, cheaters }
  }

  get #isOdd(): boolean {
    return this.#groupCommitment[0] === 0x03
  }

  /** λ·c */
  #weightOf(signer: Signer<Name>): bigint {
    const lambda = lagrangeOf(this.#identifiers)[signer.index]
    if (lambda === undefined) throw new TypeError('session: no such signer')
    return mul(lambda, this.#challenge)
  }
}

/** R = Σ (D + ρ·E); undefined is the point at infinity. The sums read every point, so nothing is read before them. */
function groupCommitmentOf(
  signers: readonly Pick<Signer<string>, 'hiding' | 'binding' | 'rho'>[],
  port: Curve,
): Uint8Array | undefined | 'malformed' {
  try {
    const bound = port.linearCombination(signers.map((s) => ({ scalar: s.rho, point: s.binding })))
    return sumOf(port, [...signers.map((s) => s.hiding), bound])
  } catch (error) {
    if (error instanceof TypeError) return 'malformed'
    throw error
  }
}

const EMPTY = new Uint8Array(0)
const fault = <Name extends string>(of: SessionFault<Name>) => ({ ok: false, fault: of }) as const
