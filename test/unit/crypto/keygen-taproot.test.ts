import { describe, expect, it } from 'vitest'
import { fromHex, type PublicKey, toHex, utf8 } from '../../../src/base/index.ts'
import { type Dealing, dealerFor } from '../../../src/crypto/index.ts'
import { curve, liftEven, taggedHash, xOnly } from '../../../src/curve/index.ts'
import { combine, dealtTo, group, replayScalars } from './keygen-fixtures.ts'

const constantOf = (d: Dealing | undefined): Uint8Array => d?.commitments[0] ?? new Uint8Array()
const sum = (points: readonly Uint8Array[]): Uint8Array => points.reduce((a, b) => curve.addPoints(a, b))

/** BIP341, script path: does the control block show that the output key commits to the script? */
function opens(outputKey: Uint8Array, internalKey: Uint8Array, script: Uint8Array): boolean {
  const leaf = taggedHash('TapLeaf', Uint8Array.of(0xc0, script.length), script)
  const t = taggedHash('TapTweak', internalKey, leaf)
  const Q = curve.addPoints(liftEven(internalKey), curve.publicKeyOf(t))
  return toHex(xOnly(Q)) === toHex(outputKey)
}

describe('R2: a rushing member who hides a script path in the sum', () => {
  const g = group(3, 2)
  const cheater = g.members[2] as PublicKey
  const honest = g.members.slice(0, 2)
  const script = utf8('the cheater alone may spend')
  const leaf = taggedHash('TapLeaf', Uint8Array.of(0xc0, script.length), script)

  // The honest polynomials stay the same while the cheater, who speaks last, tries contributions.
  const polynomials = new Map(honest.map((m) => [m, [toHex(curve.randomScalar()), toHex(curve.randomScalar())]]))
  const theirs = sum(honest.map((m) => constantOf(dealerFor(g, m, replayScalars(polynomials.get(m) ?? [])).dealing)))
  const attack = (() => {
    for (;;) {
      const r = curve.randomScalar()
      const internal = curve.addPoints(theirs, curve.publicKeyOf(r)) // P' = ΣA + r·G
      if (internal[0] !== 0x02) continue
      const t = taggedHash('TapTweak', xOnly(internal), leaf)
      return { internal: Uint8Array.from(xOnly(internal)), contribution: curve.addScalars(r, t) } // known, so provable
    }
  })()
  const participants = dealtTo(g, (m) => replayScalars(polynomials.get(m) ?? [toHex(attack.contribution)]))

  it('should be accepted as a member: its proof of knowledge is true', () => {
    for (const p of participants) expect(() => combine(g, p)).not.toThrow()
  })

  it('should succeed against the plain sum, which is why the plain sum is never a key', () => {
    const [p] = participants
    if (p === undefined) throw new Error('nobody dealt')
    const plain = sum([p.dealer.dealing, ...p.others.values()].map(constantOf))
    expect(opens(xOnly(plain), attack.internal, script)).toBe(true)
  })

  it('should fail against the group key', () => {
    for (const p of participants)
      expect(opens(fromHex(combine(g, p).public.groupKey), attack.internal, script)).toBe(false)
  })

  it('should find the plain sum nowhere in what keygen returns', () => {
    const [p] = participants
    if (p === undefined) throw new Error('nobody dealt')
    const plain = toHex(xOnly(sum([p.dealer.dealing, ...p.others.values()].map(constantOf))))
    const key = combine(g, p)
    const shown = [
      key.public.groupKey,
      ...key.public.commitments.map(toHex),
      ...[...key.public.verifyingShares.values()].map(toHex),
    ]
    for (const text of shown) expect(text).not.toContain(plain)
  })

  it('should commit to no script at all: the group key is the plain sum with the empty-root tweak', () => {
    const [p] = participants
    if (p === undefined) throw new Error('nobody dealt')
    const plain = xOnly(sum([p.dealer.dealing, ...p.others.values()].map(constantOf)))
    const Q = curve.addPoints(liftEven(plain), curve.publicKeyOf(taggedHash('TapTweak', plain)))
    expect(combine(g, p).public.groupKey).toBe(toHex(xOnly(Q)))
    expect(cheater).toBe(participants[2]?.self)
  })
})
