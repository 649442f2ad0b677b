import type { GroupKey, PublicKey, SetHash, TranscriptHash } from '../base/index.ts'
import type { KeyPackage } from '../crypto/index.ts'
import type { Gate } from '../gating/index.ts'
import type { ShareVault } from '../signer/index.ts'

/** The share this node signs with now: the snapshot's key, staged and certified here (R9, R21). */
export interface ActiveShare {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
  readonly transcript: TranscriptHash
  readonly members: readonly PublicKey[]
  readonly key: KeyPackage
}

/** R21: active exactly when the snapshot names the key and this node holds its certificate. */
export function activeShare(gate: Gate, vault: ShareVault): ActiveShare | undefined {
  const { set, self } = gate.state
  if (set === undefined || !set.keys.includes(self)) return undefined
  const stored = vault.byGroupKey(set.groupKey)
  if (stored === undefined || stored.certificate.length === 0) return undefined
  return {
    setHash: set.hash,
    groupKey: set.groupKey,
    transcript: stored.transcript,
    members: set.keys,
    key: stored.key,
  }
}
