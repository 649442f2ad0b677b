import { encodeFields, fromHex, type PublicKey, zeroize } from '../base/index.ts'
import { curve, hkdfSha256, openOnce, randomBytes, sealOnce, taggedHash, xOnly } from '../curve/index.ts'
import { checkEqualLogs, proveEqualLogs } from './dleq.ts'

/** Who a box is for (R18). `attempt` names one attempt of one round and nothing else: 32 bytes. */
export interface PairContext {
  readonly attempt: Uint8Array
  readonly dealer: PublicKey
  readonly receiver: PublicKey
}

/** A pair's shared point (33 bytes) and the proof that it is theirs (64 bytes). Opens that pair's one box and no other. */
export interface PairReveal {
  readonly point: Uint8Array
  readonly proof: Uint8Array
}

/**
 * A key that lives for one (attempt, receiver), or, on the receiving side, for one attempt. The secret never leaves it.
 */
export class EphemeralKey {
  /** 33 bytes. */
  readonly publicKey: Uint8Array
  readonly #secret: Uint8Array

  private constructor(secret: Uint8Array) {
    this.#secret = secret
    this.publicKey = curve.publicKeyOf(secret)
  }

  static generate(rng: (lengthBytes: number) => Uint8Array = randomBytes): EphemeralKey {
    for (;;) {
      const secret = Uint8Array.from(rng(32))
      if (curve.isSecret(secret)) return new EphemeralKey(secret)
    }
  }

  /** BIP340 signature of `message` under this key. */
  sign(message: Uint8Array): Uint8Array {
    return curve.schnorrSign(message, this.#secret)
  }

  /** secret·P, 33 secret bytes. */
  sharedPoint(other: Uint8Array): Uint8Array {
    return curve.ecdhPoint(this.#secret, other)
  }

  /** `sharedPoint`, told to everybody with the proof that it is that (R18). `context` as in `EqualLogs`. */
  reveal(context: Uint8Array, other: Uint8Array): PairReveal {
    const shared = this.sharedPoint(other)
    const logs = { context, key: this.publicKey, base: other, shared }
    return { point: shared, proof: proveEqualLogs(this.#secret, logs) }
  }

  destroy(): void {
    zeroize(this.#secret)
  }
  toJSON(): string {
    return 'ephemeral key'
  }
}

/** Proof that the dealer holds the secret of its ephemeral key, for this attempt and receiver alone: a copied key can't be shown as one's own. 64 bytes. */
export const proveDealerKey = (context: PairContext, key: EphemeralKey): Uint8Array =>
  key.sign(dealerStatement(context, key.publicKey))
export const checkDealerKey = (context: PairContext, publicKey: Uint8Array, proof: Uint8Array): boolean =>
  checkProof(publicKey, proof, () => dealerStatement(context, publicKey))

/** The same for the key that a receiver opens its attempt with. */
export const proveReceiverKey = (attempt: Uint8Array, receiver: PublicKey, key: EphemeralKey): Uint8Array =>
  key.sign(receiverStatement(attempt, receiver, key.publicKey))
export const checkReceiverKey = (
  attempt: Uint8Array,
  receiver: PublicKey,
  publicKey: Uint8Array,
  proof: Uint8Array,
): boolean => checkProof(publicKey, proof, () => receiverStatement(attempt, receiver, publicKey))

/** Seals a secret of the dealer to the receiver's key of this attempt. One message per dealer key; 16 bytes longer than the plaintext. */
export function sealPair(
  context: PairContext,
  dealerKey: EphemeralKey,
  receiverPublicKey: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const info = infoOf(context, dealerKey.publicKey, receiverPublicKey)
  return withKey(dealerKey.sharedPoint(receiverPublicKey), info, (key) => sealOnce(key, plaintext, info))
}

/** The plaintext, or undefined if it was not sealed so. */
export function openPair(
  context: PairContext,
  receiverKey: EphemeralKey,
  dealerPublicKey: Uint8Array,
  box: Uint8Array,
): Uint8Array | undefined {
  if (!curve.isPoint(dealerPublicKey)) return undefined
  const info = infoOf(context, dealerPublicKey, receiverKey.publicKey)
  return withKey(receiverKey.sharedPoint(dealerPublicKey), info, (key) => openOnce(key, box, info))
}

/**
 * The receiver's half of a complaint (R18): the secret that it shares with this dealer in this attempt. Whoever has it opens
 * this box; the attempt is over, and no other box was ever sealed so.
 */
export const revealPair = (context: PairContext, receiverKey: EphemeralKey, dealerPublicKey: Uint8Array): PairReveal =>
  receiverKey.reveal(infoOf(context, dealerPublicKey, receiverKey.publicKey), dealerPublicKey)

/**
 * What a third party finds in a box by a reveal: `unproven` if the revealed point is not that pair's, else the plaintext, or
 * undefined if nobody sealed it so. `receiverPublicKey` is the key that the *dealer* says it sealed to. Never throws.
 */
export function openRevealed(
  context: PairContext,
  dealerPublicKey: Uint8Array,
  receiverPublicKey: Uint8Array,
  revealed: PairReveal,
  box: Uint8Array,
): Uint8Array | undefined | 'unproven' {
  const info = infoOf(context, dealerPublicKey, receiverPublicKey)
  const logs = { context: info, key: receiverPublicKey, base: dealerPublicKey, shared: revealed.point }
  if (!checkEqualLogs(logs, revealed.proof)) return 'unproven'
  return withKey(revealed.point.slice(), info, (key) => openOnce(key, box, info))
}

/** What a dealer's broadcast holds of each ciphertext (R18), 32 bytes. */
export const boxHash = (box: Uint8Array): Uint8Array => taggedHash('countersign/pair-box/hash', box)

const infoOf = (
  { attempt, dealer, receiver }: PairContext,
  dealerKey: Uint8Array,
  receiverKey: Uint8Array,
): Uint8Array =>
  encodeFields('countersign/pair-box/1', attempt, fromHex(dealer), fromHex(receiver), dealerKey, receiverKey)

function withKey<T>(shared: Uint8Array, info: Uint8Array, use: (key: Uint8Array) => T): T {
  const key = hkdfSha256(shared, info, 32)
  try {
    return use(key)
  } finally {
    zeroize(shared, key)
  }
}

const dealerStatement = ({ attempt, dealer, receiver }: PairContext, publicKey: Uint8Array): Uint8Array =>
  taggedHash('countersign/pair-box/dealer-key', encodeFields(attempt, fromHex(dealer), fromHex(receiver), publicKey))
const receiverStatement = (attempt: Uint8Array, receiver: PublicKey, publicKey: Uint8Array): Uint8Array =>
  taggedHash('countersign/pair-box/receiver-key', encodeFields(attempt, fromHex(receiver), publicKey))

/** The statement holds all 33 bytes, because BIP340 sees only x. */
function checkProof(publicKey: Uint8Array, proof: Uint8Array, statement: () => Uint8Array): boolean {
  return curve.isPoint(publicKey) && proof.length === 64 && curve.schnorrVerify(proof, statement(), xOnly(publicKey))
}
