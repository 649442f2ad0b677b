import type { KeyInfo, KeyMessage, KeyRef, KeyScheme, KeySpec, KeyType, KeyVersion } from '../../../signer/index.ts'
import { CAPABILITY, KEY_TYPE, type ParamsInit, type Result, SCHEME } from '../../wire/index.ts'
import { type Ask, type CallOptions, given } from '../ask.ts'
import type { Signature } from './schnorr.ts'

/** Keys of the key service by their names; the newest version unless one is given. */
export interface KeysFace {
  generate(request: KeySpec & CallOptions): Promise<KeyInfo>
  publicKey(request: KeyRef & CallOptions): Promise<KeyVersion & { readonly type: KeyType }>
  /** 64 bytes. */
  sign(request: KeyRef & { readonly scheme: KeyScheme; readonly message: KeyMessage } & CallOptions): Promise<Signature>
  /** 32 bytes, shared with the holder of the other X25519 key under this context. */
  agree(
    request: KeyRef & { readonly peerPublicKey: Uint8Array; readonly context: string } & CallOptions,
  ): Promise<{ readonly sharedSecret: Uint8Array }>
  /** A page, in the order of names; while `more`, ask again `after` the last one. */
  list(
    request?: { readonly after?: string } & CallOptions,
  ): Promise<{ readonly keys: readonly KeyInfo[]; readonly more: boolean }>
  /** A new version, which signs from now on. Never repeated by the client. */
  rotate(request: Named): Promise<KeyInfo>
  /** An age file. Needs the right to export. */
  backup(request: Named & { readonly recipient: string }): Promise<{ readonly sealed: Uint8Array }>
  /** What a key for this node is to be sealed to (`age1…`). */
  recipient(request?: CallOptions): Promise<{ readonly recipient: string }>
  provision(request: { readonly sealed: Uint8Array } & CallOptions): Promise<KeyInfo>
  /** Without a token it answers one and drops nothing; with it, the key is gone. */
  drop(
    request: Named & { readonly token?: Uint8Array | undefined },
  ): Promise<{ readonly dropped: boolean; readonly token: Uint8Array | undefined }>
}
interface Named extends CallOptions {
  readonly name: string
}

const versionOf = ({ version, publicKey, createdAtMs }: WireVersion): KeyVersion => ({
  version,
  publicKey,
  createdAtMs: Number(createdAtMs),
})
type WireVersion = Result<'keys.generate'>['versions'][number]

const infoOf = (wire: Result<'keys.generate'>): KeyInfo => ({
  id: wire.id,
  name: wire.name,
  type: KEY_TYPE.word(wire.type),
  role: wire.role,
  capabilities: wire.capabilities.map((c) => CAPABILITY.word(c)),
  versions: wire.versions.map(versionOf),
  dropping: wire.dropping,
})

const refOf = ({ name, version }: KeyRef) => ({ name, ...given('version', version) })

function messageOf(message: KeyMessage): NonNullable<ParamsInit<'keys.sign'>['message']> {
  return message.kind === 'raw'
    ? { kind: { case: 'raw', value: { digest: message.digest } } }
    : { kind: { case: 'message', value: { domain: message.domain, message: message.message } } }
}

export const keysFace = (ask: Ask): KeysFace => ({
  generate: async (r) => {
    const { name, role } = r
    const capabilities = r.capabilities.map((c) => CAPABILITY.value(c))
    return infoOf(await ask('keys.generate', { name, role, type: KEY_TYPE.value(r.type), capabilities }, r))
  },
  publicKey: async (r) => {
    const answer = await ask('keys.public_key', refOf(r), r)
    const { version, publicKey, createdAtMs } = answer
    return { version, publicKey, createdAtMs: Number(createdAtMs), type: KEY_TYPE.word(answer.type) }
  },
  sign: async (r) => {
    const params = { ...refOf(r), scheme: SCHEME.value(r.scheme), message: messageOf(r.message) }
    const { signature } = await ask('keys.sign', params, r)
    return { signature }
  },
  agree: async (r) => {
    const { peerPublicKey, context } = r
    const { sharedSecret } = await ask('keys.agree', { ...refOf(r), peerPublicKey, context }, r)
    return { sharedSecret }
  },
  list: async (r = {}) => {
    const { keys, more } = await ask('keys.list', given('after', r.after), r)
    return { keys: keys.map(infoOf), more }
  },
  rotate: async (r) => infoOf(await ask('keys.rotate', { name: r.name }, r)),
  backup: async (r) => {
    const { sealed } = await ask('keys.backup', { name: r.name, recipient: r.recipient }, r)
    return { sealed }
  },
  recipient: async (r = {}) => {
    const { recipient } = await ask('keys.recipient', {}, r)
    return { recipient }
  },
  provision: async (r) => infoOf(await ask('keys.provision', { sealed: r.sealed }, r)),
  drop: async (r) => {
    const { dropped, token } = await ask('keys.drop', { name: r.name, ...given('token', r.token) }, r)
    return { dropped, token }
  },
})
