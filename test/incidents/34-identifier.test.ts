import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../src/base/index.ts'
import { checkDealings, dealerFor, identifierOf } from '../../src/crypto/index.ts'
import { KeyPair } from '../../src/curve/index.ts'

/** keep #674: members bound their DKG index by whoever said it first, and an attacker took another's. */
describe('incident 34: hijacked identifiers', () => {
  const members = Array.from({ length: 4 }, () => KeyPair.generate().publicKey).toSorted()
  const [self, victim, thief] = members as [PublicKey, PublicKey, PublicKey]
  const group = { members, threshold: 3 }

  it('should make a member’s identifier from its registered key alone', () => {
    expect(new Set(members.map(identifierOf)).size).toBe(members.length)
    for (const m of members) expect(identifierOf(m)).toBe(identifierOf(m))
  })

  it('should not depend on who else is a member, or on who speaks first', () => {
    const other = { members: [thief, victim].toSorted(), threshold: 2 }
    expect(dealerFor(other, victim).identifier).toBe(dealerFor(group, victim).identifier)
  })

  it('should refuse a dealing that was proved for the identifier of another member', () => {
    const dealings = new Map(members.filter((m) => m !== self).map((m) => [m, dealerFor(group, m).dealing]))
    const stolen = dealerFor(group, victim).dealing
    const checked = checkDealings(dealerFor(group, self), new Map(dealings).set(thief, stolen))
    expect(checked).toEqual({ ok: false, faults: new Map([[thief, 'bad_proof_of_knowledge']]) })
    expect(checkDealings(dealerFor(group, self), dealings)).toEqual({ ok: true })
  })
})
