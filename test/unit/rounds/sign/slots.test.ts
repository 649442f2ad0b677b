import { describe, expect, it } from 'vitest'
import { asSetHash, type PublicKey } from '../../../../src/base/index.ts'
import { slotOf } from '../../../../src/rounds/sign/index.ts'
import { Slots } from '../../../../src/rounds/sign/slots.ts'
import { dealKey, SOME_POINT } from '../../crypto/signing-keys.ts'
import { envelope } from './kit.ts'
import { requestOf, TRANSCRIPT } from './network.ts'

const dealt = dealKey(2, 3)
const request = requestOf(dealt)
const [ANN, BEN, CAT] = dealt.members as [PublicKey, PublicKey, PublicKey]
const commitment = { hiding: SOME_POINT, binding: SOME_POINT }
const share = (fill: number, over: Parameters<typeof envelope>[4] = {}, coordinator = BEN, hash = 'cd'.repeat(32)) =>
  envelope(ANN, request, 'share', { coordinator, packageHash: hash, shares: [new Uint8Array(32).fill(fill)] }, over)
const nonces = (n: number, attempt = 1) => {
  const commitments = Array.from({ length: n }, () => commitment)
  return envelope(ANN, request, 'nonces', { transcript: TRANSCRIPT, coordinator: BEN, commitments }, { attempt })
}

describe('R16: equivocation', () => {
  it('should be two payloads in one slot, shown once with both wires', () => {
    const slots = new Slots()
    const [a, b, c] = [share(1), share(2), share(3)]
    expect(slots.hear(a)).toBe('first')
    expect(slots.hear(b)).toEqual({ wires: [a.wire, b.wire] })
    expect(slots.hear(c)).toBe('contradicted')
    expect(slots.hear(b)).toBe('contradicted')
    expect(slots.hear(a)).toBe('same')
  })

  it('should be seen in every step in which an honest process says one thing', () => {
    const entries = (m: PublicKey) => new Map([[m, [commitment]]])
    const pairs = [
      [nonces(1), nonces(2)],
      [share(1), share(2)],
      [
        envelope(ANN, request, 'package', { request, entries: entries(ANN) }),
        envelope(ANN, request, 'package', { request, entries: entries(BEN) }),
      ],
      [
        envelope(ANN, request, 'ready', { request }),
        { ...envelope(ANN, request, 'ready', { request: { ...request, requestId: 'ee' } }) },
      ].map((e) => ({ ...e, round: 'ab'.repeat(32) })),
    ] as const
    for (const [a, b] of pairs) {
      const slots = new Slots()
      expect(slots.hear(a as typeof a & object)).toBe('first')
      expect(slots.hear(b as typeof a & object)).toMatchObject({ wires: expect.any(Array) })
    }
  })

  it('should be none of: a resend, another boot, session, package, coordinator, set, or member', () => {
    const slots = new Slots()
    const elsewhere = { ...share(2), topic: { ...share(2).topic, scope: asSetHash('44'.repeat(32)) } }
    const said = [
      share(1),
      share(2, { boot: 2 }),
      share(2, { attempt: 2 }),
      share(2, {}, CAT),
      share(2, {}, BEN, 'ef'.repeat(32)),
      elsewhere,
      { ...share(2), author: BEN },
      nonces(1, 1),
      nonces(2, 2),
    ]
    for (const e of said) expect(slots.hear(e)).toBe('first')
    for (const e of said) expect(slots.hear({ ...e, wire: Uint8Array.of(1) })).toBe('same')
  })

  it('should be none where an honest process may say several things', () => {
    const say = (reason: 'refused' | 'not_asked_yet') => envelope(ANN, request, 'decline', { coordinator: BEN, reason })
    const results = [1, 2].map((n) => envelope(ANN, request, 'result', { signatures: [new Uint8Array(64).fill(n)] }))
    const wants = [1, 2].map((count) => envelope(ANN, request, 'want', { transcript: TRANSCRIPT, member: BEN, count }))
    const slots = new Slots()
    for (const e of [say('not_asked_yet'), say('refused'), ...results, ...wants]) {
      expect(slotOf(e)).toBeUndefined()
      expect(slots.hear(e)).toBe('first')
    }
  })

  it('should be remembered for a bounded number of slots and bytes per member', () => {
    const slots = new Slots()
    slots.hear(share(1))
    for (let i = 0; i < 300; i++) slots.hear(nonces(1, i + 10))
    expect(slots.hear(share(2))).toBe('first')
    const large = { ...nonces(1, 1_000), wire: new Uint8Array(400 * 1024) }
    slots.hear(share(1, { attempt: 50 }))
    slots.hear(large)
    slots.hear({ ...nonces(1, 1_001), wire: new Uint8Array(400 * 1024) })
    expect(slots.hear(share(2, { attempt: 50 }))).toBe('first')
  })
})
