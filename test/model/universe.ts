import type { PeerIdStr, PublicKey } from '../../src/base/index.ts'
import { KeyPair, publicKeyBytes, sha256 } from '../../src/curve/index.ts'
import type { ModelPeer } from './rules.ts'

/** Everybody who may turn up, by a name for people; the same keys in every run. Imports nothing of the rooms judged. */
const SECP = ['self', 'm1', 'm2', 'm3', 'm4', 'new1', 'new2', 'bridge', 'backup', 'stranger'] as const
const keyPairs = new Map(SECP.map((name, i) => [name as string, KeyPair.fromSecret(sha256(Uint8Array.of(77, i)))]))

/** Ed25519 identities, as libp2p makes them by default. */
const ED25519: Readonly<Record<string, string>> = {
  'ed-bridge': '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN',
  'ed-backup': '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  'ed-stranger': '12D3KooWHCJbJKGDfCgHSoCuK9q4STyRnVveqLoXAPBbXHTZx9Cv',
}

export const PEERS: readonly ModelPeer[] = [
  ...SECP.map((name) => ({ name, isSecp256k1: true })),
  ...Object.keys(ED25519).map((name) => ({ name, isSecp256k1: false })),
]

export function keyOf(name: string): PublicKey {
  const pair = keyPairs.get(name)
  if (pair === undefined) throw new Error(`no key of ${name}`)
  return pair.publicKey
}
export const peerIdOf = (name: string): PeerIdStr => keyPairs.get(name)?.peerId ?? ((ED25519[name] ?? '') as PeerIdStr)
const namesByKey = new Map([...keyPairs].map(([name, pair]) => [pair.publicKey, name]))
export const nameOfKey = (key: PublicKey): string => namesByKey.get(key) ?? key
const namesByPeer = new Map(PEERS.map(({ name }) => [peerIdOf(name), name]))
export const nameOfPeer = (peer: PeerIdStr): string => namesByPeer.get(peer) ?? peer

/** What a registry may hold: as the contract's four values. */
export interface State {
  readonly name: string
  readonly kind: 'set' | 'blank' | 'garbage'
  /** Names, for sets. */
  readonly keys: readonly string[]
  readonly keyBytes: readonly Uint8Array[]
  readonly threshold: number
  readonly aggregateKey: Uint8Array
}

const NO_POINT = Uint8Array.from([2, ...new Array<number>(32).fill(0xff)])
const aggregate = (n: number) => publicKeyBytes(KeyPair.fromSecret(sha256(Uint8Array.of(78, n))).publicKey)

const set = (n: number, threshold: number, ...keys: string[]): State => ({
  ...{ name: `set${n}`, kind: 'set', keys, threshold },
  keyBytes: keys.map((k) => publicKeyBytes(keyOf(k))),
  aggregateKey: aggregate(n),
})
const good = set(90, 2, 'self', 'm1', 'm2')
/** Each has one fault that docs/RULES.md rules out, and would else be a set; the contract accepts all of them. */
const garbage = (why: string, fault: Partial<State>): State => ({
  ...good,
  ...{ name: `garbage: ${why}`, kind: 'garbage', keys: [] },
  ...fault,
})

const BLANK: State = {
  ...{ name: 'blank', kind: 'blank', keys: [], keyBytes: [], threshold: 0 },
  aggregateKey: Uint8Array.of(0),
}

export const SETS: readonly State[] = [
  set(1, 2, 'self', 'm1', 'm2'),
  // The contract's order need not be that of the bytes.
  set(2, 3, 'm3', 'm2', 'm1', 'self'),
  set(3, 2, 'm1', 'm2', 'm3'),
  set(4, 3, 'm1', 'm2', 'm3', 'm4', 'new1'),
  // The same keys with a new group key: everybody stays, and it is another set.
  set(5, 2, 'self', 'm1', 'm2'),
  set(6, 2, 'self', 'new1', 'new2'),
  // What the chain says doesn't change what this operator's config says.
  set(7, 2, 'self', 'm4', 'bridge'),
  set(8, 2, 'm4', 'backup', 'self'),
  set(9, 2, 'new1', 'new2'),
]
export const GARBAGE: readonly State[] = [
  garbage('a key twice', { keyBytes: [...good.keyBytes, ...good.keyBytes.slice(0, 1)], threshold: 3 }),
  garbage('half is no majority', { keyBytes: good.keyBytes.slice(0, 2), threshold: 1 }),
  garbage('threshold above the keys', { threshold: 4 }),
  garbage('a key off the curve', { keyBytes: [...good.keyBytes, NO_POINT], threshold: 3 }),
  garbage('one key', { keyBytes: good.keyBytes.slice(0, 1), threshold: 1 }),
  garbage('aggregate key off the curve', { aggregateKey: NO_POINT }),
  garbage('keys gone', { keyBytes: [] }),
  garbage('threshold gone', { threshold: 0 }),
]
/** What a liar would like to be believed. */
export const FORGED: State = set(66, 2, 'self', 'stranger', 'm1')

const STATES = new Map([BLANK, FORGED, ...SETS, ...GARBAGE].map((s) => [s.name, s]))
export function stateOf(name: string): State {
  const state = STATES.get(name)
  if (state === undefined) throw new Error(`no state ${name}`)
  return state
}

export const at = <T>(items: readonly T[], n: number): T => {
  const item = items[n % items.length]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}
