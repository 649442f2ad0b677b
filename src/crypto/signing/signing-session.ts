import { CodedError, equalBytes, type PublicKey } from '../../base/index.ts'
import { type Curve, curve } from '../../curve/index.ts'
import { identifierOf } from '../identifier.ts'
import type { KeyPackage, NonceCommitment, PublicKeyPackage, Tweak } from '../types.ts'
import { type Aggregated, FrostSession, type Opened, type SessionFault } from './frost-session.ts'
import type { SecretNonces } from './nonces.ts'

export type Commitments = ReadonlyMap<PublicKey, NonceCommitment>
export type Aggregate = Aggregated<PublicKey>
export type OpenFault = SessionFault<PublicKey>

/**
 * One signature of one set of signers: what its commitments, digest and tweak come to, worked out once. A coordinator judges
 * shares with it, a member makes its own; it holds nothing secret and may be kept as long as the round.
 */
export class SigningSession {
  readonly #pub: PublicKeyPackage
  readonly #session: FrostSession<PublicKey>

  private constructor(pub: PublicKeyPackage, session: FrostSession<PublicKey>) {
    this.#pub = pub
    this.#session = session
  }

  /** `commitments` are those of the whole package, `digest` is 32 bytes. Never throws for what peers or clients sent. */
  static open(
    pub: PublicKeyPackage,
    commitments: Commitments,
    digest: Uint8Array,
    tweak: Tweak,
    port: Curve = curve,
  ): Opened<SigningSession, PublicKey> {
    if (digest.length !== 32) return { ok: false, fault: { code: 'bad_digest' } }
    const [groupKey] = pub.commitments
    if (groupKey === undefined) throw new TypeError('public key package has no commitments')
    const key = {
      threshold: pub.threshold,
      groupKey,
      identifierOf,
      verifyingShareOf: (member: PublicKey) => pub.verifyingShares.get(member),
    }
    const opened = FrostSession.open(key, commitments, digest, tweak, port)
    return opened.ok ? { ok: true, session: new SigningSession(pub, opened.session) } : opened
  }

  /**
   * This member's signature share, 32 bytes. Takes the nonces and zeroes them. Throws CodedError `NONCE_SPENT`, or
   * `PACKAGE_INVALID` with the pair unspent.
   */
  share(key: KeyPackage, nonces: SecretNonces): Uint8Array {
    const [ours, theirs] = [key.public, this.#pub].map((p) => p.verifyingShares.get(key.owner))
    // A share of another epoch has the same group key: only its verifying share tells.
    if (key.public.groupKey !== this.#pub.groupKey || !ours || !theirs || !equalBytes(ours, theirs))
      throw new CodedError('PACKAGE_INVALID', 'this session is of another key, or of another epoch of it')
    return this.#session.share(key.owner, key.signingShare, nonces)
  }

  /** Is `share` what `member` owes? False for anything malformed; never throws for it. */
  verifyShare(member: PublicKey, share: Uint8Array): boolean {
    return this.#session.verifyShare(member, share)
  }

  /** The BIP340 signature (64 bytes) under the tweaked group key, or everyone who spoiled it. Never throws for what peers sent. */
  aggregate(shares: ReadonlyMap<PublicKey, Uint8Array>): Aggregate {
    return this.#session.aggregate(shares)
  }
}
