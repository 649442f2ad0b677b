import { type SetHash, utf8 } from '../base/index.ts'
import { isCount, parseJsonObject, type SignerSet } from '../registry/index.ts'
import { type KnownSets, type OwnKnownSet, parseSetHash } from './known-sets.ts'

/** An operator's consent to a replaced set (R8), as it is kept on disk. */
export interface Recall {
  readonly set: SignerSet
  readonly approvedAtMs: number
  readonly expiresAtMs: number
}

/** `earlierKey`: see `OwnKnownSet`; while it is given, the recall admits nobody. */
export type OwnRecall = Recall & Pick<OwnKnownSet, 'earlierKey'>

export const encodeRecall = ({ approvedAtMs, expiresAtMs }: Recall): Uint8Array =>
  utf8(JSON.stringify({ approvedAtMs, expiresAtMs }))

/** `name`: the set's hash, under which it is kept. Undefined if it is malformed, or of a set that is not known. */
export function decodeRecall(known: Pick<KnownSets, 'get'>, name: string, bytes: Uint8Array): Recall | undefined {
  const json = parseJsonObject(bytes)
  const hash: SetHash | undefined = parseSetHash(name)
  const set = hash && known.get(hash)?.set
  if (json === undefined || set === undefined) return undefined
  const { approvedAtMs, expiresAtMs } = json
  return isCount(approvedAtMs) && isCount(expiresAtMs) ? { set, approvedAtMs, expiresAtMs } : undefined
}
