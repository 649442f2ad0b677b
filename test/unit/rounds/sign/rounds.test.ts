import { describe, expect, it } from 'vitest'
import { asSetHash, asTranscriptHash, equalBytes, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { type Tweak, tweakedPublicKey } from '../../../../src/crypto/index.ts'
import { curve, sha256 } from '../../../../src/curve/index.ts'
import { encodeSign } from '../../../../src/rounds/sign/codec.ts'
import { requestHash, type SignRequest } from '../../../../src/rounds/sign/index.ts'
import { EVEN_SECRET, ODD_SECRET } from '../../crypto/signing-keys.ts'
import { Network, requestOf, STEP_MS, type TestNode } from './network.ts'

const TWEAKS: readonly Tweak[] = [
  { kind: 'none' },
  { kind: 'key', merkleRoot: null },
  { kind: 'key', merkleRoot: sha256(Uint8Array.of(3)) },
]

function expectSigned(net: Network, node: TestNode, request: SignRequest): Uint8Array {
  expect(node.failed).toEqual([])
  expect(node.done).toHaveLength(1)
  const signature = node.done[0]?.signature ?? new Uint8Array(0)
  expect(curve.schnorrVerify(signature, request.digest, tweakedPublicKey(net.dealt.public, request.tweak))).toBe(true)
  return signature
}
const names = (list: readonly PublicKey[] | undefined): PublicKey[] => [...(list ?? [])].sort()

describe('a sign round', () => {
  for (let n = 3; n <= 9; n++) {
    const t = Math.floor(n / 2) + 1
    it(`should end in one valid signature at every member, ${t} of ${n}, within one step`, () => {
      const net = new Network({ t, n, seed: n })
      const request = requestOf(net.dealt)
      net.start(net.node(0), request)
      net.settle()
      const signatures = net.nodes.map((node) => toHex(expectSigned(net, node, request)))
      expect(new Set(signatures).size).toBe(1)
      for (const node of net.nodes) {
        expect(node.refused).toEqual([])
        expect(node.faults).toEqual([])
        expect(node.rejected).toEqual([])
        expect(node.timers.size).toBe(0)
        expect(node.book.open).toEqual({ coordinating: 0, participating: 0 })
      }
      expect(net.node(0).saidSteps('open')).toHaveLength(1)
      expect(net.now).toBeLessThan(STEP_MS / 2)
    })
  }

  for (const groupSecret of [EVEN_SECRET, ODD_SECRET])
    for (const [i, tweak] of TWEAKS.entries())
      it(`should sign under tweak ${i}, group key ${groupSecret === ODD_SECRET ? 'odd' : 'even'}`, () => {
        const net = new Network({ t: 2, n: 3, groupSecret })
        const request = requestOf(net.dealt, { tweak })
        net.start(net.node(1), request)
        net.settle()
        expectSigned(net, net.node(1), request)
      })

  it('should name one round for one request, and another for any other field', () => {
    const { dealt } = new Network({ t: 2, n: 3 })
    const request = requestOf(dealt)
    const others: Partial<SignRequest>[] = [
      { requestId: 'abce' },
      { digest: sha256(Uint8Array.of(8)) },
      { tweak: { kind: 'key', merkleRoot: null } },
      { tweak: { kind: 'key', merkleRoot: new Uint8Array(32) } },
      { groupKey: requestOf(new Network({ t: 2, n: 3, groupSecret: ODD_SECRET }).dealt).groupKey },
    ]
    const rounds = [request, ...others.map((o) => ({ ...request, ...o }))].map(requestHash)
    expect(new Set(rounds).size).toBe(others.length + 1)
    expect(requestHash({ ...request })).toBe(requestHash(request))
  })

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8])
    it(`should end in a signature over a network that loses, doubles and reorders (seed ${seed})`, () => {
      const net = new Network({ t: 3, n: 5, seed, loss: 0.15, duplicate: 0.3, maxDelayMs: 300 })
      const request = requestOf(net.dealt)
      net.start(net.node(0), request, 60 * STEP_MS)
      net.settle()
      expectSigned(net, net.node(0), request)
      for (const node of net.nodes) {
        expect(node.faults).toEqual([])
        expect(node.rejected).toEqual([])
        expect(node.done.length).toBeLessThanOrEqual(1)
      }
    })

  it('should take every message twice without a second answer that differs', () => {
    const net = new Network({ t: 3, n: 5, duplicate: 1 })
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    for (const node of net.nodes) {
      expectSigned(net, node, request)
      for (const step of ['commit', 'share'] as const)
        expect(new Set(node.saidSteps(step).map((e) => toHex(e.payload))).size).toBeLessThanOrEqual(1)
    }
  })

  it('R28: should give two coordinators of one request the same first signature', () => {
    const net = new Network({ t: 3, n: 5 })
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.start(net.node(4), request)
    net.settle()
    const a = expectSigned(net, net.node(0), request)
    expectSigned(net, net.node(4), request)
    expect(net.nodes.every((node) => node.done.length === 1)).toBe(true)
    expect(a).toHaveLength(64)
  })

  it('R25: should let two coordinators who never hear each other each finish, with nonces of their own', () => {
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt)
    for (const node of net.nodes) node.tamper = (e) => (e.step === 'result' ? undefined : e)
    net.start(net.node(0), request)
    net.start(net.node(1), request)
    net.settle()
    const a = expectSigned(net, net.node(0), request)
    const b = expectSigned(net, net.node(1), request)
    expect(equalBytes(a, b)).toBe(false)
    const commitments = net.node(2).saidSteps('commit')
    expect(new Set(commitments.map((e) => toHex(e.payload))).size).toBe(2)
    // R28: the other's signature is as valid, and comes too late to replace one's own.
    const payload = encodeSign('result', { signature: b })
    const [last] = net.node(1).saidSteps('package')
    if (last === undefined) throw new Error('no package')
    net.deliver(net.node(0), { ...last, step: 'result', payload })
    net.start(net.node(0), request)
    expect(net.node(0).done.map((d) => toHex(d.signature))).toEqual([toHex(a), toHex(a)])
  })

  it('R28: should repeat the same signature for a request that is asked again, without a round', () => {
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    const first = expectSigned(net, net.node(0), request)
    for (const node of net.nodes) node.said.length = 0
    net.start(net.node(0), request)
    net.start(net.node(2), request)
    net.settle()
    expect(net.node(0).done.map((d) => toHex(d.signature))).toEqual([toHex(first), toHex(first)])
    expect(net.node(2).done.map((d) => toHex(d.signature))).toEqual([toHex(first), toHex(first)])
    expect(net.nodes.flatMap((n) => n.said)).toEqual([])
  })

  it('R28: should hand the signature to a coordinator that forgot it', () => {
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    const first = expectSigned(net, net.node(0), request)
    const late = net.node(2)
    late.restart()
    late.done.length = 0
    net.start(late, request)
    net.settle()
    expect(toHex(expectSigned(net, late, request))).toBe(toHex(first))
    expect(late.saidSteps('package')).toEqual([])
  })
})

describe('silent members', () => {
  for (const [t, n, silent] of [
    [2, 3, 1],
    [3, 5, 1],
    [3, 5, 2],
    [5, 9, 4],
  ] as const)
    it(`should finish ${t} of ${n} with ${silent} silent from the start`, () => {
      const net = new Network({ t, n, seed: 3 })
      for (let i = 1; i <= silent; i++) net.node(i).silent = true
      const request = requestOf(net.dealt)
      net.start(net.node(0), request)
      net.settle()
      expectSigned(net, net.node(0), request)
    })

  for (const [t, n] of [
    [2, 3],
    [3, 5],
    [5, 9],
  ] as const)
    it(`should time out, ${t} of ${n}, naming exactly the ${n - t + 1} silent`, () => {
      const net = new Network({ t, n, seed: 4 })
      const silent = net.nodes.slice(1, n - t + 2)
      for (const node of silent) node.silent = true
      net.start(net.node(0), requestOf(net.dealt))
      net.settle()
      const coordinator = net.node(0)
      expect(coordinator.done).toEqual([])
      expect(coordinator.failed).toHaveLength(1)
      expect(coordinator.failed[0]).toMatchObject({ code: 'TIMEOUT', cheaters: [] })
      expect(names(coordinator.failed[0]?.missing)).toEqual(names(silent.map((s) => s.key)))
      expect(coordinator.timers.size).toBe(0)
      expect(coordinator.book.open.coordinating).toBe(0)
    })

  for (const timeoutSteps of [0.3, 0.8, 1, 1.005, 1.2, 3, 3.001, 3.1, 3.7])
    it(`should name exactly the silent whenever the deadline strikes (${timeoutSteps} steps)`, () => {
      const net = new Network({ t: 3, n: 5, seed: 5 })
      const silent = net.nodes.slice(2)
      for (const node of silent) node.silent = true
      net.start(net.node(0), requestOf(net.dealt), timeoutSteps * STEP_MS)
      net.settle()
      expect(net.now).toBeGreaterThanOrEqual(timeoutSteps * STEP_MS)
      expect(names(net.node(0).failed[0]?.missing)).toEqual(names(silent.map((s) => s.key)))
    })

  it('should leave out of the next session whoever committed and gave no share', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    const mute = net.node(1)
    mute.tamper = (e) => (e.step === 'share' ? undefined : e)
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    expect(net.node(0).faults).toEqual([])
    expect(net.node(0).saidSteps('open').at(-1)?.attempt).toBe(2)
  })

  it('should finish with n − t members that commit and never give a share', () => {
    const net = new Network({ t: 3, n: 5, seed: 6 })
    for (const i of [1, 2]) net.node(i).tamper = (e) => (e.step === 'share' ? undefined : e)
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
  })

  it('should time out naming the one that gives no share, where everybody is needed', () => {
    const net = new Network({ t: 3, n: 3 })
    net.node(2).tamper = (e) => (e.step === 'share' ? undefined : e)
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expect(net.node(0).failed[0]).toMatchObject({ code: 'TIMEOUT', missing: [net.node(2).key], cheaters: [] })
  })

  it('should take back a member that was silent for a session once the others are too few', () => {
    const net = new Network({ t: 3, n: 3 })
    const slow = net.node(2)
    slow.tamper = (e) => (e.step === 'share' && e.attempt === 1 ? undefined : e)
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
  })

  it('should say again at half a step what was lost, and so need no second session', () => {
    const net = new Network({ t: 3, n: 3 })
    const lossy = net.node(0)
    const dropped = new Set<string>()
    lossy.tamper = (e) => {
      if (dropped.has(e.step) || (e.step !== 'open' && e.step !== 'package')) return e
      dropped.add(e.step)
      return undefined
    }
    const request = requestOf(net.dealt)
    net.start(lossy, request)
    net.settle()
    expectSigned(net, lossy, request)
    expect(dropped.size).toBe(2)
    expect(new Set(lossy.said.map((e) => e.attempt))).toEqual(new Set([1]))
  })

  it('should finish when a member restarts between its commitment and the package', () => {
    const net = new Network({ t: 3, n: 3 })
    const member = net.node(2)
    const coordinator = net.node(0)
    coordinator.tamper = (e) => {
      if (e.step === 'package' && member.boot === 1) member.restart()
      return e
    }
    const request = requestOf(net.dealt)
    net.start(coordinator, request)
    net.settle()
    expectSigned(net, coordinator, request)
    expect(member.refused.map((r) => r.reason)).toContain('unknown_session')
    expect(coordinator.faults).toEqual([])
  })

  it('should finish when the coordinator restarts and asks again: its old session numbers mean nothing', () => {
    const net = new Network({ t: 2, n: 3 })
    const coordinator = net.node(0)
    coordinator.tamper = (e) => (e.step === 'package' && coordinator.boot === 1 ? undefined : e)
    const request = requestOf(net.dealt)
    net.start(coordinator, request, STEP_MS / 4)
    net.settle()
    expect(coordinator.failed).toHaveLength(1)
    coordinator.failed.length = 0
    coordinator.restart()
    net.start(coordinator, request)
    net.settle()
    expectSigned(net, coordinator, request)
  })

  it('R25: should number the sessions of a request on when it is asked again after a failure', () => {
    const net = new Network({ t: 3, n: 3 })
    net.node(2).silent = true
    const request = requestOf(net.dealt)
    net.start(net.node(0), request, 2.5 * STEP_MS)
    net.settle()
    expect(net.node(0).failed).toHaveLength(1)
    net.node(0).failed.length = 0
    net.node(2).silent = false
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    const sessions = net
      .node(0)
      .saidSteps('package')
      .map((e) => e.attempt)
    expect(sessions).toEqual([4])
  })
})

describe('members that decline', () => {
  it('should finish without those that refuse', () => {
    const net = new Network({ t: 3, n: 5 })
    for (const i of [1, 2]) net.node(i).consent = () => 'refused'
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    for (const i of [1, 2]) expect(net.node(i).saidSteps('commit')).toEqual([])
  })

  it('should fail as REFUSED at once when fewer than t can remain, naming who refused and nobody as missing', () => {
    const net = new Network({ t: 3, n: 5, maxDelayMs: 1 })
    for (const i of [1, 2, 3]) net.node(i).consent = () => 'refused'
    net.node(0).consent = () => 'not_asked_yet'
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    const failed = net.node(0).failed[0]
    expect(failed).toMatchObject({ code: 'REFUSED', cheaters: [] })
    expect(names([...(failed?.declined ?? [])].filter(([, r]) => r === 'refused').map(([m]) => m))).toEqual(
      names([1, 2, 3].map((i) => net.node(i).key)),
    )
    expect(net.node(0).saidSteps('open')).toHaveLength(1)
  })

  it('should time out with nobody missing when too many were not asked yet', () => {
    const net = new Network({ t: 3, n: 3 })
    net.node(1).consent = () => 'not_asked_yet'
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    expect(net.node(0).failed[0]).toMatchObject({ code: 'TIMEOUT', missing: [] })
    expect(net.node(0).failed[0]?.declined.get(net.node(1).key)).toBe('not_asked_yet')
  })

  it('R27: should ask those that were not asked yet again in the next session', () => {
    const net = new Network({ t: 3, n: 3 })
    let asked = 0
    net.node(1).consent = () => (++asked < 3 ? 'not_asked_yet' : 'yes')
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    expect(asked).toBe(3)
    expect(
      net
        .node(0)
        .saidSteps('package')
        .map((e) => e.attempt),
    ).toEqual([3])
  })

  it('R27: should let a member join the same session as soon as its own bridge has asked', () => {
    const net = new Network({ t: 3, n: 3, maxDelayMs: 1 })
    const late = net.node(1)
    let approved = false
    late.consent = () => (approved ? 'yes' : 'not_asked_yet')
    late.tamper = (e) => {
      if (e.step === 'decline' && !approved) {
        approved = true
        net.perform(late, late.book.reconsider(e.round))
      }
      return e
    }
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    expect(net.now).toBeLessThan(STEP_MS / 2)
  })

  it('R16: should not change a decline within one session', () => {
    const net = new Network({ t: 3, n: 3 })
    const member = net.node(1)
    let asked = 0
    member.consent = () => (++asked === 1 ? 'not_asked_yet' : 'refused')
    member.tamper = (e) => {
      if (asked === 1) net.perform(member, member.book.reconsider(e.round))
      return e
    }
    net.start(net.node(0), requestOf(net.dealt), 1.5 * STEP_MS)
    net.settle()
    const bySession = Map.groupBy(member.saidSteps('decline'), (e) => e.attempt)
    for (const said of bySession.values()) expect(new Set(said.map((e) => toHex(e.payload))).size).toBe(1)
    expect(asked).toBeGreaterThan(1)
  })

  it('R9: should decline where the node holds no share of that key, set and transcript', () => {
    const net = new Network({ t: 2, n: 3 })
    const without = net.node(1)
    without.hasShare = false
    const request = requestOf(net.dealt)
    net.start(net.node(0), request)
    net.settle()
    expectSigned(net, net.node(0), request)
    expect(without.said.map((e) => e.step)).toEqual(['decline'])
    expect(without.done).toEqual([])
  })

  it('R9: should not coordinate without a share, nor under another transcript or set', () => {
    const net = new Network({ t: 2, n: 3 })
    const request = requestOf(net.dealt)
    const transcript = asTranscriptHash('11'.repeat(32))
    net.start(net.node(0), { ...request, transcript })
    net.start(net.node(0), { ...request, setHash: asSetHash('22'.repeat(32)) })
    net.node(0).hasShare = false
    net.start(net.node(0), request)
    expect(net.node(0).failed.map((f) => f.code)).toEqual(['NO_KEY', 'NO_KEY', 'NO_KEY'])
    expect(net.node(0).said).toEqual([])
  })

  it('should report those without a share as having declined, not as missing', () => {
    const net = new Network({ t: 2, n: 3 })
    for (const i of [1, 2]) net.node(i).hasShare = false
    net.start(net.node(0), requestOf(net.dealt))
    net.settle()
    const failed = net.node(0).failed[0]
    expect(failed).toMatchObject({ code: 'TIMEOUT', missing: [] })
    expect([...(failed?.declined.values() ?? [])]).toEqual(['unknown_key', 'unknown_key'])
  })
})
