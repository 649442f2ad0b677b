import type { PublicKey } from '../../base/index.ts'
import { peerIdOfKey } from '../../curve/index.ts'
import { configError, type Place } from './errors.ts'
import { DEFAULT_KEYS } from './key-names.ts'
import type { ConfigContext } from './load.ts'
import type { CheckedFile } from './schema.ts'
import { nearest } from './suggest.ts'
import type { BridgeGrant } from './types.ts'

/** Grants of known methods to nodes that are nobody else (R1: a signer's key is not also a bridge's). What isn't listed is denied. */
export function bridgesOf(
  bridges: CheckedFile['lists']['bridge'],
  signers: readonly PublicKey[],
  context: Pick<ConfigContext, 'methods' | 'quotaClasses'>,
  file: string,
): readonly BridgeGrant[] {
  const taken = new Set<string>(signers.map(peerIdOfKey))
  const seen = new Set<string>()
  return bridges.map((b, index) => {
    const at = { file, section: 'bridge', index }
    if (taken.has(b.peer_id))
      throw configError({ ...at, key: 'peer_id' }, "is a signer's: a bridge node has a key of its own")
    if (seen.has(b.peer_id))
      throw configError({ ...at, key: 'peer_id' }, 'stands in two entries: put its methods into one')
    seen.add(b.peer_id)
    checkQuota(b.quota ?? {}, context, at)
    return {
      peerId: b.peer_id,
      methods: [...new Set(b.methods.flatMap((m) => methodsNamed(m, context.methods, { ...at, key: 'methods' })))],
      keys: b.keys ?? DEFAULT_KEYS,
      quota: b.quota ?? {},
      allowSecretExport: b.allow_secret_export ?? false,
      allowRawSign: b.allow_raw_sign ?? false,
    }
  })
}

/** `schnorr.*` stands for every method of the node's that begins so. */
function methodsNamed(name: string, methods: readonly string[], at: Place): readonly string[] {
  const found = name.endsWith('.*') ? methods.filter((m) => m.startsWith(name.slice(0, -1))) : [name]
  if (found.length > 0 && found.every((m) => methods.includes(m))) return found
  const meant = nearest(name, [...methods, ...new Set(methods.map((m) => m.replace(/\.[^.]*$/, '.*')))])
  const help = meant === undefined ? `known are ${methods.join(', ')}` : `did you mean "${meant}"?`
  throw configError(at, `lists "${name}", which is no method: ${help}`)
}

function checkQuota(
  quota: Readonly<Record<string, number>>,
  { quotaClasses }: Pick<ConfigContext, 'quotaClasses'>,
  at: Place,
): void {
  const unknown = Object.keys(quota).find((name) => quotaClasses?.includes(name) === false)
  if (unknown === undefined || quotaClasses === undefined) return
  const meant = nearest(unknown, quotaClasses)
  const help = meant === undefined ? `known are ${quotaClasses.join(', ')}` : `did you mean "${meant}"?`
  throw configError({ ...at, key: 'quota' }, `names "${unknown}", which is no class of methods: ${help}`)
}
