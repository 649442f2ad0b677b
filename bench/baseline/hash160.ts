/** HASH160 by others than us: of 20 bytes, as a step of a hash chain. */
import { hash } from 'node:crypto'
import { createRIPEMD160, createSHA256 } from 'hash-wasm'
import { hash160 } from '../../src/curve/index.ts'

export type Hash160 = (bytes: Uint8Array) => Uint8Array

/** noble with a hash object for each call, as its functions are. */
export const nobleHash160: Hash160 = hash160

/** OpenSSL, by Node's calls of one shot. */
export const systemHash160: Hash160 = (bytes) => hash('ripemd160', hash('sha256', bytes, 'buffer'), 'buffer')

export async function wasmHash160(): Promise<Hash160> {
  const [sha256, ripemd160] = await Promise.all([createSHA256(), createRIPEMD160()])
  return (bytes) => {
    const between = sha256.init().update(bytes).digest('binary')
    return ripemd160.init().update(between).digest('binary')
  }
}

/** Chain ends, 16 steps each, of a secret key made of chain starts. */
export function publicKeyBy(hash160: Hash160, secretKey: Uint8Array): Uint8Array {
  const publicKey = new Uint8Array(secretKey.length)
  for (let at = 0; at < secretKey.length; at += 20) {
    let element: Uint8Array = secretKey.subarray(at, at + 20)
    for (let i = 0; i < 16; i++) element = hash160(element)
    publicKey.set(element, at)
  }
  return publicKey
}
