import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, LIMITS, type PublicKey, type TranscriptHash, toHex } from '../../../../src/base/index.ts'
import { curve, KeyPair, randomBytes } from '../../../../src/curve/index.ts'
import {
  disposeKeygen,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenState,
  keygenStep,
  newKeygen,
  parseStep,
} from '../../../../src/rounds/keygen/index.ts'
import { Network, type SimNode } from './harness.ts'

/** A network that has not begun, and its first member. */
const fresh = () => {
  const net = new Network({ n: 3, threshold: 2, seed: 3 })
  const [node, other, third] = net.nodes as [SimNode, SimNode, SimNode]
  return { net, node, other, third }
}
const kinds = (effects: readonly KeygenEffect[]) =>
  effects.map((e) => (e.kind === 'publish' ? e.utterance.step : e.kind))
const armed = (effects: readonly KeygenEffect[], name: string) =>
  effects.flatMap((e) => (e.kind === 'arm' && e.name === name ? [e.delayMs] : []))
const openOf = (node: SimNode): KeygenEvent => {
  const said = keygenStep(node.state, { kind: 'start' }).effects.find((e) => e.kind === 'publish')
  if (said === undefined) throw new Error('nothing said')
  const { step, payload } = said.utterance
  return { kind: 'message', author: node.self, boot: 1, step, payload, wire: randomBytes(8) }
}

describe('keygenStep', () => {
  it('should say its opening, with a deadline and a first resend', () => {
    const { node } = fresh()
    const { effects } = keygenStep(node.state, { kind: 'start' })
    expect(kinds(effects)).toEqual(['open', 'arm', 'arm'])
    expect(armed(effects, 'step')).toEqual([LIMITS.keygenStepTimeoutMs])
    expect(armed(effects, 'resend')).toEqual([1_000])
  })

  it('should name round and attempt in everything it says', () => {
    const { node, net } = fresh()
    const [said] = keygenStep(node.state, { kind: 'start' }).effects
    expect(said).toMatchObject({ utterance: { round: net.params.pendingId, attempt: 1, step: 'open' } })
  })

  it('should start once', () => {
    const { node } = fresh()
    const started = keygenStep(node.state, { kind: 'start' }).state
    expect(keygenStep(started, { kind: 'start' })).toEqual({ state: started, effects: [] })
  })

  it('should keep what came before its start', () => {
    const { node, other, third } = fresh()
    let state = node.state
    for (const early of [other, third]) state = keygenStep(state, openOf(early)).state
    const { effects } = keygenStep(state, { kind: 'start' })
    expect(kinds(effects).filter((k) => k !== 'arm')).toEqual(['open', 'deal', 'send', 'send'])
  })

  it('should leave the state it was given as it was', () => {
    const { node, other } = fresh()
    const started = keygenStep(node.state, { kind: 'start' }).state
    const before = JSON.stringify(started, render)
    keygenStep(started, openOf(other))
    expect(JSON.stringify(started, render)).toBe(before)
  })

  it('should resend after 1, 2, 4 and again 4 seconds, the same opening', () => {
    const { node } = fresh()
    let { state, effects } = keygenStep(node.state, { kind: 'start' })
    const [first] = effects
    const delays: number[] = []
    for (let i = 0; i < 4; i++) {
      const next = keygenStep(state, { kind: 'timer', name: 'resend' })
      state = next.state
      effects = next.effects
      expect(effects[0]).toEqual(first)
      delays.push(...armed(effects, 'resend'))
    }
    expect(delays).toEqual([2_000, 4_000, 4_000, 4_000])
  })

  it('should not resend an opening that everyone answered', () => {
    const net = new Network({ n: 3, threshold: 2, seed: 4, persists: () => false })
    net.run()
    const late = net.said.filter((m) => m.step === 'open')
    expect(late).toHaveLength(3)
  })

  it('should stop resending shares to those who confirmed', () => {
    const net = new Network({ n: 3, threshold: 2, seed: 6, persists: (n) => n.index !== 2 }).run()
    const [a, , c] = net.nodes as [SimNode, SimNode, SimNode]
    const to = (receiver: SimNode) => a.effects.filter((e) => e.kind === 'send' && e.to === receiver.self).length
    expect(to(c)).toBeGreaterThan(to(net.nodes[1] as SimNode))
  })
})

describe('R20: a disk that fails', () => {
  it('R20: should end an attempt that waits for it, with its error, and no other', () => {
    const net = new Network({ n: 3, threshold: 2, seed: 6, persists: (n) => n.index !== 0, endMs: 1_000 }).run()
    const [full, fine] = net.nodes as [SimNode, SimNode]
    const staged = full.effects.find((e) => e.kind === 'persist')
    if (staged?.kind !== 'persist' || full.state.phase.kind !== 'persisting') throw new Error('nothing is being stored')
    const { transcript } = staged
    const error = new Error('ENOSPC')
    const failed = { kind: 'not_persisted', transcript, error } as const
    const other = { ...failed, transcript: '00'.repeat(32) as TranscriptHash }
    expect(keygenStep(full.state, other).effects).toEqual([])
    expect(keygenStep(full.state, failed).effects).toContainEqual({
      ...{ kind: 'aborted', reason: { kind: 'disk', error } },
      ...{ confirmed: undefined, certified: false },
    })
    // Stored, and confirmed, in the meantime.
    expect(keygenStep(fine.state, failed).effects).toEqual([])
  })
})

describe('a message', () => {
  it('should be dropped from somebody who is no member', () => {
    const { node, other } = fresh()
    const foreign = { ...openOf(other), author: KeyPair.generate().publicKey } as KeygenEvent
    expect(keygenStep(node.state, foreign)).toEqual({ state: node.state, effects: [] })
  })

  it('should be dropped if it says to come from this node itself', () => {
    const { node } = fresh()
    expect(keygenStep(node.state, openOf(node))).toEqual({ state: node.state, effects: [] })
  })

  it('should be dropped if its step is none of keygen', () => {
    const { node, other } = fresh()
    for (const step of [
      '',
      'approve',
      'toString',
      '__proto__',
      'OPEN',
      'commit',
      'commit/1',
      'commit/',
      `open/${'A'.repeat(24)}`,
      `trial/${'A'.repeat(23)}`,
      `trial/${'A'.repeat(25)}`,
      `trial/${'A'.repeat(23)}=`,
      `trial/${'A'.repeat(24)}\n`,
    ]) {
      expect(parseStep(step)).toBeUndefined()
      const event = { ...openOf(other), step } as KeygenEvent
      expect(keygenStep(node.state, event).effects).toEqual([])
    }
  })

  it('should change nothing when it comes again', () => {
    const { node, other } = fresh()
    const event = openOf(other)
    const { state } = keygenStep(node.state, event)
    const again = keygenStep(state, { ...event, wire: randomBytes(8) } as KeygenEvent)
    expect(again.effects).toEqual([])
    expect(again.state.inbox).toEqual(state.inbox)
  })

  it('should take one place at most, whatever a member sends (R14)', () => {
    const { node, other } = fresh()
    let state: KeygenState = node.state
    for (let i = 0; i < 20; i++)
      state = keygenStep(state, { ...openOf(other), payload: randomBytes(1 + i) } as KeygenEvent).state
    expect([...state.inbox.open.values()].length).toBeLessThanOrEqual(1)
  })

  it('R18: a share sealed for another member should be ignored, so that nobody can be framed by showing it around', () => {
    const net = new Network({ n: 3, threshold: 2, seed: 5 }).run()
    const [a, b, c] = net.nodes as [SimNode, SimNode, SimNode]
    const forB = net.said.find((m) => m.step === 'share' && m.author === a.self && containsKey(m.payload, b.self))
    if (forB === undefined) throw new Error('not dealt')
    const second = fresh().net
    const start = newKeygen({ ...second.params, pendingId: net.params.pendingId, self: c.self })
    const { state, effects } = keygenStep(start, forB)
    expect(effects).toEqual([])
    expect(state.inbox.share.size).toBe(0)
  })

  it('R18: an opening of another attempt should be refused', () => {
    const { net, node, other } = fresh()
    const elsewhere = newKeygen({ ...net.params, attempt: 2, self: other.self })
    const said = keygenStep(elsewhere, { kind: 'start' }).effects[0]
    if (said?.kind !== 'publish') throw new Error('nothing said')
    const { effects } = keygenStep(node.state, { ...openOf(other), payload: said.utterance.payload } as KeygenEvent)
    expect(effects.at(-1)).toMatchObject({
      kind: 'aborted',
      reason: { kind: 'fault', faults: [{ member: other.self, code: 'bad_ephemeral_proof' }] },
    })
  })

  it('should never make the machine throw, whatever its bytes (fuzz)', () => {
    const { node, other } = fresh()
    const started = keygenStep(node.state, { kind: 'start' }).state
    for (const step of ['open', 'deal', 'share', 'confirm', 'trial', 'complaint'])
      for (const payload of [
        new Uint8Array(),
        randomBytes(1),
        randomBytes(98),
        randomBytes(20_000),
        concatBytes(randomBytes(500)),
      ]) {
        const { effects } = keygenStep(started, {
          kind: 'message',
          author: other.self,
          boot: 1,
          step,
          payload,
          wire: payload,
        })
        const last = effects.at(-1)
        if (last === undefined) continue
        expect(last).toMatchObject({ kind: 'aborted', reason: { kind: 'fault' } })
      }
  })
})

describe('the key that can’t be', () => {
  it('should end the attempt without blame where the dealings cancel out', () => {
    // All three dealers together bring the top coefficient to zero: the threshold would be one less than agreed.
    const one = toHex(curve.randomScalar())
    const two = toHex(curve.randomScalar())
    const three = toHex(curve.negateScalar(curve.addScalars(fromHex(one), fromHex(two))))
    const rngs = Object.fromEntries(
      [one, two, three].map((top, i) => [i, coefficients(toHex(curve.randomScalar()), top)]),
    )
    const net = new Network({ n: 3, threshold: 2, seed: 7, rngs }).run()
    for (const node of net.nodes) expect(node.aborted?.reason).toEqual({ kind: 'unusable_key', vanishing: [] })
  })
})

describe('a disk that does not answer', () => {
  it('should end the attempt in time, as this node’s own fault', () => {
    const net = new Network({ n: 3, threshold: 2, seed: 9, persists: (n) => n.index !== 1 }).run()
    expect(net.nodes[1]?.aborted).toMatchObject({ reason: { kind: 'internal' }, confirmed: undefined })
    // They have confirmed, so they stay until it says that it will not (R20).
    for (const i of [0, 2]) {
      expect(net.nodes[i]?.aborted).toBeUndefined()
      expect(net.nodes[i]?.effects).toContainEqual({ kind: 'late', step: 'confirm', missing: [net.nodes[1]?.self] })
    }
  })
})

describe('disposeKeygen', () => {
  it('should leave nothing that could go on dealing', () => {
    const { node, other, third } = fresh()
    const started = keygenStep(node.state, { kind: 'start' }).state
    disposeKeygen(started)
    let state = started
    for (const m of [other, third]) state = keygenStep(state, openOf(m)).state
    if (state.phase.kind !== 'dealing') throw new Error('expected to deal')
    disposeKeygen(state)
    const { receiverKey, dealer } = state.phase
    expect(() => receiverKey.sharedPoint(curve.publicKeyOf(curve.randomScalar()))).toThrow()
    expect(() => dealer.shareFor('01'.padStart(64, '0'))).toThrow('destroyed')
  })
})

describe('newKeygen', () => {
  const { params } = new Network({ n: 3, threshold: 2, seed: 1 })
  const self = params.members[0] as PublicKey
  const refused = (change: Partial<Parameters<typeof newKeygen>[0]>) =>
    expect(() => newKeygen({ ...params, self, ...change })).toThrow(TypeError)

  it('should refuse a node that is no member', () => refused({ self: KeyPair.generate().publicKey }))
  it('should refuse members out of order', () => refused({ members: params.members.toReversed() }))
  it('should refuse a member twice', () => refused({ members: [self, ...params.members] }))
  it('should refuse a single member', () => refused({ members: [self] }))
  it('should refuse a threshold of one', () => refused({ threshold: 1 }))
  it('should refuse a threshold beyond the members', () => refused({ threshold: 4 }))
  it('should refuse a broken threshold', () => refused({ threshold: 2.5 }))
  it('should refuse a negative attempt', () => refused({ attempt: -1 }))
})

const render = (_: string, v: unknown) => (v instanceof Map || v instanceof Set ? [...v] : v)
const containsKey = (payload: Uint8Array, key: PublicKey): boolean => toHex(payload).includes(key)
/** A coefficient is drawn as 48 bytes modulo the order. Everything else draws 32. */
function coefficients(...scalars: readonly string[]): (lengthBytes?: number) => Uint8Array {
  const queue = scalars.map((s) => fromHex(s.padStart(96, '0')))
  return (lengthBytes = 32) => (lengthBytes === 48 ? queue.shift() : undefined) ?? randomBytes(lengthBytes)
}
