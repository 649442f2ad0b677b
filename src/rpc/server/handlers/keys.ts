import { LIMITS } from '../../../base/index.ts'
import type { KeyInfo, KeyMessage, KeyRef, KeyService, KeyVersion } from '../../../signer/index.ts'
import { CAPABILITY, KEY_TYPE, type KeyMethod, type Params, RpcError, SCHEME } from '../../wire/index.ts'
import type { Handlers } from '../types.ts'

/** The key service's methods. Without one they are as methods that the server does not have. Refusals come as `KeyError`. */
export function createKeyHandlers(service: KeyService | undefined): Pick<Handlers, KeyMethod> {
  const keys = (): KeyService => {
    if (service === undefined) throw new RpcError('UNKNOWN_METHOD')
    return service
  }
  return {
    'keys.generate': async ({ name, type, role, capabilities }) =>
      infoOf(
        await keys().generate({
          name,
          type: KEY_TYPE.word(type),
          role,
          capabilities: capabilities.map((c) => CAPABILITY.word(c)),
        }),
      ),
    'keys.public_key': async (params) => {
      const found = keys().publicKey(refOf(params))
      return { ...versionOf(found), type: KEY_TYPE.value(found.type) }
    },
    'keys.sign': async (params) => ({
      signature: await keys().sign(refOf(params), SCHEME.word(params.scheme), messageOf(params)),
    }),
    'keys.agree': async (params) => ({
      sharedSecret: await keys().agree(refOf(params), params.peerPublicKey, params.context),
    }),
    'keys.list': async ({ after = '' }) => {
      const later = keys()
        .list()
        .filter((key) => key.name > after)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      const page = later.slice(0, LIMITS.maxKeysPerPage)
      return { keys: page.map(infoOf), more: later.length > page.length }
    },
    'keys.rotate': async ({ name }) => infoOf(await keys().rotate(name)),
    'keys.backup': async ({ name, recipient }) => ({ sealed: await keys().backup(name, recipient) }),
    'keys.recipient': async () => ({ recipient: await keys().provisionRecipient() }),
    'keys.provision': async ({ sealed }) => infoOf(await keys().provision(sealed)),
    'keys.drop': async ({ name, token }) => {
      const { dropped, token: next } = await keys().drop(name, token)
      return { dropped, ...(next === undefined ? {} : { token: next }) }
    },
  }
}

const refOf = ({ name, version }: { readonly name: string; readonly version?: number | undefined }): KeyRef =>
  version === undefined ? { name } : { name, version }

function messageOf({ message }: Params<'keys.sign'>): KeyMessage {
  const kind = message?.kind
  switch (kind?.case) {
    case 'message':
      return { kind: 'message', domain: kind.value.domain, message: kind.value.message }
    case 'raw':
      return { kind: 'raw', digest: kind.value.digest }
    default:
      // The shape requires a message; this would be a bug of ours.
      throw new RpcError('INTERNAL')
  }
}

const versionOf = ({ version, publicKey, createdAtMs }: KeyVersion) => ({
  version,
  publicKey,
  createdAtMs: BigInt(createdAtMs),
})

const infoOf = ({ id, name, type, role, capabilities, versions, dropping }: KeyInfo) => ({
  id,
  name,
  type: KEY_TYPE.value(type),
  role,
  capabilities: capabilities.map((c) => CAPABILITY.value(c)),
  versions: versions.map(versionOf),
  dropping,
})
