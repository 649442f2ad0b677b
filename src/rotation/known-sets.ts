import { asSetHash, CodedError, isHex, LIMITS, type PublicKey, type SetHash, utf8 } from '../base/index.ts'
import {
  type ChainTip,
  fromStoredSet,
  isCount,
  parseJsonObject,
  parseTip,
  type RegistryId,
  registryScope,
  type SignerSet,
  toStoredSet,
} from '../registry/index.ts'
import type { Space } from '../store/index.ts'

/** A set that stood on chain, and when (unix ms) and where this node last saw it come. */
export interface KnownSet {
  readonly set: SignerSet
  readonly seenAtMs: number
  /** Left out in what an older version stored. */
  readonly tip?: ChainTip
}

/** One that this operator's node was in. */
export interface OwnKnownSet extends KnownSet {
  /** An earlier key of this node, to whose file its share is sealed; left out where the key in use stands in the set. */
  readonly earlierKey?: PublicKey
}

export interface KnownSetsInit {
  readonly self: PublicKey
  /** Keys that this node had before (R7). */
  readonly earlierKeys?: readonly PublicKey[]
  readonly registryId: RegistryId
  readonly space: Space
}

/**
 * Every set that this node saw on chain (R8), on disk from the moment it came: when it is replaced, also while the node is
 * down, it can still be named. Beyond `LIMITS.maxKnownSets` those go first that this node was in no part of, then the oldest.
 */
export class KnownSets {
  readonly #c: KnownSetsInit
  readonly #prefix: string
  readonly #sets: Map<SetHash, KnownSet>

  private constructor(init: KnownSetsInit, prefix: string, sets: Map<SetHash, KnownSet>) {
    this.#c = init
    this.#prefix = prefix
    this.#sets = sets
  }

  /** Throws `STORE_UNREADABLE`. Sets of another registry that the same folder once served are left alone. */
  static async load(init: KnownSetsInit): Promise<KnownSets> {
    const prefix = `${registryScope(init.registryId)}/`
    const sets = new Map<SetHash, KnownSet>()
    for (const [key, value] of await init.space.entries()) {
      if (!key.startsWith(prefix)) continue
      const known = decodeKnown(init.registryId, value)
      // The hash is computed anew from what is stored: a changed list of keys is another set.
      if (known === undefined || known.set.hash !== key.slice(prefix.length))
        throw new CodedError('STORE_UNREADABLE', `the stored signer set ${key} is malformed; restore the data folder`)
      sets.set(known.set.hash, known)
    }
    return new KnownSets(init, prefix, sets)
  }

  get(hash: SetHash): KnownSet | undefined {
    return this.#sets.get(hash)
  }
  /** The latest first. */
  all(): readonly KnownSet[] {
    return [...this.#sets.values()].toSorted((a, b) => b.seenAtMs - a.seenAtMs)
  }
  /**
   * R4: the highest block at which one of them was seen. The registry was at least there, whatever became of the stored
   * snapshot: endpoints that lag behind it would show a node as removed that joined later.
   */
  highestTip(): ChainTip | undefined {
    const tips = this.all().flatMap(({ tip }) => (tip === undefined ? [] : [tip]))
    return tips.toSorted((a, b) => b.stacksHeight - a.stacksHeight)[0]
  }
  /** Under which key this node was one of its members: the one in use, or one before it. */
  ownKeyIn({ keys }: SignerSet): PublicKey | undefined {
    const { self, earlierKeys = [] } = this.#c
    return [self, ...earlierKeys].find((key) => keys.includes(key))
  }
  /** Did the key in use stand in any of them? */
  wasMember(): boolean {
    return this.all().some(({ set }) => set.keys.includes(this.#c.self))
  }
  /** Those that this node was in, the latest first. */
  own(): readonly OwnKnownSet[] {
    return this.all().flatMap((known): readonly OwnKnownSet[] => {
      const key = this.ownKeyIn(known.set)
      if (key === undefined) return []
      return [key === this.#c.self ? known : { ...known, earlierKey: key }]
    })
  }

  /** Known at once, on disk when it resolves. `isKept` names sets that are not forgotten for it. */
  async note(known: KnownSet, isKept: (hash: SetHash) => boolean): Promise<void> {
    const { set } = known
    this.#sets.set(set.hash, known)
    const forgotten = this.#tooMany((hash) => hash === set.hash || isKept(hash))
    for (const hash of forgotten) this.#sets.delete(hash)
    await this.#c.space.put(this.#prefix + set.hash, encodeKnown(known))
    for (const hash of forgotten) await this.#c.space.delete(this.#prefix + hash)
  }

  #tooMany(isKept: (hash: SetHash) => boolean): readonly SetHash[] {
    const excess = this.#sets.size - LIMITS.maxKnownSets
    if (excess <= 0) return []
    const isOwn = ({ set }: KnownSet) => this.ownKeyIn(set) !== undefined
    return this.all()
      .filter(({ set }) => !isKept(set.hash))
      .toSorted((a, b) => Number(isOwn(a)) - Number(isOwn(b)) || a.seenAtMs - b.seenAtMs)
      .slice(0, excess)
      .map(({ set }) => set.hash)
  }
}

const encodeKnown = ({ set, seenAtMs, tip }: KnownSet): Uint8Array =>
  utf8(JSON.stringify({ ...toStoredSet(set), seenAtMs, tip }))

function decodeKnown(registry: RegistryId, bytes: Uint8Array): KnownSet | undefined {
  const json = parseJsonObject(bytes)
  if (json === undefined || !isCount(json.seenAtMs)) return undefined
  const set = fromStoredSet(registry, json)
  if (typeof set === 'string') return undefined
  const known = { set, seenAtMs: json.seenAtMs }
  if (json.tip === undefined) return known
  const tip = parseTip(json.tip)
  return tip && { ...known, tip }
}

/** Undefined if the text is no set hash. */
export const parseSetHash = (text: string): SetHash | undefined => (isHex(text, 32) ? asSetHash(text) : undefined)
