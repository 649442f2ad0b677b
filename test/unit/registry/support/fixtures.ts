import { Cl, serializeCV } from '@stacks/transactions'
import type { PublicKey } from '../../../../src/base/index.ts'
import { KeyPair, publicKeyBytes, sha256 } from '../../../../src/curve/index.ts'
import { principalOf, type RegistryId, sortKeys, TESTNET_CHAIN_ID } from '../../../../src/registry/index.ts'

export const DEPLOYER = 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS'
export const REGISTRY: RegistryId = {
  network: 'devnet',
  chainId: TESTNET_CHAIN_ID,
  contract: `${DEPLOYER}.sbtc-registry`,
}

/** The same key pairs in every run: number → key. */
export const keyPair = (n: number): KeyPair => KeyPair.fromSecret(sha256(Uint8Array.of(n >> 8, n & 0xff)))
export const keyPairs = (count: number, from = 1): KeyPair[] => {
  const pairs = Array.from({ length: count }, (_, i) => keyPair(from + i))
  return pairs.sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1))
}
export const publicKeys = (count: number, from = 1): PublicKey[] =>
  sortKeys(keyPairs(count, from).map((k) => k.publicKey))
export const AGGREGATE = keyPair(900).publicKey
export const AGGREGATE_2 = keyPair(901).publicKey

export interface Tuple {
  readonly keys: readonly Uint8Array[]
  readonly threshold: number | bigint
  readonly aggregateKey: Uint8Array
  readonly principal: string
}

/** A good set of `n` keys, majority threshold. */
export function goodTuple(n = 3, from = 1, aggregate: PublicKey = AGGREGATE): Tuple {
  const keys = publicKeys(n, from)
  const threshold = Math.floor(n / 2) + 1
  return {
    keys: keys.map(publicKeyBytes),
    threshold,
    aggregateKey: publicKeyBytes(aggregate),
    principal: n <= 16 ? principalOf(REGISTRY.chainId, keys, threshold) : DEPLOYER,
  }
}
export const BLANK: Tuple = { keys: [], threshold: 0, aggregateKey: Uint8Array.of(0), principal: DEPLOYER }

/** As `get-current-signer-data` answers, `0x…`. */
export const signerData = (tuple: Tuple): string =>
  `0x${serializeCV(
    Cl.tuple({
      'current-signer-set': Cl.list(tuple.keys.map((k) => Cl.buffer(k))),
      'current-aggregate-pubkey': Cl.buffer(tuple.aggregateKey),
      'current-signer-principal': Cl.principal(tuple.principal),
      'current-signature-threshold': Cl.uint(tuple.threshold),
    }),
  )}`
