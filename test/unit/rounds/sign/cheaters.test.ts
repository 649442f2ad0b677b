import { describe, expect, it } from 'vitest'
import { equalBytes, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { tweakedPublicKey, verifyShare } from '../../../../src/crypto/index.ts'
import { curve } from '../../../../src/curve/index.ts'
import { decodeSign, encodeSign } from '../../../../src/rounds/sign/codec.ts'
import { packageHash, type SignEnvelope } from '../../../../src/rounds/sign/index.ts'
import type { SignPayloads, SignStep } from '../../../../src/rounds/sign/types.ts'
import { SOME_POINT } from '../../crypto/signing-keys.ts'
import { Network, requestOf, type TestNode, wireOf } from './network.ts'

/** The same envelope around another payload, signed by its author again. */
function reworded<S extends SignStep>(e: SignEnvelope, step: S, change: (p: SignPayloads[S]) => SignPayloads[S]) {
  if (e.step !== step) return e
  const payload = decodeSign(step, e.payload)
  if (payload === undefined) throw new Error('this test starts from what decodes')
  const changed = { ...e, payload: encodeSign(step, change(payload)) }
  return { ...changed, wire: wireOf(changed) }
}

const WRONG: Readonly<Record<string, (share: Uint8Array) => Uint8Array>> = {
  'with one bit flipped': (s) => s.map((b, i) => (i === 31 ? b ^ 1 : b)),
  'all zero': () => new Uint8Array(32),
  'beyond the group order': () => new Uint8Array(32).fill(255),
  negated: curve.negateScalar,
}
const cheat = (node: TestNode, how: (share: Uint8Array) => Uint8Array) => {
  node.tamper = (e) => reworded(e, 'share', (p) => ({ ...p, share: how(p.share) }))
}
/** For one cheater: two flipped bits can cancel out in the sum. */
const flip = WRONG['with one bit flipped'] as (share: Uint8Array) => Uint8Array

function expectValid(net: Network, node: TestNode): void {
  const { signature, request } = node.done[0] ?? {}
  if (signature === undefined || request === undefined) throw new Error('no signature')
  expect(curve.schnorrVerify(signature, request.digest, tweakedPublicKey(net.dealt.public, request.tweak))).toBe(true)
}
const named = (node: TestNode): PublicKey[] => [...new Set(node.faults.map((f) => f.member))].sort()

describe('wrong shares', () => {
  for (const [how, apply] of Object.entries(WRONG))
    it(`should name the author of a share ${how}, leave it out, and finish`, () => {
      const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
      const cheater = net.node(1)
      cheat(cheater, apply)
      net.start(net.node(0), requestOf(net.dealt))
      net.settle()
      expectValid(net, net.node(0))
      expect(named(net.node(0))).toEqual([cheater.key])
      expect(net.node(0).saidSteps('package')).toHaveLength(2)
      for (const node of net.nodes.slice(1)) expect(node.faults).toEqual([])
    })

  for (const [t, n, seed] of [
    [2, 3, 1],
    [3, 5, 2],
    [4, 7, 3],
    [5, 9, 4],
    [5, 9, 5],
  ] as const)
    it(`should finish ${t} of ${n} with ${n - t} cheaters, never blaming anyone honest (seed ${seed})`, () => {
      const net = new Network({ t, n, seed, duplicate: 0.2 })
      const cheaters = net.nodes.slice(t)
      for (const node of cheaters) cheat(node, curve.negateScalar)
      net.start(net.node(0), requestOf(net.dealt))
      net.settle()
      expectValid(net, net.node(0))
      for (const key of named(net.node(0))) expect(cheaters.map((c) => c.key)).toContain(key)
      expect(net.node(0).failed).toEqual([])
    })

  it('should fail and name every cheater once fewer than t honest can remain', () => {
    const net = new Network({ t: 3, n: 4, maxDelayMs: 1 })
    const cheaters = net.nodes.slice(2)
    for (const node of cheaters) cheat(node, curve.negateScalar)
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    const failed = net.node(0).failed[0]
    expect(failed?.code).toBe('TIMEOUT')
    expect([...(failed?.cheaters ?? [])].sort()).toEqual(cheaters.map((c) => c.key))
    expect(failed?.missing).toEqual([])
    expect(net.node(0).done).toEqual([])
  })

  it('should name cheaters and silent members apart', () => {
    const net = new Network({ t: 3, n: 4, maxDelayMs: 1 })
    const silent = net.node(3)
    silent.tamper = (e) => (e.attempt > 1 ? undefined : e.step === 'share' ? undefined : e)
    cheat(net.node(2), flip)
    const [a, b] = [net.node(0), net.node(1)]
    net.start(a, requestOf(net.dealt))
    net.settle()
    expect(a.failed[0]).toMatchObject({ code: 'TIMEOUT', cheaters: [net.node(2).key], missing: [silent.key] })
    expect(b.faults).toEqual([])
  })

  it('R26: should keep evidence that a third party can judge: the package and the wrong share, as signed', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    cheat(net.node(1), flip)
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    const fault = net.node(0).faults[0]
    const [packageWire, shareWire] = fault?.wires ?? []
    const coordinator = net.node(0)
    const sentPackage = coordinator
      .saidSteps('package')
      .find((e) => toHex(e.wire) === toHex(packageWire ?? new Uint8Array()))
    const sentShare = net
      .node(1)
      .saidSteps('share')
      .find((e) => toHex(e.wire) === toHex(shareWire ?? new Uint8Array()))
    if (sentPackage === undefined || sentShare === undefined) throw new Error('evidence is not what was sent')
    const p = decodeSign('package', sentPackage.payload)
    const s = decodeSign('share', sentShare.payload)
    if (p === undefined || s === undefined) throw new Error('evidence does not decode')
    expect(s.packageHash).toBe(packageHash(coordinator.key, sentPackage.attempt, p))
    const { digest, tweak } = p.request
    expect(verifyShare(net.dealt.public, p.commitments, digest, tweak, net.node(1).key, s.share)).toBe(false)
  })

  it("R26: should take for its package's wire only what it signed itself", () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const coordinator = net.node(0)
    cheat(net.node(1), flip)
    coordinator.tamper = (e) => {
      if (e.step === 'package') net.deliver(coordinator, { ...e, author: net.node(2).key, wire: Uint8Array.of(0) })
      return e
    }
    net.start(coordinator, requestOf(net.dealt))
    net.settle()
    expect(coordinator.faults.length).toBeGreaterThan(0)
    for (const { wires } of coordinator.faults) {
      expect(wires).toHaveLength(2)
      expect(coordinator.saidSteps('package').map((e) => toHex(e.wire))).toContain(toHex(wires[0] ?? new Uint8Array()))
    }
  })

  it('R26: should not count a share over another package, however wrong it is', () => {
    const net = new Network({ t: 3, n: 3 })
    const member = net.node(1)
    member.tamper = (e) =>
      e.attempt === 1 ? reworded(e, 'share', (p) => ({ ...p, share: flip(p.share), packageHash: '00'.repeat(32) })) : e
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expectValid(net, net.node(0))
    expect(net.node(0).faults).toEqual([])
  })

  it('should keep the first share of a member, and not the one it sends after', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const member = net.node(1)
    member.tamper = (e) => {
      if (e.step === 'share') {
        const wrong = reworded(e, 'share', (p) => ({ ...p, share: flip(p.share) }))
        for (const other of net.nodes) if (other !== member) net.deliver(other, wrong)
      }
      return e
    }
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expectValid(net, net.node(0))
    expect(named(net.node(0))).toEqual([member.key])
  })
})

describe('commitments that no honest member makes', () => {
  for (const [what, commitment] of Object.entries({
    'not on the curve': { hiding: Uint8Array.of(2, ...new Uint8Array(32)), binding: SOME_POINT },
    'with a wrong prefix': { hiding: SOME_POINT, binding: Uint8Array.of(4, ...SOME_POINT.subarray(1)) },
    'all zero': { hiding: new Uint8Array(33), binding: new Uint8Array(33) },
  }))
    it(`should never enter a package (${what}), and the others finish`, () => {
      const net = new Network({ t: 2, n: 3, maxDelayMs: 1 })
      net.node(1).tamper = (e) => reworded(e, 'commit', (p) => ({ ...p, commitment }))
      net.start(net.node(0), requestOf(net.dealt))
      net.settle()
      expectValid(net, net.node(0))
      for (const e of net.node(0).saidSteps('package'))
        expect(decodeSign('package', e.payload)?.commitments.has(net.node(1).key)).toBe(false)
    })

  it('should count as silence where everybody is needed', () => {
    const net = new Network({ t: 3, n: 3 })
    const bad = net.node(1)
    const commitment = { hiding: new Uint8Array(33), binding: new Uint8Array(33) }
    bad.tamper = (e) => reworded(e, 'commit', (p) => ({ ...p, commitment }))
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expect(net.node(0).failed[0]).toMatchObject({ code: 'TIMEOUT', missing: [bad.key] })
    expect(net.node(0).saidSteps('package')).toEqual([])
  })

  it('should not replace a commitment within one boot', () => {
    const net = new Network({ t: 3, n: 3, maxDelayMs: 1 })
    const member = net.node(1)
    let first: Uint8Array | undefined
    member.tamper = (e) => {
      if (e.step !== 'commit' || first !== undefined) return e
      first = e.payload
      const other = { hiding: SOME_POINT, binding: SOME_POINT }
      const later = reworded(e, 'commit', (p) => ({ ...p, commitment: other }))
      net.deliver(net.node(0), e)
      net.deliver(net.node(0), later)
      return undefined
    }
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expectValid(net, net.node(0))
    const p = decodeSign('package', net.node(0).saidSteps('package')[0]?.payload ?? new Uint8Array())
    const own = decodeSign('commit', first ?? new Uint8Array())?.commitment
    expect(equalBytes(p?.commitments.get(member.key)?.hiding ?? new Uint8Array(), own?.hiding ?? SOME_POINT)).toBe(true)
  })
})
