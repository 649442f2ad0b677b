import type { GroupKey, PublicKey, SetHash, TranscriptHash } from '../base/index.ts'
import type { KeyPackage } from '../crypto/index.ts'
import { admittedRecalled, type Gate } from '../gating/index.ts'
import type { SignerSet } from '../registry/index.ts'
import type { ShareVault } from '../signer/index.ts'

/** The share this node signs with now: the snapshot's key, staged and certified here (R9, R21). */
export interface ActiveShare {
  readonly setHash: SetHash
  readonly groupKey: GroupKey
  readonly transcript: TranscriptHash
  readonly members: readonly PublicKey[]
  readonly key: KeyPackage
  /** The set as the chain holds or held it. */
  readonly set?: SignerSet
}

/** R21: active exactly when the snapshot names the key and this node holds its certificate. */
export function activeShare(gate: Gate, vault: ShareVault): ActiveShare | undefined {
  const { set, self } = gate.state
  return set?.keys.includes(self) ? shareOf(set, vault) : undefined
}

/**
 * R9: the share of a recalled set's key, while the gate admits that set: neither once the recall is over, nor by a registry too
 * old to widen trust (R5). A set that is the current one again is no recalled set.
 */
export function recalledShare(gate: Gate, vault: ShareVault, recalled: SignerSet): ActiveShare | undefined {
  const isAdmitted = admittedRecalled(gate.state).some((set) => set.hash === recalled.hash)
  return isAdmitted && gate.state.set?.hash !== recalled.hash ? shareOf(recalled, vault) : undefined
}

function shareOf(set: SignerSet, vault: ShareVault): ActiveShare | undefined {
  const stored = vault.byGroupKey(set.groupKey)
  if (stored === undefined || stored.certificate.length === 0) return undefined
  return {
    setHash: set.hash,
    groupKey: set.groupKey,
    transcript: stored.transcript,
    members: set.keys,
    key: stored.key,
    set,
  }
}
