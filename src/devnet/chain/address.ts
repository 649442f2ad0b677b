import {
  AddressHashMode,
  addressFromPublicKeys,
  addressFromVersionHash,
  addressHashModeToVersion,
  addressToString,
  createStacksPublicKey,
  type SpendingCondition,
} from '@stacks/transactions'
import type { PublicKey } from '../../base/index.ts'

/** c32 versions of a multisig account. */
export const MULTISIG_VERSION = { mainnet: 0x14, testnet: 0x15 } as const

export const MAINNET_CHAIN_ID = 1
export const isMainnet = (chainId: number): boolean => chainId === MAINNET_CHAIN_ID

/** `@stacks/transactions` stops at the 520 bytes of a Bitcoin redeem script, one key before the opcodes do (R3). */
const MAX_KEYS = 15

/** Stacks address of the m-of-n multisig of these keys, in the order given: submit them sorted. At most 15 keys. */
export function multisigAddress(
  keys: readonly PublicKey[],
  m: number,
  version: keyof typeof MULTISIG_VERSION | number = 'testnet',
): string {
  if (keys.length < 1 || keys.length > MAX_KEYS || !Number.isInteger(m) || m < 1 || m > keys.length)
    throw new TypeError(`multisig: expected 1 ≤ m ≤ n ≤ ${MAX_KEYS}, got m = ${m}, n = ${keys.length}`)
  const byte = typeof version === 'number' ? version : MULTISIG_VERSION[version]
  return addressToString(
    addressFromPublicKeys(
      byte,
      AddressHashMode.P2SH,
      m,
      keys.map((key) => createStacksPublicKey(key)),
    ),
  )
}

/** The account that a spending condition speaks for. */
export function signerAddress(condition: SpendingCondition, chainId: number): string {
  const version = addressHashModeToVersion(condition.hashMode, isMainnet(chainId) ? 'mainnet' : 'testnet')
  return addressToString(addressFromVersionHash(version, condition.signer))
}
