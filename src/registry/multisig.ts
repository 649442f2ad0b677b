import type { MultiSigSpendingCondition, StacksTransactionWire } from '@stacks/transactions'
import { CodedError, concatBytes, fromHex, type PublicKey, toHex } from '../base/index.ts'
import { curve, hash160, publicKeyBytes } from '../curve/index.ts'
import { loadStacks } from './clarity.ts'
import { MAINNET_CHAIN_ID, parseContractId, redeemScript } from './principal.ts'
import type { RegistryId, RotateKeysCall, RotateKeysPlan } from './types.ts'

/** The governance contract beside the registry, of the same deployer. */
const WRAPPER_CONTRACT = 'sbtc-bootstrap-signers'
const WRAPPER_FUNCTION = 'rotate-keys-wrapper'
/** Of `@stacks/transactions` 7.6, one below the chain's. */
const LIBRARY_MAX_KEYS = 15

/** Payload of the wrapper's call. */
export async function rotateKeysPayload(registry: RegistryId, call: RotateKeysCall) {
  const { Cl, createContractCallPayload } = await loadStacks()
  const { address } = parseContractId(registry.contract)
  return createContractCallPayload(address, WRAPPER_CONTRACT, WRAPPER_FUNCTION, [
    Cl.list(call.newKeys.map((key) => Cl.buffer(publicKeyBytes(key)))),
    Cl.buffer(publicKeyBytes(call.newAggregateKey)),
    Cl.uint(call.newThreshold),
  ])
}

/**
 * The unsigned transaction: the same plan gives the same bytes everywhere. Post-conditions: none, mode deny; it moves nothing.
 * Throws `SET_TOO_LARGE_FOR_PRINCIPAL` (R3).
 */
export async function unsignedTransaction(registry: RegistryId, plan: RotateKeysPlan): Promise<StacksTransactionWire> {
  const lib = await loadStacks()
  const mainnet = registry.chainId === MAINNET_CHAIN_ID
  // Not the library's createMultiSigSpendingCondition: it stops at 15 keys, the chain and R3 at 16.
  const condition: MultiSigSpendingCondition = {
    hashMode: lib.AddressHashMode.P2SHNonSequential,
    signer: toHex(hash160(redeemScript(plan.signers, plan.signaturesRequired))),
    nonce: BigInt(plan.nonce),
    fee: BigInt(plan.feeUstx),
    fields: [],
    signaturesRequired: plan.signaturesRequired,
  }
  return new lib.StacksTransactionWire({
    payload: await rotateKeysPayload(registry, plan.call),
    auth: lib.createStandardAuth(condition),
    network: mainnet ? 'mainnet' : 'testnet',
    chainId: registry.chainId,
  })
}

/** What members sign in mode 5: the initial sighash with auth flag, fee and nonce; no signature enters it, so order is free. */
export async function presignHash(registry: RegistryId, plan: RotateKeysPlan): Promise<string> {
  const { AuthType, sigHashPreSign } = await loadStacks()
  const tx = await unsignedTransaction(registry, plan)
  return sigHashPreSign(tx.signBegin(), AuthType.Standard, plan.feeUstx, plan.nonce)
}

/** 65 bytes, recovery id ‖ r ‖ s; RFC 6979 and low-s. The secret stays within the curve port; the recovery id is found from the public side. */
export async function signRecoverable(hash: string, secret: Uint8Array): Promise<Uint8Array> {
  const compact = curve.ecdsaSign(fromHex(hash), secret)
  const own = toHex(curve.publicKeyOf(secret))
  for (const recoveryId of [0, 1, 2, 3]) {
    const signature = concatBytes(Uint8Array.of(recoveryId), compact)
    if ((await recoverKey(hash, signature)) === own) return signature
  }
  throw new CodedError('TX_BAD_SIGNATURE', 'the signature just made can not be verified; this machine computes wrongly')
}

/** True if `signature` is `member`'s over `hash`: strict low-s, and the recovery id that the chain will use names the member. */
export async function verifyRecoverable(hash: string, member: PublicKey, signature: Uint8Array): Promise<boolean> {
  if (!curve.ecdsaVerify(signature.subarray(1), fromHex(hash), publicKeyBytes(member))) return false
  return (await recoverKey(hash, signature)) === member
}

async function recoverKey(hash: string, signature: Uint8Array): Promise<string | undefined> {
  const { publicKeyFromSignatureVrs } = await loadStacks()
  try {
    return publicKeyFromSignatureVrs(hash, toHex(signature))
  } catch {
    // Most recovery ids don't fit a given signature; the library says so by throwing.
    return undefined
  }
}

/**
 * The whole transaction: in key order, the signatures of the first m members that gave one and the public keys of the others.
 * Signatures must have been verified singly; the library's own check of the bytes is the last word. Throws `TX_BAD_SIGNATURE`.
 */
export async function combine(
  registry: RegistryId,
  plan: RotateKeysPlan,
  signatures: ReadonlyMap<PublicKey, Uint8Array>,
): Promise<{ readonly bytes: Uint8Array; readonly txid: string }> {
  const lib = await loadStacks()
  const tx = await unsignedTransaction(registry, plan)
  const used = new Set(plan.signers.filter((key) => signatures.has(key)).slice(0, plan.signaturesRequired))
  const condition = tx.auth.spendingCondition as MultiSigSpendingCondition
  condition.fields = plan.signers.map((key) => {
    const signature = used.has(key) ? signatures.get(key) : undefined
    return lib.createTransactionAuthField(
      lib.PubKeyEncoding.Compressed,
      signature === undefined ? lib.createStacksPublicKey(key) : lib.createMessageSignature(toHex(signature)),
    )
  })
  const bytes = tx.serializeBytes()
  try {
    // Refuses 16 keys whatever they signed; those stand on the single checks alone.
    if (plan.signers.length <= LIBRARY_MAX_KEYS) lib.deserializeTransaction(bytes).verifyOrigin()
  } catch (error) {
    throw new CodedError(
      'TX_BAD_SIGNATURE',
      'the combined rotate-keys transaction does not verify; collect the signatures again',
      {},
      { cause: error },
    )
  }
  return { bytes, txid: tx.txid() }
}
