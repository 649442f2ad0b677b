import { type GroupKey, type PublicKey, toHex } from '../base/index.ts'
import type { HandoffRecord, HandoffStatus, RotationStatus } from '../rotation/index.ts'

/** What the pending set's rotation waits for under the old key (R29). */
export interface HandoffView {
  /** Operators that said that more will be listed. */
  readonly holding: readonly PublicKey[]
  readonly items: readonly HandoffItemView[]
}

export interface HandoffItemView {
  readonly digest: string
  /** `none`, `empty`, or 64 hex digits. */
  readonly merkleRoot: string
  /** This operator lists it. */
  readonly own: boolean
  readonly listedBy: readonly PublicKey[]
  /** Current members that do not, while too few list it for a signature. */
  readonly missing: readonly PublicKey[]
  /** BIP340 as hex; null while there is none, and for digests that only others list. */
  readonly signature: string | null
  /** Why the old key did not sign it when it was last asked to; null for digests that only others list. */
  readonly failure: string | null
}

/** An own list of now or before, with what was signed of it. */
export interface KeptHandoffView {
  readonly pendingId: string
  /** The key that was replaced, or is about to be. */
  readonly groupKey: GroupKey
  readonly listedAtMs: number
  readonly hold: boolean
  readonly items: readonly Pick<HandoffItemView, 'digest' | 'merkleRoot' | 'signature'>[]
}

export function viewOfHandoff({ holding, items }: HandoffStatus, spec: RotationStatus['spec']): HandoffView {
  const { currentKeys, currentThreshold } = spec
  return {
    holding,
    items: items.map(({ digest, merkleRoot, own, listedBy, signature, failure }) => ({
      ...{ digest, merkleRoot, own, listedBy },
      missing:
        signature !== undefined || listedBy.length >= currentThreshold
          ? []
          : currentKeys.filter((key) => !listedBy.includes(key)),
      signature: signature ?? null,
      failure: failure ?? null,
    })),
  }
}

export const viewOfKeptHandoff = ({
  pendingId,
  groupKey,
  revision,
  hold,
  items,
  signatures,
}: HandoffRecord): KeptHandoffView => ({
  ...{ pendingId, groupKey, listedAtMs: revision, hold },
  items: items.map((item) => {
    const signature = signatures.get(`${item.digest}/${item.merkleRoot}`)
    return { ...item, signature: signature === undefined ? null : toHex(signature) }
  }),
})
