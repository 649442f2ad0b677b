import type { ShareVault } from '../../src/signer/index.ts'
import type { Space } from '../../src/store/index.ts'

/** Nothing answers a process that is dead. */
const never = <T>(): Promise<T> => new Promise(() => {})

/** A disk as one process has it: what that process would write after its death is not written. */
export const mortalSpace = (space: Space, isDead: () => boolean): Space => ({
  ...space,
  put: (key, value) => (isDead() ? never() : space.put(key, value)),
  delete: (key) => (isDead() ? never() : space.delete(key)),
})

export const mortalVault = (vault: ShareVault, isDead: () => boolean): ShareVault => ({
  put: (share) => (isDead() ? never() : vault.put(share)),
  byTranscript: (transcript) => vault.byTranscript(transcript),
  byGroupKey: (groupKey) => vault.byGroupKey(groupKey),
  list: () => vault.list(),
})
