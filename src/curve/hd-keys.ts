import { HARDENED_OFFSET, HDKey } from '@scure/bip32'

/**
 * BIP32: the private key, 32 bytes, at a path of hardened steps below a seed of 16 to 64 bytes. The library computes with it
 * as noble does: once, when a seed is opened. Throws Error on other seeds.
 */
export function hardenedKey(seed: Uint8Array, path: readonly number[]): Uint8Array {
  let node = HDKey.fromMasterSeed(seed)
  for (const step of path) {
    const child = node.deriveChild(step + HARDENED_OFFSET)
    node.wipePrivateData()
    node = child
  }
  const key = node.privateKey?.slice()
  node.wipePrivateData()
  if (key === undefined) throw new Error('a hardened key has no private part')
  return key
}
