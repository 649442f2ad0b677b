import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, LIMITS, type PublicKey, type TranscriptHash, toHex } from '../../../../src/base/index.ts'
import {
  aggregate,
  aggregatePublicKey,
  commitNonces,
  decodeKeyPackage,
  encodeKeyPackage,
  type NonceCommitment,
  signShare,
} from '../../../../src/crypto/index.ts'
import { curve } from '../../../../src/curve/index.ts'
import { encodeCertificate } from '../../../../src/rounds/keygen/codec.ts'
import { type KeygenResult, trialDigestOf, verifyCertificate } from '../../../../src/rounds/keygen/index.ts'
import { changing, plusOne } from './cheats.ts'
import { Network, type NetworkInit } from './harness.ts'

const finished = (net: Network): readonly KeygenResult[] =>
  net.nodes.map((n) => {
    if (n.result === undefined)
      throw new Error(`member ${n.index} did not finish: ${JSON.stringify(n.aborted?.reason)}`)
    return n.result
  })
const expectOneKey = (net: Network): readonly KeygenResult[] => {
  const results = finished(net)
  for (const r of results) {
    expect(r.transcript).toBe(results[0]?.transcript)
    expect(r.key.public).toEqual(results[0]?.key.public)
    expect(curve.schnorrVerify(r.trialSignature, r.trialDigest, fromHex(r.key.public.groupKey))).toBe(true)
  }
  return results
}
const run = (init: Partial<NetworkInit> = {}): Network => new Network({ n: 3, threshold: 2, seed: 1, ...init }).run()

describe('keygen among honest members', () => {
  for (const [n, threshold] of [
    [2, 2],
    [3, 2],
    [5, 3],
    [7, 5],
  ] as const) {
    it(`should give ${n} members one key and one transcript (threshold ${threshold})`, () => {
      expectOneKey(run({ n, threshold, seed: n }))
    })
  }

  it('should finish in any order, with messages doubled and lost, and blame nobody (property)', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 3, max: 5 }), fc.constantFrom(0, 0.1, 0.3), (seed, n, loss) => {
        const net = run({ n, threshold: 2 + (seed % (n - 1)), seed, loss, duplication: 0.3 })
        expectOneKey(net)
        expect(net.nodes.every((m) => m.aborted === undefined)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  it('should let any threshold of members sign', () => {
    const net = run({ n: 4, threshold: 3, seed: 4 })
    const results = finished(net)
    const digest = new Uint8Array(32).fill(9)
    for (let left = 0; left < 4; left++) {
      const signers = results.filter((_, i) => i !== left)
      const made = signers.map((r) => ({ r, ...commitNonces(r.key) }))
      const commitments = new Map<PublicKey, NonceCommitment>(made.map((m) => [m.r.key.owner, m.commitment]))
      const shares = new Map(
        made.map((m) => [m.r.key.owner, signShare(m.r.key, m.nonces, commitments, digest, { kind: 'none' })]),
      )
      const pub = (results[0] as KeygenResult).key.public
      const signed = aggregate(pub, commitments, digest, { kind: 'none' }, shares)
      expect(signed.ok && curve.schnorrVerify(signed.signature, digest, fromHex(pub.groupKey))).toBe(true)
    }
  })

  it('should hand out a key that can be sealed and read again', () => {
    for (const { key } of finished(run())) expect(decodeKeyPackage(encodeKeyPackage(key))).toEqual(key)
  })

  it('R2: should end in a group key of even Y', () => {
    for (const { key } of finished(run())) expect(aggregatePublicKey(key.public)).toMatch(/^02/)
  })

  it('should come to rest, with no timer left', () => {
    const net = run({ loss: 0.2, seed: 8 })
    for (const node of net.nodes) expect(node.timers.size).toBe(0)
  })

  it('should make another transcript and another key in another attempt', () => {
    const [a, b] = [finished(run())[0], finished(run())[0]]
    expect(a?.transcript).not.toBe(b?.transcript)
    expect(a?.key.public.groupKey).not.toBe(b?.key.public.groupKey)
  })
})

describe('R20: certificates', () => {
  it('should be signed only after the staged share is on disk', () => {
    const waiting = new Set([0])
    const net = run({ persists: (node) => !waiting.has(node.index) })
    expect(net.said.some((m) => m.step === 'confirm' && m.author === net.nodes[0]?.self)).toBe(false)
    expect(net.nodes.every((n) => n.result === undefined)).toBe(true)
    for (const node of net.nodes.slice(1)) {
      const order = node.effects.map((e) => (e.kind === 'publish' ? e.utterance.step : e.kind))
      expect(order.indexOf('persist')).toBeGreaterThan(-1)
      expect(order.indexOf('persist')).toBeLessThan(order.indexOf('confirm'))
    }
  })

  it('should not be signed for another transcript than the one on disk', () => {
    const net = run({ persists: () => '00'.repeat(32) as TranscriptHash })
    expect(net.said.some((m) => m.step === 'confirm')).toBe(false)
  })

  it('should tell that a confirmed share must be kept when the attempt ends later', () => {
    const net = run({ n: 3, cheats: { 2: changing('trial', (t) => ({ ...t, share: plusOne(t.share) })) } })
    for (const node of net.honest) {
      expect(node.aborted).toMatchObject({ reason: { kind: 'fault' }, certified: true })
      const staged = node.effects.find((e) => e.kind === 'persist')
      expect(node.aborted?.confirmed).toBe(staged?.kind === 'persist' ? staged.transcript : 'nothing staged')
    }
  })

  it('should claim no confirmed share when the attempt ends before', () => {
    const net = run({ silent: [2] })
    for (const node of net.honest) expect(node.aborted?.confirmed).toBeUndefined()
  })

  const net = run({ n: 3, seed: 20 })
  const one = finished(net)[0] as KeygenResult
  const about = {
    members: net.params.members,
    transcript: one.transcript,
    aggregateKey: aggregatePublicKey(one.key.public),
  }
  const verify = (a = about, certificate = one.certificate, open = net.openEnvelope) =>
    verifyCertificate(a, certificate, open)

  it('should be verifiable by anyone, from every member', () => {
    for (const r of finished(net)) expect(verify(about, r.certificate)).toBe(true)
  })
  it('should not hold for another transcript', () => {
    expect(verify({ ...about, transcript: '11'.repeat(32) as TranscriptHash })).toBe(false)
  })
  it('should not hold for another key', () => {
    expect(verify({ ...about, aggregateKey: `02${'11'.repeat(32)}` as PublicKey })).toBe(false)
  })
  it('should not hold for fewer, more or other members', () => {
    const [a, b, c] = about.members as [PublicKey, PublicKey, PublicKey]
    expect(verify({ ...about, members: [a, b] })).toBe(false)
    expect(verify({ ...about, members: [a, b, c, c] })).toBe(false)
    expect(verify({ ...about, members: [a, b, b] })).toBe(false)
    expect(verify({ ...about, members: [] })).toBe(false)
    expect(verify({ ...about, members: [] }, encodeCertificate([]))).toBe(false)
  })
  it('should not hold with a signature that does not verify', () => {
    let asked = 0
    expect(verify(about, one.certificate, (wire) => (asked++ === 1 ? undefined : net.openEnvelope(wire)))).toBe(false)
  })
  it('should not hold with an envelope of another step', () => {
    expect(
      verify(about, one.certificate, (wire) => {
        const m = net.openEnvelope(wire)
        return m && { ...m, step: 'trial' }
      }),
    ).toBe(false)
  })
  it('should not hold when malformed', () => {
    expect(verify(about, new Uint8Array())).toBe(false)
    expect(verify(about, new Uint8Array(10).fill(255))).toBe(false)
    expect(verify(about, one.certificate.subarray(1))).toBe(false)
    expect(verify(about, Uint8Array.of(...one.certificate, 0x12, 0))).toBe(false)
  })
})

describe('R22: the trial signature', () => {
  it('should sign a digest of pending id, transcript and epoch, with everyone’s share', () => {
    const net = run({ n: 4, threshold: 2 })
    for (const r of finished(net)) {
      expect(toHex(r.trialDigest)).toBe(toHex(trialDigestOf(net.params.pendingId, r.transcript, 0)))
      expect(toHex(r.trialDigest)).not.toBe(toHex(trialDigestOf(net.params.pendingId, r.transcript, 1)))
    }
    for (const node of net.nodes)
      expect(
        new Set(net.gossiped.filter((m) => m.step === 'trial' && m.author === node.self).map((m) => toHex(m.payload)))
          .size,
      ).toBe(1)
  })
})

describe('what is said', () => {
  it('should hold no share and no secret in anything gossiped', () => {
    const net = run({ n: 4, threshold: 3, seed: 11 })
    const secrets = finished(net).map((r) => toHex(r.key.signingShare))
    const gossip = net.gossiped.map((m) => toHex(m.payload)).join(' ')
    for (const s of secrets) expect(gossip).not.toContain(s)
    expect(net.gossiped.some((m) => m.step === 'share')).toBe(false)
    // A dealt share is hidden even in what goes to its receiver alone.
    const boxes = net.said.filter((m) => m.step === 'share').map((m) => toHex(m.payload))
    expect(boxes.length).toBeGreaterThanOrEqual(12)
    for (const s of secrets) for (const box of boxes) expect(box).not.toContain(s)
  })

  it('should never change on a resend (R14)', () => {
    const net = run({ n: 3, seed: 5, loss: 0.4 })
    const slots = new Map<string, Set<string>>()
    for (const m of net.said) {
      const to = m.step === 'share' ? toHex(m.payload.subarray(2, 35)) : ''
      const slot = `${m.author} ${m.step} ${to}`
      slots.set(slot, (slots.get(slot) ?? new Set()).add(toHex(m.payload)))
    }
    expect(net.said.length).toBeGreaterThan(slots.size)
    for (const [slot, payloads] of slots) expect(payloads.size, slot).toBe(1)
  })

  it('should fit the limits of gossip and of direct messages, at 128 members', () => {
    const commitments = LIMITS.maxSigners * (33 + 2)
    const hashes = (LIMITS.maxSigners - 1) * (32 + 2)
    expect(commitments + hashes + 66).toBeLessThan(12 * 1024)
    expect(12 * 1024).toBeLessThan(LIMITS.maxGossipBytes)
  })
})
