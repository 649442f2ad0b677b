import { CodedError, concatBytes, LIMITS, type PublicKey } from '../base/index.ts'
import { hash160, publicKeyBytes } from '../curve/index.ts'
import { decodeAddress, encodeAddress } from './c32.ts'

/** The chain's own network id of the production network (`network_id` of /v2/info). */
export const MAINNET_CHAIN_ID = 0x00000001
/** Testnets, and devnets that imitate one. */
export const TESTNET_CHAIN_ID = 0x80000000

const OP_PUSH_BASE = 0x50
const OP_CHECKMULTISIG = 0xae
const PUSH_33 = 0x21
const VERSION_MAINNET_MULTISIG = 0x14
const VERSION_TESTNET_MULTISIG = 0x15

/** Address version of multisig accounts: mainnet has its own, every other chain uses the testnet's. */
export const multisigVersion = (chainId: number): number =>
  chainId === MAINNET_CHAIN_ID ? VERSION_MAINNET_MULTISIG : VERSION_TESTNET_MULTISIG

/** R3: beyond OP_16 the opcode byte means something else, and nobody could ever spend from, or rotate, such a set. */
export function requireMultisigSize(keyCount: number, threshold: number): void {
  if (keyCount > LIMITS.maxMultisigKeys || threshold > LIMITS.maxMultisigKeys)
    throw new CodedError(
      'SET_TOO_LARGE_FOR_PRINCIPAL',
      `a set of ${keyCount} keys with threshold ${threshold} has no multisig account that could act; rotate to at most ${LIMITS.maxMultisigKeys} keys`,
      { keyCount, threshold, maxKeys: LIMITS.maxMultisigKeys },
    )
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > keyCount)
    throw new CodedError('INVALID_THRESHOLD', `threshold ${threshold} is not between 1 and ${keyCount}`)
}

/** OP_m ‖ (0x21 ‖ key)* ‖ OP_n ‖ OP_CHECKMULTISIG, the keys in the order given (R3). */
export function redeemScript(keys: readonly PublicKey[], threshold: number): Uint8Array {
  requireMultisigSize(keys.length, threshold)
  return concatBytes(
    Uint8Array.of(OP_PUSH_BASE + threshold),
    ...keys.flatMap((key) => [Uint8Array.of(PUSH_33), publicKeyBytes(key)]),
    Uint8Array.of(OP_PUSH_BASE + keys.length, OP_CHECKMULTISIG),
  )
}

/**
 * Stacks address of the set's multisig account; depends on the order of `keys`.
 * Throws CodedError `SET_TOO_LARGE_FOR_PRINCIPAL` (R3) or `INVALID_THRESHOLD`.
 */
export const principalOf = (chainId: number, keys: readonly PublicKey[], threshold: number): string =>
  encodeAddress(multisigVersion(chainId), hash160(redeemScript(keys, threshold)))

/** The two halves of `<address>.<contract name>`. Throws TypeError; what passes is safe in a URL path. */
export function parseContractId(contract: string): { readonly address: string; readonly name: string } {
  const [address = '', name = '', ...rest] = contract.split('.')
  decodeAddress(address)
  if (rest.length > 0 || !/^[a-zA-Z][a-zA-Z0-9_-]{0,127}$/.test(name))
    throw new TypeError('contract: expected <address>.<contract name>')
  return { address, name }
}
