import type { KeyObject } from 'node:crypto'
import { concatBytes, fromHex, zeroize } from '../base/index.ts'
import { CURVE_VARIABLE } from './choose.ts'
import type { Ed25519 } from './ed25519.ts'
import type { X25519 } from './x25519.ts'

/** RFC 8410: everything before the 32 bytes of a key, as PKCS #8 and as SPKI. */
const PREFIXES = {
  ed25519: { secret: fromHex('302e020100300506032b657004220420'), public: fromHex('302a300506032b6570032100') },
  x25519: { secret: fromHex('302e020100300506032b656e04220420'), public: fromHex('302a300506032b656e032100') },
} as const
type Kind = keyof typeof PREFIXES

/** Node's own, found without an import: the rpc client also loads where there is no Node. */
const crypto =
  globalThis.process?.env?.[CURVE_VARIABLE] === 'noble'
    ? undefined
    : globalThis.process?.getBuiltinModule?.('node:crypto')

/**
 * What computes with a secret, by OpenSSL in C: faster than JavaScript and of constant time. Arguments have their lengths already.
 * undefined where Node is not, and under `COUNTERSIGN_CURVE=noble`.
 */
export const openssl25519 = crypto === undefined ? undefined : openssl(crypto)

function openssl(node: typeof import('node:crypto')) {
  const secretKey = (kind: Kind, secret: Uint8Array): KeyObject => {
    const der = concatBytes(PREFIXES[kind].secret, secret)
    // A view, so that nothing stays: OpenSSL erases its own copy when the object goes.
    const key = node.createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' })
    zeroize(der)
    return key
  }
  const publicPart = (kind: Kind, secret: Uint8Array): Uint8Array =>
    Uint8Array.from(node.createPublicKey(secretKey(kind, secret)).export({ format: 'der', type: 'spki' })).slice(-32)
  const publicKey = (u: Uint8Array): KeyObject =>
    node.createPublicKey({
      key: Buffer.from(concatBytes(PREFIXES.x25519.public, u).buffer),
      format: 'der',
      type: 'spki',
    })
  return {
    ed25519: {
      publicKeyOf: (seed) => publicPart('ed25519', seed),
      sign: (message, seed) => Uint8Array.from(node.sign(null, message, secretKey('ed25519', seed))),
    } satisfies Pick<Ed25519, 'publicKeyOf' | 'sign'>,
    x25519: {
      publicKeyOf: (secret) => publicPart('x25519', secret),
      sharedSecret: (secret, peer) => {
        const shared = node.diffieHellman({ privateKey: secretKey('x25519', secret), publicKey: publicKey(peer) })
        const copy = Uint8Array.from(shared)
        shared.fill(0)
        return copy
      },
    } satisfies Pick<X25519, 'publicKeyOf' | 'sharedSecret'>,
  }
}
