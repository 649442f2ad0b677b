import { equalBytes, fromHex } from '../base/index.ts'

/** G of secp256k1, 33 bytes. */
export const GENERATOR = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')
export const isGenerator = (point: Uint8Array): boolean => equalBytes(point, GENERATOR)
