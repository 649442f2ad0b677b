import { asSetHash, CodedError, fromUtf8, type PublicKey, type SetHash, utf8 } from '../base/index.ts'
import { parsePublicKey } from '../curve/index.ts'
import { pendingId, principalOf, type RegistryId, type Snapshot, uninitialisedParentHash } from '../registry/index.ts'
import type { PendingSpec } from '../rounds/index.ts'
import type { Space } from '../store/index.ts'

/** What an operator approves: the contents of FILE.toml. */
export interface SetProposal {
  readonly keys: readonly PublicKey[]
  readonly threshold: number
  readonly attempt: number
}

/** An operator's consent as it is kept on disk: it names the parent set and dies with it (R7). */
export interface OwnApproval extends SetProposal {
  readonly parentSetHash: SetHash
  readonly expiresAtMs: number
}

/** The signers of an absent set: who may make the first one (R6). */
export interface Bootstrap {
  readonly keys: readonly PublicKey[]
  readonly threshold: number
}

/** Turns a proposal into the pending set it means under this snapshot. Throws `NO_BOOTSTRAP` and the principal's errors (R3). */
export function specOf(
  registry: RegistryId,
  snapshot: Snapshot,
  bootstrap: Bootstrap | undefined,
  proposal: SetProposal,
): PendingSpec {
  const keys = [...proposal.keys].toSorted()
  requireSet(keys, proposal.threshold)
  // A set whose principal can't be formed could never rotate again: refused before anyone consents to it.
  principalOf(registry.chainId, keys, proposal.threshold)
  const current = currentOf(registry, snapshot, bootstrap)
  const { parentSetHash } = current
  const { threshold, attempt } = proposal
  return {
    id: pendingId({ registryId: registry, parentSetHash, keys, threshold, attempt }),
    keys,
    threshold,
    attempt,
    ...current,
  }
}

/** What the contract's wrapper would refuse, or would take without looking. */
function requireSet(keys: readonly PublicKey[], threshold: number): void {
  const wrong =
    keys.length < 2
      ? 'it has fewer than 2 keys'
      : new Set(keys).size !== keys.length
        ? 'a key stands in it twice'
        : threshold * 2 <= keys.length || threshold > keys.length || threshold < 2
          ? `its threshold ${threshold} is not above half of its ${keys.length} keys, or above their number`
          : undefined
  if (wrong !== undefined) throw new CodedError('SET_INVALID', `this set can't become the signer set: ${wrong}`)
}

/** Names the set that a pending set replaces, or the absent one (R6, R7). */
export const parentHashOf = (registry: RegistryId, snapshot: Snapshot): SetHash =>
  snapshot.kind === 'set' ? snapshot.set.hash : uninitialisedParentHash(registry)

type Current = Pick<PendingSpec, 'parentSetHash' | 'currentKeys' | 'currentThreshold' | 'principal'>

function currentOf(registry: RegistryId, snapshot: Snapshot, bootstrap: Bootstrap | undefined): Current {
  if (snapshot.kind === 'set') {
    const { hash, keys, listOrder, threshold, principal } = snapshot.set
    const currentKeys = listOrder ?? keys
    const computed = principalOf(registry.chainId, currentKeys, threshold)
    if (computed !== principal)
      throw new CodedError(
        'SET_PRINCIPAL',
        `the registry obeys ${principal}, which is not the multisig ${computed} of its own signer set: this set can't rotate by itself`,
      )
    return { parentSetHash: hash, currentKeys, currentThreshold: threshold, principal }
  }
  if (bootstrap === undefined)
    throw new CodedError(
      'NO_BOOTSTRAP',
      'the registry is not initialised and the config names no [registry] bootstrap_signers: add them to make the first set',
    )
  const currentKeys = [...bootstrap.keys].toSorted()
  const principal = principalOf(registry.chainId, currentKeys, bootstrap.threshold)
  if (principal !== snapshot.deployer)
    throw new CodedError(
      'BOOTSTRAP_PRINCIPAL',
      `the first rotate-keys must come from ${snapshot.deployer}, but [registry] bootstrap_signers and bootstrap_threshold make ${principal}: correct them`,
    )
  return {
    parentSetHash: uninitialisedParentHash(registry),
    currentKeys,
    currentThreshold: bootstrap.threshold,
    principal,
  }
}

const KEY = 'own'

export async function loadApproval(space: Space): Promise<OwnApproval | undefined> {
  const bytes = await space.get(KEY)
  if (bytes === undefined) return undefined
  const value: unknown = JSON.parse(fromUtf8(bytes))
  if (typeof value !== 'object' || value === null) throw unreadable()
  const { keys, threshold, attempt, parentSetHash, expiresAtMs } = value as Readonly<Record<string, unknown>>
  if (!Array.isArray(keys) || ![threshold, attempt, expiresAtMs].every(Number.isSafeInteger)) throw unreadable()
  return {
    keys: keys.map((k) => parsePublicKey(String(k))),
    threshold: Number(threshold),
    attempt: Number(attempt),
    expiresAtMs: Number(expiresAtMs),
    parentSetHash: asSetHash(String(parentSetHash)),
  }
}

export const saveApproval = (space: Space, approval: OwnApproval): Promise<void> =>
  space.put(KEY, utf8(JSON.stringify(approval)))
export const dropApproval = (space: Space): Promise<void> => space.delete(KEY)

/**
 * Saves it in the place of what stood there. Where that fails, or `requireValid` throws afterwards, that stands again: what is
 * answered with an error must not come alive at the next start.
 */
export async function replaceApproval(space: Space, approval: OwnApproval, requireValid: () => void): Promise<void> {
  const before = await loadApproval(space)
  try {
    await saveApproval(space, approval)
    requireValid()
  } catch (error) {
    // A store that fails at this, too, stops the node by itself (R30).
    await (before === undefined ? dropApproval(space) : saveApproval(space, before))
    throw error
  }
}

const unreadable = () => new CodedError('STORE_UNREADABLE', 'the stored rotation approval is malformed')
