import { type Clock, CodedError, type PublicKey, systemClock, toHex } from '../base/index.ts'
import { curve } from '../curve/index.ts'
import { decodeAddress } from './c32.ts'
import { loadStacks } from './clarity.ts'
import { ReadError } from './errors.ts'
import { gather } from './gather.ts'
import {
  combine,
  presignHash,
  rotateKeysPayload,
  signRecoverable,
  unsignedTransaction,
  verifyRecoverable,
} from './multisig.ts'
import { principalOf } from './principal.ts'
import { failuresOf, noQuorum, type QuorumSource, TIP_GRACE_MS } from './quorum-read.ts'
import { MAX_FEE_USTX, requireRotatable, requireSoundPlan } from './rotate-plan.ts'
import { readRotationState } from './rotation-state.ts'
import type { StacksClient } from './stacks-client.ts'
import type { RegistryId, RotateKeysCall, RotateKeysPlan, RotateKeysTx, RotationState } from './types.ts'

export interface RotateKeysInit {
  readonly registryId: RegistryId
  readonly clients: readonly StacksClient[]
  /** How many of them must agree on what is signed (R4). Default: just over half. */
  readonly quorum?: number
  readonly clock?: Clock
}

/** µSTX per byte, where a node has no estimate: the least that the network relays. */
const MIN_FEE_PER_BYTE_USTX = 1
/** A signature or a public key with its type byte. */
const AUTH_FIELD_BYTES = { signature: 66, publicKey: 34 } as const

export const createRotateKeysTx = (init: RotateKeysInit): RotateKeysTx => new ChainRotateKeysTx(init)

class ChainRotateKeysTx implements RotateKeysTx {
  readonly #registryId: RegistryId
  readonly #source: QuorumSource

  constructor({
    registryId,
    clients,
    quorum = Math.floor(clients.length / 2) + 1,
    clock = systemClock,
  }: RotateKeysInit) {
    this.#registryId = registryId
    this.#source = { registryId, clients, quorum, clock }
  }

  rotationState(principal: string, signal?: AbortSignal): Promise<RotationState> {
    decodeAddress(principal)
    return readRotationState(this.#source, principal, signal)
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
    const leastUstx = bytes * MIN_FEE_PER_BYTE_USTX
    const { values, errors } = await this.#askAll((client, s) => client.fees(payload, bytes, s), signal)
    // A node without an estimate votes for the least: else one liar among such nodes would be the only voice.
    const answers = values.flatMap((v) => (v === undefined ? [] : [v.value ?? leastUstx]))
    if (answers.length < this.#source.quorum)
      throw noQuorum(this.#source, 'a fee', failuresOf(this.#source.clients, { values, errors }))
    return Math.min(MAX_FEE_USTX, Math.max(lowerMedian(answers), leastUstx))
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
    try {
      await this.#send(bytes, txid, signal)
    } catch (error) {
      throw unfunded(error, principalOf(this.#registryId.chainId, plan.signers, plan.signaturesRequired), plan) ?? error
    }
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

  /**
   * To every endpoint: one that says yes and drops the transaction would hold the rotation up for ever if it alone were
   * asked. A rejection by the chain's rules is told only where nobody took it.
   */
  async #send(bytes: Uint8Array, txid: string, signal?: AbortSignal): Promise<void> {
    const { values, errors } = await this.#askAll((client, s) => client.sendTransaction(bytes, s), signal)
    if (values.some((v) => v?.value === txid)) return
    for (const error of errors) if (error !== undefined && !(error instanceof CodedError)) throw error
    const coded = errors.filter((error) => error instanceof CodedError)
    const refused = coded.find((error) => error.code === 'TX_REJECTED') ?? coded[0]
    if (refused !== undefined) throw refused
    throw new ReadError(
      'malformed_answer',
      'the Stacks nodes took the transaction under another id; check [registry] endpoints',
      { txid },
    )
  }

  /** Every endpoint's answer; once a quorum gave one, the others have TIP_GRACE_MS. Boxed: undefined is an answer as well. */
  #askAll<T>(ask: (client: StacksClient, signal: AbortSignal) => Promise<T>, signal?: AbortSignal) {
    const { clients, quorum, clock } = this.#source
    return gather(
      clients.map((client) => async (s: AbortSignal) => ({ value: await ask(client, s) })),
      (values) => values.length >= quorum,
      TIP_GRACE_MS,
      clock,
      signal,
    )
  }
}

/** The one rejection that an operator mends with a payment: to whom, and how much, must be said. Undefined: another error. */
function unfunded(error: unknown, principal: string, { feeUstx }: RotateKeysPlan): CodedError | undefined {
  if (!(error instanceof CodedError) || error.code !== 'TX_REJECTED' || error.data.reason !== 'NotEnoughFunds')
    return undefined
  const { neededUstx, heldUstx } = error.data
  const isTold = typeof neededUstx === 'string' && typeof heldUstx === 'string'
  const has = isTold ? `holds ${heldUstx} of the ${neededUstx} micro-STX` : `does not hold the ${feeUstx} micro-STX`
  const missing = isTold ? BigInt(neededUstx) - BigInt(heldUstx) : 0n
  const amount = missing > 0n ? `at least ${missing} micro-STX` : 'STX'
  return new CodedError(
    'TX_REJECTED',
    `the current set's account ${principal} ${has} that rotate-keys costs (NotEnoughFunds): send ${amount} to ${principal}, and the rotation goes on by itself`,
    { ...error.data, principal, feeUstx },
    { cause: error },
  )
}

/** Of an even number the lower: a fee too low is raised when it bears no fruit, a fee too high is paid. */
const lowerMedian = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? 0
