import { fromHex, type PublicKey } from '../../../src/base/index.ts'
import {
  checkDealings,
  combineShares,
  type Dealer,
  type Dealing,
  dealerFor,
  type KeygenGroup,
  type KeyPackage,
  type Rng,
  shareFor,
} from '../../../src/crypto/index.ts'
import { KeyPair, randomBytes } from '../../../src/curve/index.ts'

/**
 * An rng that makes a dealer draw these scalars (hex) first, then chance: 48 bytes are taken modulo the order.
 */
export function replayScalars(scalars: readonly string[]): Rng {
  const queue = scalars.map((s) => fromHex(s.padStart(96, '0')))
  return (lengthBytes = 32) => queue.shift() ?? randomBytes(lengthBytes)
}

export function group(n: number, threshold: number): KeygenGroup {
  return { members: Array.from({ length: n }, () => KeyPair.generate().publicKey).sort(), threshold }
}

export interface Participant {
  readonly self: PublicKey
  readonly dealer: Dealer
  readonly others: Map<PublicKey, Dealing>
  readonly shares: Map<PublicKey, Uint8Array>
}

/** Everyone has dealt and everyone has everything; tests spoil it before combining. */
export function dealtTo(g: KeygenGroup, rngOf: (m: PublicKey) => Rng | undefined = () => undefined): Participant[] {
  const dealers = new Map(g.members.map((m) => [m, dealerFor(g, m, rngOf(m))]))
  return g.members.map((self) => {
    const rest = [...dealers].filter(([m]) => m !== self)
    return {
      self,
      dealer: dealers.get(self) as Dealer,
      others: new Map(rest.map(([m, d]) => [m, d.dealing])),
      shares: new Map(rest.map(([m, d]) => [m, shareFor(d, self)])),
    }
  })
}

export function combine(g: KeygenGroup, p: Participant): KeyPackage {
  const checked = checkDealings(p.dealer, p.others)
  if (!checked.ok) throw new Error('dealings at fault')
  const combined = combineShares(g, p.self, p.dealer, p.others, p.shares)
  if (!combined.ok) throw new Error('shares at fault')
  return combined.key
}

export const keygen = (n: number, threshold: number): KeyPackage[] => {
  const g = group(n, threshold)
  return dealtTo(g).map((p) => combine(g, p))
}
