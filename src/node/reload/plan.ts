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
  return {
    key,
    added: after.filter((entry) => !before.includes(entry)),
    removed: before.filter((entry) => !after.includes(entry)),
  }
}

function entriesOf({ settings }: NodeConfig, key: string): readonly string[] {
  const value: unknown = JSON.parse(settings.get(key) ?? '[]')
  return Array.isArray(value) ? value.map(spelled) : []
}

/** One entry of a list, as its operator would name it: an address or a peer, and what is granted to it. */
function spelled(entry: unknown): string {
  if (typeof entry === 'string') return entry
  const { text, peer_id, ...rest } = entry as Readonly<Record<string, unknown>>
  if (typeof text === 'string') return text
  const grants = Object.entries(rest).flatMap(spelledGrant).join(', ')
  return grants === '' ? String(peer_id) : `${String(peer_id)} (${grants})`
}

/** `threshold.sign`, `keys s2/*`, `quota sign 500`, `allow_raw_sign`. */
function spelledGrant([key, value]: readonly [string, unknown]): readonly string[] {
  if (key === 'methods' && Array.isArray(value)) return value.map(String)
  if (Array.isArray(value)) return value.map((name) => `${key} ${String(name)}`)
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([name, n]) => `${key} ${name} ${String(n)}`)
  return value === true ? [key] : [`${key} ${String(value)}`]
}
