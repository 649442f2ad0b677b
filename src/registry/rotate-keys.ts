import { CodedError, type PublicKey, toHex } from '../base/index.ts'
import { curve } from '../curve/index.ts'
import { decodeAddress } from './c32.ts'
import { loadStacks } from './clarity.ts'
import { ReadError } from './errors.ts'
import { requireNetwork } from './judge.ts'
import {
  combine,
  presignHash,
  rotateKeysPayload,
  signRecoverable,
  unsignedTransaction,
  verifyRecoverable,
} from './multisig.ts'
import { MAX_FEE_USTX, requireRotatable, requireSoundPlan } from './rotate-plan.ts'
import type { StacksClient } from './stacks-client.ts'
import type { RegistryId, RotateKeysCall, RotateKeysPlan, RotateKeysTx } from './types.ts'

export interface RotateKeysInit {
  readonly registryId: RegistryId
  /** Asked in order; the first that answers is believed: a wrong nonce or fee costs a failed transaction, never a key. */
  readonly clients: readonly StacksClient[]
}

/** µSTX per byte, where a node has no estimate: the least that the network relays. */
const MIN_FEE_PER_BYTE_USTX = 1
/** A signature or a public key with its type byte. */
const AUTH_FIELD_BYTES = { signature: 66, publicKey: 34 } as const

export const createRotateKeysTx = (init: RotateKeysInit): RotateKeysTx => new ChainRotateKeysTx(init)

class ChainRotateKeysTx implements RotateKeysTx {
  readonly #registryId: RegistryId
  readonly #clients: readonly StacksClient[]

  constructor({ registryId, clients }: RotateKeysInit) {
    this.#registryId = registryId
    this.#clients = clients
  }

  nextNonce(principal: string, signal?: AbortSignal): Promise<number> {
    decodeAddress(principal)
    return this.#firstAnswer(async (client) => {
      requireNetwork(client.label, this.#registryId, await client.info(signal))
      return (await client.account(principal, signal)).nonce
    }, signal)
  }

  async estimateFeeUstx(
    call: RotateKeysCall,
    signers: readonly PublicKey[],
    signaturesRequired: number,
    signal?: AbortSignal,
  ): Promise<number> {
    requireRotatable(call)
    const plan: RotateKeysPlan = { call, signers, signaturesRequired, nonce: 0, feeUstx: 0 }
    const [unsigned, { serializePayloadBytes }] = await Promise.all([
      unsignedTransaction(this.#registryId, plan),
      loadStacks(),
    ])
    const payload = serializePayloadBytes(await rotateKeysPayload(this.#registryId, call))
    const bytes =
      unsigned.serializeBytes().length +
      signaturesRequired * AUTH_FIELD_BYTES.signature +
      (signers.length - signaturesRequired) * AUTH_FIELD_BYTES.publicKey
    const estimate = await this.#firstAnswer((client) => client.fees(payload, bytes, signal), signal)
    return Math.min(MAX_FEE_USTX, Math.max(estimate ?? 0, bytes * MIN_FEE_PER_BYTE_USTX))
  }

  async payloadHash(plan: RotateKeysPlan): Promise<string> {
    requireSoundPlan(plan)
    return presignHash(this.#registryId, plan)
  }

  async sign(plan: RotateKeysPlan, secret: Uint8Array): Promise<Uint8Array> {
    requireSoundPlan(plan)
    const own = toHex(curve.publicKeyOf(secret))
    if (!plan.signers.some((key) => key === own))
      throw new CodedError('TX_NOT_A_SIGNER', 'this key is not among the current signers; nothing is signed', {
        key: own,
      })
    return signRecoverable(await presignHash(this.#registryId, plan), secret)
  }

  async verify(plan: RotateKeysPlan, member: PublicKey, signature: Uint8Array): Promise<boolean> {
    requireSoundPlan(plan)
    return (
      plan.signers.includes(member) && verifyRecoverable(await presignHash(this.#registryId, plan), member, signature)
    )
  }

  /** Throws `TX_FOREIGN_SIGNATURE`, `TX_BAD_SIGNATURE`, `TX_TOO_FEW_SIGNATURES`, `TX_REJECTED` or a ReadError. */
  async broadcast(
    plan: RotateKeysPlan,
    signatures: ReadonlyMap<PublicKey, Uint8Array>,
    signal?: AbortSignal,
  ): Promise<string> {
    requireSoundPlan(plan)
    await this.#requireSignatures(plan, signatures)
    const { bytes, txid } = await combine(this.#registryId, plan, signatures)
    const told = await this.#firstAnswer((client) => client.sendTransaction(bytes, signal), signal)
    if (told !== txid)
      throw new ReadError(
        'malformed_answer',
        'a Stacks node took the transaction under another id; check [registry] endpoints',
        {
          txid,
        },
      )
    return txid
  }

  async #requireSignatures(plan: RotateKeysPlan, signatures: ReadonlyMap<PublicKey, Uint8Array>): Promise<void> {
    const hash = await presignHash(this.#registryId, plan)
    for (const [member, signature] of signatures) {
      if (!plan.signers.includes(member))
        throw new CodedError('TX_FOREIGN_SIGNATURE', 'a signature is of a key outside the current set; leave it out', {
          member,
        })
      if (!(await verifyRecoverable(hash, member, signature)))
        throw new CodedError('TX_BAD_SIGNATURE', "a member's signature is not over this transaction; ask it again", {
          member,
        })
    }
    if (signatures.size < plan.signaturesRequired)
      throw new CodedError('TX_TOO_FEW_SIGNATURES', 'fewer signatures than the principal requires; collect more', {
        have: signatures.size,
        required: plan.signaturesRequired,
      })
  }

  /** Next endpoint on a failure of the endpoint; a rejection by the chain's rules is also asked of the others, then told. */
  async #firstAnswer<T>(ask: (client: StacksClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let rejection: CodedError | undefined
    let failure: unknown
    for (const client of this.#clients) {
      try {
        return await ask(client)
      } catch (error) {
        if (signal?.aborted || !(error instanceof CodedError)) throw error
        if (error.code === 'TX_REJECTED') rejection ??= error
        else failure ??= error
      }
    }
    throw rejection ?? failure ?? new ReadError('unreachable', 'no Stacks node is configured; set [registry] endpoints')
  }
}
