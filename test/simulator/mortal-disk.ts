import type { RotateKeysTx } from '../../src/registry/index.ts'
import type { ShareVault } from '../../src/signer/index.ts'
import type { Space } from '../../src/store/index.ts'

/** Nothing answers a process that is dead. */
const never = <T>(): Promise<T> => new Promise(() => {})

/**
 * A disk as one process has it: what that process would write after its death is not written. `onWritten`: it is on disk, and
 * the process has not heard of it yet; who dies then never does.
 */
export const mortalSpace = (space: Space, isDead: () => boolean, onWritten: () => void = () => {}): Space => ({
  ...space,
  put: async (key, value) => {
    if (isDead()) return await never()
    await space.put(key, value)
    onWritten()
    if (isDead()) await never()
  },
  delete: (key) => (isDead() ? never() : space.delete(key)),
})

export const mortalVault = (vault: ShareVault, isDead: () => boolean): ShareVault => ({
  put: (share) => (isDead() ? never() : vault.put(share)),
  byTranscript: (transcript) => vault.byTranscript(transcript),
  byGroupKey: (groupKey) => vault.byGroupKey(groupKey),
  list: () => vault.list(),
})

/** The chain as one process has it: it hears nothing after its death, and sends nothing. `onSent`: the chain has it, the process does not know. */
export const mortalTx = (tx: RotateKeysTx, isDead: () => boolean, onSent: () => void): RotateKeysTx => ({
  ...tx,
  rotationState: (...asked) => (isDead() ? never() : tx.rotationState(...asked)),
  broadcast: async (...sent) => {
    if (isDead()) return await never()
    const txid = await tx.broadcast(...sent)
    onSent()
    return isDead() ? await never() : txid
  },
})
