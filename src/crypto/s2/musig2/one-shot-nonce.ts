import { accept, equalBytes, type Outcome, refuse, u32be, zeroize } from '../../../base/index.ts'
import type { MusigContext } from './context.ts'
import { type MusigCode, MusigError } from './errors.ts'
import { type MusigForm, type NonceSource, nonceInfo } from './form.ts'
import type { MusigKeys } from './keys.ts'
import { generateNonces, publicNonceOf, type SecretNoncePair } from './nonce-gen.ts'
import { partialSignature } from './partial-signature.ts'
import { verifyPartial } from './partial-verify.ts'
import { type MusigSession, openMusigSession } from './session.ts'
import { type MadePartial, verifyTogether } from './verify-together.ts'

/** A nonce, and what it is to sign. */
export interface SignRequest {
  readonly nonce: OneShotNonce
  readonly session: MusigSession
}

/**
 * A nonce pair of one signer that signs once. That no second one is made from the same source for something else is its maker's to see
 * to: two such signatures reveal the secret key (R30).
 */
export class OneShotNonce {
  /** 66 bytes. */
  readonly publicNonce: Uint8Array
  readonly #context: MusigContext
  readonly #keys: MusigKeys
  /** A copy of the sighash that it is for; undefined where any message may be signed. */
  readonly #sighash: Uint8Array | undefined
  readonly #pair: SecretNoncePair
  #spent = false

  /** Use `makeNonce`. Owns the pair from now on. */
  constructor(
    context: MusigContext,
    keys: MusigKeys,
    form: MusigForm,
    pair: SecretNoncePair,
    publicNonce = publicNonceOf(pair, context.port),
  ) {
    this.#context = context
    this.#keys = keys
    this.#sighash = form.kind === 'sighash' ? Uint8Array.from(form.sighash) : undefined
    this.#pair = pair
    this.publicNonce = publicNonce
  }

  get spent(): boolean {
    return this.#spent
  }

  /**
   * The partial signature, 32 bytes, verified. What is wrong with the request is a MusigError before the pair is touched:
   * `AGG_NONCE_INVALID`, `MESSAGE_LENGTH`, `MESSAGE_IS_NOT_SIGHASH`, `SESSION_OF_OTHER_PARAMS`. After that the pair is gone, whatever
   * happens: `SELF_VERIFY_FAILED` if the signature is wrong, and `NONCE_SPENT` for any further one.
   */
  sign(aggNonce: Uint8Array, message: Uint8Array): Uint8Array {
    return this.signIn(openMusigSession(this.#context, aggNonce, message))
  }

  /** `sign` in a session that was opened before. */
  signIn(session: MusigSession): Uint8Array {
    const made = this.#signed(session)
    if (!verifyPartial(made.partial, made.signer, session, session.context.port)) throw keptBack(made)
    return made.partial
  }

  /**
   * `signIn` of many, all of one context, in order; each fails for itself. They are verified together, which takes half as long, and
   * one by one if that fails. Throws what is no MusigError, once every nonce is spent or refused.
   */
  static signAll(requests: readonly SignRequest[]): readonly Outcome<Uint8Array, MusigCode>[] {
    const made = requests.map(({ nonce, session }) => attempt(() => nonce.#signed(session)))
    const signed = made.flatMap((one) => (one.ok ? [one.value] : []))
    if (verifyTogether(signed)) return made.map((one) => (one.ok ? accept(one.value.partial) : one))
    return made.map((one) => {
      if (!one.ok) return one
      const { partial, signer, session } = one.value
      if (verifyPartial(partial, signer, session, session.context.port)) return accept(partial)
      return refuse(keptBack(one.value).code)
    })
  }

  /** Made and not verified; the pair is gone. */
  #signed(session: MusigSession): MadePartial {
    const [context, sighash] = [this.#context, this.#sighash]
    if (session.context !== context)
      throw new MusigError('SESSION_OF_OTHER_PARAMS', 'the session is of other keys or another tweak than the nonce')
    if (sighash !== undefined && !equalBytes(sighash, session.message))
      throw new MusigError('MESSAGE_IS_NOT_SIGHASH', 'this nonce is for its sighash, and signs no other message')
    const pair = this.#take()
    const partial = partialSignature(pair, this.#keys.secretKey, context.ownWeight, session, context.port)
    const signer = { publicKey: context.ownPublicKey, publicNonce: this.publicNonce, weight: context.ownWeight }
    return { partial, signer, session }
  }

  /** Zeroes the pair unused. */
  destroy(): void {
    this.#spent = true
    zeroize(this.#pair.first, this.#pair.second)
  }

  /** Never renders the pair. */
  toJSON(): string {
    return this.#spent ? 'nonce (spent)' : 'nonce'
  }

  #take(): SecretNoncePair {
    if (this.#spent) throw new MusigError('NONCE_SPENT', 'this nonce has signed, or was destroyed')
    this.#spent = true
    return this.#pair
  }
}

/**
 * The nonce that `source` names, for one message under the key of `context`; the same source makes the same again. `publicNonce` is
 * the one that it had before, if the caller has kept it: it is then not computed again, and a wrong one fails as the signature is verified. Throws
 * MusigError `FORM_INVALID`; TypeError on keys that are not those that the context was opened with, or are closed.
 */
export function makeNonce(
  context: MusigContext,
  keys: MusigKeys,
  source: NonceSource,
  publicNonce?: Uint8Array,
): OneShotNonce {
  if (!equalBytes(keys.publicKey, context.ownPublicKey)) throw new TypeError('the context is of another own key')
  const rand = keys.nonceMaterial.derive32(...nonceInfo(source))
  const pair = generateNonces(
    {
      rand,
      secretKey: keys.secretKey,
      publicKey: keys.publicKey,
      aggregateKey: context.publicKey,
      extraInput: u32be(context.ownIndex),
    },
    context.port,
  )
  zeroize(rand)
  return new OneShotNonce(context, keys, source.form, pair, publicNonce)
}

/** Zeroes what is kept back: a wrong signature may say something about the key. */
function keptBack({ partial }: MadePartial): MusigError {
  zeroize(partial)
  return new MusigError('SELF_VERIFY_FAILED', 'the partial signature just made is not valid; it is kept back')
}

function attempt<T>(compute: () => T): Outcome<T, MusigCode> {
  try {
    return accept(compute())
  } catch (error) {
    if (error instanceof MusigError) return refuse(error.code)
    throw error
  }
}
