import { type PublicKey, toHex } from '../base/index.ts'
import { type HandoffItem, nameOfItem, type PendingSpec } from '../rounds/index.ts'
import type { Handoff } from './handoff.ts'

/** One listed digest, for the operator. */
export interface HandoffItemStatus extends HandoffItem {
  /** This operator lists it: rotate-keys waits for it here. */
  readonly own: boolean
  /** Members of the current set that list it, as far as heard. */
  readonly listedBy: readonly PublicKey[]
  /** BIP340, 64 bytes as hex, verified here; known of digests that are or were listed here. */
  readonly signature: string | undefined
  /** Why the old key did not sign it when it was last asked to; own digests only. */
  readonly failure: string | undefined
}

/** What is to be signed by the old key before rotate-keys (R29), by whose word. */
export interface HandoffStatus {
  /** Operators that said that more will be listed: their nodes co-sign nothing yet. */
  readonly holding: readonly PublicKey[]
  /** Members that have co-signed, the others by their own word: they can list nothing any more. */
  readonly cosigned: readonly PublicKey[]
  /** Own digests first, in the operator's order; signed ones that nobody lists any more last. */
  readonly items: readonly HandoffItemStatus[]
}

export function statusOfHandoff(
  handoff: Pick<Handoff, 'own' | 'heard' | 'listedBy' | 'failureOf'>,
  { currentKeys }: Pick<PendingSpec, 'currentKeys'>,
  self: PublicKey,
  cosigned: ReadonlySet<PublicKey>,
): HandoffStatus {
  const { own, heard } = handoff
  const holds = (key: PublicKey) => (key === self ? own : heard.get(key))?.hold === true
  const items = new Map((own?.items ?? []).map((item) => [nameOfItem(item), item] as const))
  const isOwn = new Set(items.keys())
  for (const list of heard.values()) for (const item of list.items) items.set(nameOfItem(item), item)
  const former = new Map((own?.former ?? []).map(({ item, signature }) => [nameOfItem(item), signature] as const))
  for (const { item } of own?.former ?? []) items.set(nameOfItem(item), item)
  return {
    holding: currentKeys.filter(holds),
    cosigned: currentKeys.filter((key) => cosigned.has(key)),
    items: [...items].map(([name, item]) => {
      const signature = own?.signatures.get(name) ?? former.get(name)
      return {
        digest: item.digest,
        merkleRoot: item.merkleRoot,
        own: isOwn.has(name),
        listedBy: handoff.listedBy(item),
        signature: signature && toHex(signature),
        failure: isOwn.has(name) ? handoff.failureOf(item) : undefined,
      }
    }),
  }
}
