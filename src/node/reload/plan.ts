import type { PublicKey } from '../../base/index.ts'
import { peerIdOfKey } from '../../curve/index.ts'
import { differingKeys, type NodeConfig } from '../config/index.ts'
import type { ListChange, ReloadRefusal } from './report.ts'

/** Lists of the config that a running node takes over. Everything else needs a restart. */
export const RELOADABLE_KEYS: readonly string[] = ['p2p.seeds', 'p2p.deny', 'bridge', 'backup']

export type ReloadPlan =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'apply'; readonly changes: readonly ListChange[] }
  | { readonly kind: 'refuse'; readonly refusals: readonly ReloadRefusal[] }

/**
 * What a checked file means for a node that runs with another one: all of it is applied or nothing (incident 42). `self` is
 * the key that the node has now, which the file need not name.
 */
export function planReload(running: NodeConfig, next: NodeConfig, self: PublicKey): ReloadPlan {
  const differing = differingKeys(running.settings, next.settings)
  const refusals: ReloadRefusal[] = differing
    .filter((key) => !RELOADABLE_KEYS.includes(key))
    .map((key) => ({ key, reason: 'differs from what runs: it needs a restart, or put the old value back' }))
  if (next.p2p.deny.includes(peerIdOfKey(self)))
    refusals.push({ key: 'p2p.deny', reason: "lists this node's own key: take it out" })
  if (refusals.length > 0) return { kind: 'refuse', refusals }
  if (differing.length === 0) return { kind: 'unchanged' }
  return { kind: 'apply', changes: differing.map((key) => changeOf(key, running, next)) }
}

function changeOf(key: string, running: NodeConfig, next: NodeConfig): ListChange {
  const [before, after] = [entriesOf(running, key), entriesOf(next, key)]
  return { key, added: newIn(after, before), removed: newIn(before, after) }
}

/** One entry of a list: an address or a peer, and what is granted to it. */
interface Entry {
  readonly name: string
  readonly grants: readonly string[]
}

/** Of a peer that both lists have, only the grants that differ: its methods alone would fill a screen. */
function newIn(entries: readonly Entry[], others: readonly Entry[]): readonly string[] {
  return entries.flatMap(({ name, grants }) => {
    const other = others.find((o) => o.name === name)
    const fresh = grants.filter((grant) => other?.grants.includes(grant) !== true)
    if (other !== undefined && fresh.length === 0) return []
    return [fresh.length === 0 ? name : `${name} (${fresh.join(', ')})`]
  })
}

function entriesOf({ settings }: NodeConfig, key: string): readonly Entry[] {
  const value: unknown = JSON.parse(settings.get(key) ?? '[]')
  return Array.isArray(value) ? value.map(entryOf) : []
}

/** As its operator would name it. */
function entryOf(entry: unknown): Entry {
  if (typeof entry === 'string') return { name: entry, grants: [] }
  const { text, peer_id, ...rest } = entry as Readonly<Record<string, unknown>>
  if (typeof text === 'string') return { name: text, grants: [] }
  return { name: String(peer_id), grants: Object.entries(rest).flatMap(spelledGrant) }
}

/** `threshold.sign`, `keys s2/*`, `quota sign 500`, `allow_raw_sign`. */
function spelledGrant([key, value]: readonly [string, unknown]): readonly string[] {
  if (key === 'methods' && Array.isArray(value)) return value.map(String)
  if (Array.isArray(value)) return value.map((name) => `${key} ${String(name)}`)
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([name, n]) => `${key} ${name} ${String(n)}`)
  return value === true ? [key] : [`${key} ${String(value)}`]
}
