import type { BackendAbilities } from './backend.ts'
import { agreedKey, digestOf, verifyKeySignature } from './digest.ts'
import { KeyError } from './errors.ts'
import { badRequest, checkDomain, schemesOf } from './label.ts'
import type { OpenKeys } from './open-keys.ts'
import type { KeyMessage, KeyRef, KeyScheme } from './types.ts'

export async function signWith(
  keys: OpenKeys,
  can: BackendAbilities,
  ref: KeyRef,
  scheme: KeyScheme,
  message: KeyMessage,
): Promise<Uint8Array> {
  const handle = keys.find(ref)
  keys.requireCapability(handle, 'sign')
  const { name, type } = handle
  if (!schemesOf(type).includes(scheme))
    throw new KeyError('KEY_NOT_CAPABLE', `${name} is a key of ${type}, which does not sign by ${scheme}`)
  keys.requireBackend(can.schemes.includes(scheme), `sign by ${scheme}`)
  const digest = digestOf(message)
  const signature = await keys.use(handle, 'signing', (b) => b.sign(handle, scheme, digest))
  // A backend may be a device of somebody else's, and a signature that went wrong can give the key away.
  if (!verifyKeySignature(scheme, signature, digest, handle.publicKey))
    throw keys.failed(handle, 'the backend made a signature that is not of this key')
  return signature
}

export async function agreeWith(
  keys: OpenKeys,
  can: BackendAbilities,
  ref: KeyRef,
  peerPublicKey: Uint8Array,
  context: string,
): Promise<Uint8Array> {
  const handle = keys.find(ref)
  keys.requireCapability(handle, 'agree')
  keys.requireBackend(can.agree, 'agree on secrets')
  if (peerPublicKey.length !== 32) throw badRequest('peer_public_key', '32 bytes')
  checkDomain('context', context)
  const shared = await keys.use(handle, 'agreeing', (b) => b.agree(handle, peerPublicKey))
  if (shared.length !== 32) throw keys.failed(handle, 'the backend agreed on something that X25519 never gives')
  return agreedKey(shared, handle.publicKey, peerPublicKey, context)
}

export async function backUp(
  keys: OpenKeys,
  can: BackendAbilities,
  name: string,
  recipient: string,
): Promise<Uint8Array> {
  const { versions } = keys.entry(name)
  keys.requireCapability(keys.find({ name }), 'export')
  keys.requireBackend(can.export, 'seal a key to somebody else')
  return keys.backend('sealing a backup', (b) => b.exportSealed(versions, recipient))
}
