import { type GroupKey, type PublicKey, toHex } from '../base/index.ts'
import type { HandoffRecord, HandoffStatus, RotationStatus } from '../rotation/index.ts'

/** What the pending set's rotation waits for under the old key (R29). */
export interface HandoffView {
  /** Operators that said that more will be listed. */
  readonly holding: readonly PublicKey[]
  /** Current members that have co-signed, the others by their own word: they can list nothing any more. */
  readonly cosigned: readonly PublicKey[]
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
  /** Too many of the missing have co-signed: this is not signed before the rotation any more, and an own list with it waits for ever. */
  readonly tooLate: boolean
  /** BIP340 as hex; null while there is none, and for digests that only others ever listed. */
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
  /** Signed while they were listed, and listed no more. */
  readonly former: KeptHandoffView['items']
}

export function viewOfHandoff({ holding, cosigned, items }: HandoffStatus, spec: RotationStatus['spec']): HandoffView {
  const { currentKeys, currentThreshold } = spec
  return {
    holding,
    cosigned,
    items: items.map(({ digest, merkleRoot, own, listedBy, signature, failure }) => {
      const isEnough = signature !== undefined || listedBy.length >= currentThreshold
      const missing = isEnough ? [] : currentKeys.filter((key) => !listedBy.includes(key))
      const canList = missing.filter((key) => !cosigned.includes(key)).length
      return {
        ...{ digest, merkleRoot, own, listedBy, missing },
        tooLate: !isEnough && listedBy.length + canList < currentThreshold,
        signature: signature ?? null,
        failure: failure ?? null,
      }
    }),
  }
}

export const viewOfKeptHandoff = ({
  pendingId,
  groupKey,
  revision,
  hold,
  items,
  signatures,
  former,
}: HandoffRecord): KeptHandoffView => ({
  ...{ pendingId, groupKey, listedAtMs: revision, hold },
  items: items.map((item) => {
    const signature = signatures.get(`${item.digest}/${item.merkleRoot}`)
    return { ...item, signature: signature === undefined ? null : toHex(signature) }
  }),
  former: former.map(({ item, signature }) => ({ ...item, signature: toHex(signature) })),
})
