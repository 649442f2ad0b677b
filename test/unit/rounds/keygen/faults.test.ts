import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { aggregate } from '../../../../src/crypto/index.ts'
import { curve, randomBytes } from '../../../../src/curve/index.ts'
import { encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { trialDigestOf } from '../../../../src/rounds/keygen/index.ts'
import {
  CHEATS,
  changing,
  confirmingTwice,
  contentOf,
  dealingTwice,
  minusOne,
  plusOne,
  reusingItsKey,
  victimOf,
} from './cheats.ts'
import { type Cheat, Network, type NetworkInit, namedBy, reasonOf } from './harness.ts'

const run = (init: Partial<NetworkInit>): Network => new Network({ n: 4, threshold: 3, seed: 1, ...init }).run()
const memberAt = (net: Network, index: number): PublicKey => net.nodes[index]?.self as PublicKey
const nobodyFinishes = (net: Network) => expect(net.honest.filter((n) => n.result !== undefined)).toEqual([])
/** Every honest member ends the attempt over exactly this member and fault, and somebody found it by itself. */
const expectNamed = (net: Network, cheater: number, code: string) => {
  nobodyFinishes(net)
  for (const node of net.honest) {
    const named = namedBy(node)
    expect(named.map((f) => [f.member, f.code])).toEqual([[memberAt(net, cheater), code]])
  }
  const found = net.honest.filter((n) => namedBy(n).some((f) => !f.claimed))
  expect(found.length).toBeGreaterThan(0)
  for (const node of found) expectEvidence(net, node.aborted?.reason, memberAt(net, cheater))
}
/** A fault comes with the signed words of its member. */
const expectEvidence = (net: Network, reason: ReturnType<typeof reasonOf>, cheater: PublicKey) => {
  if (reason?.kind !== 'fault') throw new Error('expected a fault')
  for (const f of reason.faults) expect(f.wires.map((w) => net.openEnvelope(w)?.author)).toContain(cheater)
}

/**
 * Two confirms in one slot: whoever hears the second before all have confirmed ends the attempt over it; who hears it after that goes
 * on, and shows it all the same (R16, R20).
 */
const expectShown = (net: Network, cheater: number) => {
  for (const node of net.honest) {
    const reason = reasonOf(node)
    const faults = [
      ...(reason?.kind === 'fault' ? reason.faults : []),
      ...node.effects.flatMap((e) => (e.kind === 'found' ? [e.fault] : [])),
    ]
    expect(new Set([...faults, ...namedBy(node)].map((f) => `${f.member} ${f.code}`))).toEqual(
      new Set([`${memberAt(net, cheater)} equivocation`]),
    )
    for (const { wires } of faults) expect(wires).toHaveLength(2)
  }
}

describe('a member who says', () => {
  for (const [what, { code, cheat }] of Object.entries(CHEATS)) {
    it(`${what} should be named for ${code} by every honest member`, () => {
      expectNamed(run({ cheats: { 2: cheat }, seed: what.length }), 2, code)
    })
  }

  it('R18: its own ephemeral key a second time should be named, and its share not opened', () => {
    expectNamed(run({ cheats: { 1: reusingItsKey() } }), 1, 'repeated_ephemeral')
  })

  it('R18: the opening of another member as its own should be named, not the one it copied', () => {
    const copied: Cheat = (words, node) =>
      words.flatMap((w) => {
        if (w.step !== 'open') return [w]
        const victims = node.state.inbox.open.get(victimOf(node))
        return victims === undefined ? [] : [{ ...w, payload: victims.payload }]
      })
    expectNamed(run({ cheats: { 2: copied } }), 2, 'bad_ephemeral_proof')
  })

  it('two deals should be named for equivocation where both are heard, with both envelopes', () => {
    const net = run({ cheats: { 2: dealingTwice() } })
    nobodyFinishes(net)
    for (const node of net.honest) expect(namedBy(node).map((f) => f.member)).toEqual([memberAt(net, 2)])
    const reason = net.honest.map(reasonOf).find((r) => r?.kind === 'fault')
    expect(reason).toMatchObject({ faults: [{ code: expect.stringMatching(/equivocation|ciphertext_mismatch/) }] })
  })

  it('two different confirmations should be named for equivocation', () => {
    const twice: Cheat = (words) =>
      words.flatMap((w) => {
        if (w.step !== 'confirm') return [w]
        const { hiding, binding } = contentOf('confirm', w.payload).commitment
        const other = { ...contentOf('confirm', w.payload), commitment: { hiding: binding, binding: hiding } }
        return [w, { ...w, payload: encodeKeygen('confirm', other) }]
      })
    expectShown(run({ cheats: { 2: twice } }), 2)
  })

  it('R22: a wrong trial share should be named', () => {
    expectNamed(
      run({ cheats: { 0: changing('trial', (t) => ({ ...t, share: plusOne(t.share) })) } }),
      0,
      'bad_trial_share',
    )
  })

  it('R22: a trial share beyond the order should be named', () => {
    expectNamed(
      run({ cheats: { 0: changing('trial', (t) => ({ ...t, share: new Uint8Array(32).fill(255) })) } }),
      0,
      'bad_trial_share',
    )
  })
})

describe('R22: two wrong trial shares that cancel out', () => {
  const net = run({
    cheats: {
      0: changing('trial', (t) => ({ ...t, share: plusOne(t.share) })),
      3: changing('trial', (t) => ({ ...t, share: minusOne(t.share) })),
    },
  })

  it('should make a sum that verifies', () => {
    const state = net.honest[0]?.effects.find((e) => e.kind === 'persist')
    if (state?.kind !== 'persist') throw new Error('nothing staged')
    const pub = state.key.public
    const commitments = new Map<PublicKey, { hiding: Uint8Array; binding: Uint8Array }>()
    const shares = new Map<PublicKey, Uint8Array>()
    for (const m of net.gossiped) {
      if (m.step === 'confirm') commitments.set(m.author, contentOf('confirm', m.payload).commitment)
      if (m.step === 'trial') shares.set(m.author, contentOf('trial', m.payload).share)
    }
    const digest = trialDigestOf(net.params.pendingId, state.transcript, 0)
    const made = aggregate(pub, commitments, digest, { kind: 'none' }, shares)
    expect(made.ok && curve.schnorrVerify(made.signature, digest, fromHex(pub.groupKey))).toBe(true)
  })

  it('should be caught all the same, both of them', () => {
    nobodyFinishes(net)
    for (const node of net.honest) {
      const reason = reasonOf(node)
      if (reason?.kind !== 'fault') continue
      expect(reason.faults.map((f) => [f.member, f.code])).toEqual([
        [memberAt(net, 0), 'bad_trial_share'],
        [memberAt(net, 3), 'bad_trial_share'],
      ])
    }
    expect(net.honest.some((n) => reasonOf(n)?.kind === 'fault')).toBe(true)
  })
})

describe('members who were told different things', () => {
  it('should not finish, and blame nobody, where each heard only one of two deals', () => {
    const net = run({ cheats: { 2: dealingTwice() }, forwarding: false })
    nobodyFinishes(net)
    const kinds = net.honest.map((n) => reasonOf(n)?.kind)
    expect(kinds).toContain('transcript_mismatch')
    for (const node of net.honest) expect(namedBy(node)).toEqual([])
  })

  it('should not finish where one certifies something else', () => {
    const lying = changing('confirm', (c) => ({ ...c, transcript: 'ab'.repeat(32) as typeof c.transcript }))
    const net = run({ cheats: { 2: lying } })
    nobodyFinishes(net)
    for (const node of net.honest) expect(namedBy(node)).toEqual([])
  })

  it('should end in a complaint that accuses nobody', () => {
    const net = run({ cheats: { 2: dealingTwice() }, forwarding: false })
    const complaints = net.gossiped.filter((m) => m.step === 'complaint').map((m) => contentOf('complaint', m.payload))
    expect(complaints.length).toBeGreaterThan(0)
    for (const c of complaints) expect(c).toEqual({ accused: undefined, code: 'transcript_mismatch' })
  })
})

describe('R26: members who were told different nonce commitments for the trial', () => {
  const attacked = (seed: number): Network => run({ cheats: { 2: confirmingTwice() }, forwarding: false, seed })
  // Chance decides whose trial share reaches whom first.
  const seeds = Array.from({ length: 8 }, (_, i) => i)

  it('should try once more with fresh commitments, and blame nobody for its share', () => {
    for (const seed of seeds) {
      const net = attacked(seed)
      for (const node of net.honest) expect(namedBy(node)).toEqual([])
      expect(net.honest.every((n) => n.result !== undefined)).toBe(true)
      expect(net.gossiped.some((m) => m.step.startsWith('trial/'))).toBe(true)
    }
  })

  it('should use no commitment of the first turn again', () => {
    const net = attacked(1)
    const points = net.gossiped
      .filter((m) => m.step === 'confirm' || m.step.startsWith('commit/'))
      .map((m) => ({
        author: m.author,
        hiding: toHex(contentOf('confirm', m.payload).commitment.hiding),
        step: m.step,
      }))
    const said = new Set(points.map((p) => `${p.author} ${p.hiding} ${p.step}`))
    const pairs = new Set(points.filter((p) => p.author !== memberAt(net, 2)).map((p) => p.hiding))
    expect([...said].filter((p) => !p.startsWith(memberAt(net, 2)))).toHaveLength(pairs.size)
    expect(pairs.size).toBe(6)
  })

  it('should name the liar where both of its confirms are heard', () => {
    for (const seed of seeds) expectShown(run({ cheats: { 2: confirmingTwice() }, seed }), 2)
  })

  it('should not finish where one tried another package, and blame nobody', () => {
    const net = run({ cheats: { 1: changing('trial', (t) => ({ ...t, packageHash: randomBytes(32) })) } })
    nobodyFinishes(net)
    for (const node of net.honest) expect(namedBy(node)).toEqual([])
  })
})

describe('a set whose key is made beside the machine', () => {
  const large = { n: LIMITS.maxKeygenOnLoop + 1, threshold: 9 }
  it('should come to one key', () => {
    const net = run(large)
    expect(new Set(net.nodes.map((n) => n.result?.transcript)).size).toBe(1)
    expect(net.nodes.every((n) => n.effects.filter((e) => e.kind === 'compute').length === 1)).toBe(true)
    expect(net.nodes.every((n) => n.result !== undefined)).toBe(true)
  })
  for (const what of [
    'a share of another polynomial',
    'a proof of knowledge of something else',
    'a commitment too few',
  ] as const)
    it(`R19: should name who says ${what}`, () => {
      expectNamed(run({ ...large, cheats: { 2: CHEATS[what].cheat } }), 2, CHEATS[what].code)
    })
  it('should end the attempt in time where nothing is computed, as this node’s own fault', () => {
    const net = run({ ...large, endMs: 31_000, computes: (node) => node.index !== 1 })
    expect(net.nodes[1]?.aborted?.reason).toMatchObject({ kind: 'internal' })
    nobodyFinishes(net)
  })
})

describe('a member who is silent', () => {
  it('from the start should be listed, not blamed', () => {
    const net = run({ silent: [3] })
    for (const node of net.honest) {
      expect(reasonOf(node)).toEqual({ kind: 'silence', step: 'open', missing: [memberAt(net, 3)] })
      expect(namedBy(node)).toEqual([])
    }
    expect(net.gossiped.filter((m) => m.step === 'complaint')).toEqual([])
  })

  for (const step of ['confirm', 'trial']) {
    it(`R20: from its ${step} on should be listed, and waited for`, () => {
      const net = run({ cheats: { 1: (words) => words.filter((w) => w.step !== step) } })
      nobodyFinishes(net)
      for (const node of net.honest) {
        expect(node.aborted).toBeUndefined()
        expect(node.effects).toContainEqual({ kind: 'late', step, missing: [memberAt(net, 1)] })
      }
    })
  }

  for (const step of ['open', 'deal']) {
    it(`from its ${step} on should be listed`, () => {
      const net = run({ cheats: { 1: (words) => words.filter((w) => w.step !== step) } })
      nobodyFinishes(net)
      for (const node of net.honest)
        expect(reasonOf(node)).toEqual({ kind: 'silence', step, missing: [memberAt(net, 1)] })
    })
  }

  it('towards one member with its share should be listed by that member', () => {
    const withholding: Cheat = (words, node) => words.filter((w) => w.step !== 'share' || w.to !== victimOf(node))
    const net = run({ cheats: { 1: withholding } })
    nobodyFinishes(net)
    const victim = net.nodes[0]
    expect(victim && reasonOf(victim)).toEqual({ kind: 'silence', step: 'share', missing: [memberAt(net, 1)] })
  })
})

describe('R19: a complaint', () => {
  const falsely: Cheat = (words, node) =>
    words.flatMap((w) =>
      w.step === 'deal'
        ? [w, { step: 'complaint', payload: encodeKeygen('complaint', { accused: victimOf(node), code: 'bad_share' }) }]
        : [w],
    )

  it('should end the attempt even if it is false, as a claim against nobody but on paper', () => {
    const net = run({ cheats: { 3: falsely } })
    nobodyFinishes(net)
    for (const node of net.honest) {
      const reason = reasonOf(node)
      expect(reason).toMatchObject({
        kind: 'complaint',
        by: memberAt(net, 3),
        accused: memberAt(net, 0),
        code: 'bad_share',
      })
      if (reason?.kind === 'complaint') expect(net.openEnvelope(reason.wire)?.author).toBe(memberAt(net, 3))
    }
  })

  it('should not be repeated by those who only heard it', () => {
    const net = run({ cheats: { 3: falsely } })
    expect(new Set(net.gossiped.filter((m) => m.step === 'complaint').map((m) => m.author))).toEqual(
      new Set([memberAt(net, 3)]),
    )
  })

  it('should silence the machine: nothing is said after the end', () => {
    const net = run({ cheats: { 3: falsely } })
    const node = net.honest[0]
    if (node === undefined) throw new Error('no node')
    const before = node.effects.length
    for (const kind of ['start', 'timer'] as const)
      net.dispatch(node, kind === 'timer' ? { kind, name: 'resend' } : { kind })
    for (const m of net.said) net.dispatch(node, m)
    expect(node.effects.length).toBe(before)
  })
})

describe('R16: a member whose boot changes', () => {
  const rebootingAt =
    (...steps: readonly string[]): Cheat =>
    (words) =>
      words.map((w) => (steps.some((s) => w.step.startsWith(s)) ? { ...w, boot: 7_777 } : w))
  it('should end the attempt without blame', () => {
    const net = run({ cheats: { 2: rebootingAt('deal') } })
    nobodyFinishes(net)
    for (const node of net.honest) expect(reasonOf(node)).toEqual({ kind: 'boot_changed', member: memberAt(net, 2) })
    expect(net.gossiped.filter((m) => m.step === 'complaint')).toEqual([])
  })

  it('R20: should be heard to the end if it staged the same transcript before', () => {
    const net = run({ cheats: { 2: rebootingAt('confirm', 'commit', 'trial') } })
    for (const node of net.honest) expect(node.aborted).toBeUndefined()
    expect(net.honest.every((n) => n.result !== undefined)).toBe(true)
  })

  it('should not be taken for equivocating, though it says something else in the same step', () => {
    const again: Cheat = (words) =>
      words.flatMap((w) => {
        if (w.step !== 'confirm') return [w]
        const { hiding, binding } = contentOf('confirm', w.payload).commitment
        const other = { ...contentOf('confirm', w.payload), commitment: { hiding: binding, binding: hiding } }
        return [w, { ...w, boot: 77, payload: encodeKeygen('confirm', other) }]
      })
    const net = run({ cheats: { 2: again } })
    for (const node of net.honest) expect(namedBy(node)).toEqual([])
  })
})

describe('an honest member', () => {
  const twoCommitments = confirmingTwice()
  const all = [
    ...Object.values(CHEATS).map((c): Cheat => c.cheat),
    reusingItsKey(),
    dealingTwice(),
    twoCommitments,
    changing('trial', (t) => ({ ...t, share: plusOne(t.share) })),
  ]
  it('should never be blamed by another, whatever a cheater does and the network loses (property)', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(...all),
        fc.nat({ max: 3 }),
        fc.boolean(),
        fc.constantFrom(0, 0.2),
        (seed, cheat, cheater, forwarding, loss) => {
          const net = run({ seed, cheats: { [cheater]: cheat }, forwarding, loss, duplication: 0.2, threshold: 2 })
          // Two commitments for one turn are left behind with it.
          if (cheat !== twoCommitments) nobodyFinishes(net)
          for (const node of net.honest) for (const f of namedBy(node)) expect(f.member).toBe(memberAt(net, cheater))
          for (const node of net.honest) expect(reasonOf(node)?.kind).not.toBe('internal')
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('R18: a share that was sealed to another key than ours', () => {
  it('should be no share of ours, and blame nobody: a restarted receiver and a liar look the same', () => {
    const net = run({
      cheats: { 2: changing('share', (s) => ({ ...s, receiverKey: curve.publicKeyOf(curve.randomScalar()) })) },
    })
    nobodyFinishes(net)
    for (const node of net.honest)
      expect(reasonOf(node)).toEqual({ kind: 'silence', step: 'share', missing: [memberAt(net, 2)] })
  })
})

describe('R26: a confirm that names another joint polynomial', () => {
  it('should end the attempt over its author before anybody lends it a trial share', () => {
    const net = run({ cheats: { 1: changing('confirm', (c) => ({ ...c, commitmentsHash: randomBytes(32) })) } })
    expectNamed(net, 1, 'transcript_mismatch')
    expect(net.gossiped.filter((m) => m.step === 'trial' && m.author !== memberAt(net, 1))).toEqual([])
  })
})
