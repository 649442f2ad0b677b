import { describe, expect, it } from 'vitest'
import { LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import { randomBytes } from '../../../../src/curve/index.ts'
import { encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { FIRST_TURN, type KeygenEffect, newKeygen, parseStep, stepName } from '../../../../src/rounds/keygen/index.ts'
import { RESTARTS_AT_ONCE } from '../../../../src/rounds/keygen/receive.ts'
import { RESEND_MAX_MS } from '../../../../src/rounds/keygen/state.ts'
import { contentOf } from './cheats.ts'
import { type Cheat, Network, type NetworkInit, reasonOf, type SimNode, type Words } from './harness.ts'

const BAD = 2
const made = (cheat: Cheat, init: Partial<NetworkInit> = {}): Network =>
  new Network({ n: 4, threshold: 3, seed: 1, cheats: { [BAD]: cheat }, ...init })
const run = (...of: Parameters<typeof made>): Network => made(...of).run()
const honestIn = (net: Network): readonly SimNode[] => net.nodes.filter((n) => n.index !== BAD)
const memberAt = (net: Network, index: number): PublicKey => net.nodes[index]?.self as PublicKey
const isFinished = (net: Network): boolean => honestIn(net).every((n) => n.result !== undefined)
const isOfTurn = ({ step }: { readonly step: string }): boolean => (parseStep(step)?.turn ?? FIRST_TURN) !== FIRST_TURN
/** The later turns that a node said anything in. */
const turnsOf = (net: Network, { self }: SimNode): readonly string[] => [
  ...new Set(net.gossiped.filter((m) => m.author === self && isOfTurn(m)).map((m) => parseStep(m.step)?.turn ?? '')),
]

/** R16, R25: no slot holds two payloads, no commitment stands in two slots, and no share over two packages in one. */
function expectNoNonceTwice(net: Network): void {
  for (const { self } of honestIn(net)) {
    const own = net.said.filter((m) => m.author === self)
    const slots = new Map<string, string>()
    const points = new Map<string, string>()
    for (const { step, payload, boot } of own) {
      const slot = `${boot} ${step}`
      if (step === 'share') continue
      expect(slots.get(slot) ?? toHex(payload), slot).toBe(toHex(payload))
      slots.set(slot, toHex(payload))
      const named = parseStep(step)?.step
      if (named !== 'confirm' && named !== 'commit') continue
      const point = toHex(contentOf(named, payload).commitment.hiding)
      expect(points.get(point) ?? slot).toBe(slot)
      points.set(point, slot)
    }
    const shares = own
      .filter((m) => parseStep(m.step)?.step === 'trial')
      .map((m) => [m.step, toHex(m.payload)] as const)
    expect(new Set(shares.map(([, share]) => share)).size).toBe(new Set(shares.map(([step]) => step)).size)
  }
}

/** Whenever this member would say its trial share it restarts instead, so many times. */
function restarting(times: number, net: () => Network): Cheat {
  let boot = 50_000
  let left = times
  let isDue = false
  return (words, node) => {
    const tries = words.some((w) => parseStep(w.step)?.step === 'trial')
    if (left > 0 && tries && !isDue) {
      isDue = true
      return words.filter((w) => parseStep(w.step)?.step !== 'trial').map((w) => (boot === 50_000 ? w : { boot, ...w }))
    }
    if (isDue) {
      isDue = false
      left--
      boot++
      const staged = node.effects.find((e) => e.kind === 'persist')
      if (staged?.kind !== 'persist') throw new Error('nothing staged')
      node.state = newKeygen(node.state.params)
      node.timers.clear()
      node.result = undefined
      const { transcript, key } = staged
      net().dispatch(node, { kind: 'resume', transcript, key, certified: true })
      return []
    }
    return boot === 50_000 ? words : words.map((w) => ({ boot, ...w }))
  }
}

function runRestarting(times: number, init: Partial<NetworkInit> = {}): Network {
  const net: Network = made(
    restarting(times, () => net),
    init,
  )
  return net.run()
}

describe('a member that names turns of the trial', () => {
  /** Beside its own words, and again and again. */
  const naming = (...names: readonly string[]): Cheat => {
    let made: readonly Words[] | undefined
    return (words, node) => {
      const confirm = node.state.said.confirm
      made ??= confirm && names.map((name) => ({ step: name, payload: payloadOf(name, confirm) }))
      return words.length === 0 || made === undefined ? words : [...made, ...words]
    }
  }
  const payloadOf = (name: string, confirm: Uint8Array): Uint8Array =>
    parseStep(name)?.step === 'trial'
      ? encodeKeygen('trial', { share: randomBytes(32), packageHash: randomBytes(32) })
      : confirm

  it('should move nobody, however many it names', () => {
    const names = Array.from({ length: 50 }, () => Buffer.from(randomBytes(18)).toString('base64url'))
    const net = run(naming(...names.flatMap((turn) => [stepName('commit', turn), stepName('trial', turn)])))
    expect(isFinished(net)).toBe(true)
    for (const node of honestIn(net)) {
      expect(turnsOf(net, node)).toEqual([])
      expect(node.state.ahead.size).toBeLessThanOrEqual(2)
    }
    expectNoNonceTwice(net)
  })

  it('should move nobody by the numbers that turns had once', () => {
    const net = run(naming('commit/32', 'trial/32', 'commit/1'))
    expect(isFinished(net)).toBe(true)
    for (const node of honestIn(net)) expect(turnsOf(net, node)).toEqual([])
  })

  it('should be named for what nobody can read, in whatever turn', () => {
    const name = stepName('commit', Buffer.from(randomBytes(18)).toString('base64url'))
    const payload = randomBytes(9)
    const net = run((words, node) =>
      node.state.said.confirm === undefined || words.length === 0 ? words : [...words, { step: name, payload }],
    )
    for (const node of honestIn(net)) {
      const reason = reasonOf(node)
      expect(reason?.kind === 'fault' || reason?.kind === 'complaint').toBe(true)
      if (reason?.kind === 'fault')
        expect(reason.faults.map((f) => [f.member, f.code])).toEqual([[memberAt(net, BAD), 'malformed']])
    }
  })
})

describe('a member that restarts in the trial', () => {
  for (const times of [1, RESTARTS_AT_ONCE, 50])
    it(`should end no attempt, and be in the key when it stays, ${times} times`, () => {
      const net = runRestarting(times, { endMs: 20 * 60_000 })
      for (const node of net.nodes) expect([node.index, node.aborted]).toEqual([node.index, undefined])
      expect(isFinished(net)).toBe(true)
      expect(net.nodes[BAD]?.result).toBeDefined()
      for (const node of honestIn(net)) expect(turnsOf(net, node).length).toBeLessThanOrEqual(times + 1)
      expectNoNonceTwice(net)
    })

  it('should come to one turn with all others, whatever they missed and in whatever order they heard it', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const net = runRestarting(3, { seed, loss: 0.3, duplication: 0.2, endMs: 10 * 60_000 })
      expect(isFinished(net)).toBe(true)
      expectNoNonceTwice(net)
    }
  })

  it('should make the others commit anew at most once per resend, however fast it restarts', () => {
    // It has staged the key, and says so in a thousand lives, one as fast as the other.
    const net = run((words) => words.filter((w) => parseStep(w.step)?.step !== 'trial'), { endMs: 10_000 })
    const bad = net.nodes[BAD] as SimNode
    const node = net.nodes[0] as SimNode
    expect(node.state.phase.kind).toBe('trying')
    const confirm = net.said.find((m) => m.author === bad.self && m.step === 'confirm')
    if (confirm === undefined) throw new Error('not confirmed')
    const before = node.effects.length
    for (let boot = 60_000; boot < 61_000; boot++) net.dispatch(node, { ...confirm, boot })
    const commits = () => node.effects.slice(before).filter((e) => e.kind === 'publish' && isOfTurn(e.utterance))
    expect(commits().length).toBeLessThanOrEqual(RESTARTS_AT_ONCE + 1)
    const atOnce = commits().length
    net.dispatch(node, { kind: 'timer', name: 'resend' })
    // What it said before again, and the commitment of one more turn.
    expect(
      new Set(
        commits()
          .slice(atOnce)
          .map((e) => (e.kind === 'publish' ? e.utterance.step : '')),
      ).size,
    ).toBe(2)
    expect(node.aborted).toBeUndefined()
  })

  it('should be told to the operator, and nobody else with it', () => {
    // For ever, and never as long as a step takes.
    const net = runRestarting(Number.POSITIVE_INFINITY, { endMs: 3 * LIMITS.keygenStepTimeoutMs })
    for (const node of honestIn(net)) {
      expect(node.aborted).toBeUndefined()
      const late = node.effects.filter((e): e is Extract<KeygenEffect, { kind: 'late' }> => e.kind === 'late')
      expect(late.length).toBeGreaterThan(0)
      for (const { missing, restarts } of late) {
        expect(missing).toEqual([])
        expect(restarts?.map((r) => r.member)).toEqual([memberAt(net, BAD)])
      }
      expect(late.at(-1)?.restarts?.[0]?.times).toBeGreaterThan(RESTARTS_AT_ONCE)
      // Its own words about it cost a message in each resend, not one for each of its lives.
      expect(turnsOf(net, node).length).toBeLessThanOrEqual(
        RESTARTS_AT_ONCE + 2 + (3 * LIMITS.keygenStepTimeoutMs) / (RESEND_MAX_MS / 4),
      )
    }
    expectNoNonceTwice(net)
  })

  it('R16: should be taken back to no earlier life by what is said again of it', () => {
    // A trial in the middle, and all that was said in it once more.
    const again = runRestarting(Number.POSITIVE_INFINITY, { endMs: 9_000 })
    const one = again.nodes[0] as SimNode
    expect(one.state.phase.kind).toBe('trying')
    const { turn } = one.state
    const said = [...again.said].filter((m) => m.author === memberAt(again, BAD))
    const last = Math.max(...said.map((m) => m.boot))
    const before = one.effects.length
    for (const m of said) if (m.boot < last) again.dispatch(one, m)
    expect(one.state.turn).toBe(turn)
    expect(one.effects.slice(before)).toEqual([])
  })
})

describe('a trial share of another package in a later turn', () => {
  it('should be waited for, and its author told to the operator alone', () => {
    const lies = new Map<string, Uint8Array>()
    const lie: Cheat = (words) =>
      words.map((w) => {
        if (parseStep(w.step)?.step !== 'trial') return w
        const payload =
          lies.get(w.step) ?? encodeKeygen('trial', { ...contentOf('trial', w.payload), packageHash: randomBytes(32) })
        lies.set(w.step, payload)
        return { ...w, payload }
      })
    const net: Network = made(lie, { endMs: 100_000, cheats: { 1: restarting(1, () => net), [BAD]: lie } })
    net.run()
    for (const node of honestIn(net)) {
      expect(node.aborted).toBeUndefined()
      // That of the first lives, because the packages differ, and that of the other life; no more, however often it lies.
      expect(turnsOf(net, node).length).toBeLessThanOrEqual(2)
      const late = node.effects.filter((e) => e.kind === 'late').at(-1)
      expect(late).toEqual({ kind: 'late', step: 'trial', missing: [memberAt(net, BAD)] })
    }
  })
})
