import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../../../../src/base/index.ts'
import { commitNonces } from '../../../../src/crypto/index.ts'
import { curve, randomBytes } from '../../../../src/curve/index.ts'
import {
  type EvidenceRecord,
  judge,
  recordOfComplaint,
  recordOfFault,
  type Where,
} from '../../../../src/rounds/evidence/index.ts'
import { encodeKeygen } from '../../../../src/rounds/keygen/codec.ts'
import { confirmationOf } from '../../../../src/rounds/keygen/confirm.ts'
import { FIRST_TURN, newKeygen, parseStep, stepName } from '../../../../src/rounds/keygen/index.ts'
import { contentOf, plusOne } from '../keygen/cheats.ts'
import {
  type Cheat,
  CONTRACT,
  NETWORK,
  Network,
  type NetworkInit,
  reasonOf,
  type SimNode,
  type Words,
} from '../keygen/harness.ts'

const CHEATER = 2
const RESTARTER = 1

interface Run {
  readonly cheat?: Cheat
  /** How often a member is killed before it says its trial share, the last of all, and comes back with what it staged. */
  readonly restarts?: number
  readonly seed?: number
}
function run({ cheat, restarts = 0, seed = 1 }: Run = {}): Network {
  const cheats = { [RESTARTER]: restarting(restarts, () => net), ...(cheat && { [CHEATER]: cheat }) }
  const net: Network = new Network({ n: 4, threshold: 3, seed, sealed: true, endMs: 20_000, cheats })
  return net.run()
}
function restarting(times: number, net: () => Network): Cheat {
  let boot: number | undefined
  let left = times
  return (words, node) => {
    if (left > 0 && node.state.phase.kind === 'done') {
      left--
      boot = (boot ?? 50_000) + 1
      const { key, transcript } = stagedBy(node)
      node.state = newKeygen(node.state.params)
      node.timers.clear()
      node.result = undefined
      net().dispatch(node, { kind: 'resume', transcript, key, certified: true })
      return []
    }
    const said = left > 0 ? words.filter((w) => parseStep(w.step)?.step !== 'trial') : words
    return said.map((w) => (boot === undefined ? w : { boot, ...w }))
  }
}
const honestIn = (net: Network) => net.nodes.filter((n) => n.index !== CHEATER)
const memberAt = (net: Network, index: number): PublicKey => net.nodes[index]?.self as PublicKey
const whereOf = (net: Network): Where => ({
  network: NETWORK,
  contract: CONTRACT,
  scope: { kind: 'pending', ...net.pending },
})
const guiltOf = (record: EvidenceRecord | undefined) => {
  const judged = record && judge(record)
  return judged?.ok ? [judged.guilt.member, judged.guilt.code] : judged?.reason
}
/** What each honest node found by itself. */
const foundIn = (net: Network) =>
  honestIn(net).flatMap((node) => {
    const reason = reasonOf(node)
    return reason?.kind === 'fault' ? reason.faults.map((f) => recordOfFault(whereOf(net), f)) : []
  })
/** What the complaints of honest members prove to somebody who only heard them. */
const complainedIn = (net: Network) =>
  net.gossiped
    .filter((m) => m.step === 'complaint' && honestIn(net).some((n) => n.self === m.author))
    .map((m) =>
      recordOfComplaint(whereOf(net), {
        kind: 'complaint',
        by: m.author,
        wire: m.wire,
        ...contentOf('complaint', m.payload),
      }),
    )

/** The later turns of a run in their order, by name. */
const turnsIn = (net: Network): readonly string[] => [
  ...new Set(net.gossiped.map((m) => parseStep(m.step)?.turn ?? FIRST_TURN).filter((turn) => turn !== FIRST_TURN)),
]
const turnAt = (net: Network, turn: number): string => (turn === 0 ? FIRST_TURN : (turnsIn(net)[turn - 1] ?? 'none'))

/** The same lie on every resend; `make` undefined: the honest word. `turn` counts those that this node has come to. */
function lying(make: (w: Words, step: string, turn: number, node: SimNode) => Uint8Array | undefined): Cheat {
  const lies = new Map<string, Uint8Array>()
  const turns = [FIRST_TURN]
  return (words, node) =>
    words.map((w) => {
      const { step, turn: name } = parseStep(w.step) ?? { step: '', turn: FIRST_TURN }
      if (!turns.includes(name)) turns.push(name)
      const turn = turns.indexOf(name)
      const payload = lies.get(w.step) ?? make(w, step, turn, node)
      if (payload === undefined) return w
      lies.set(w.step, payload)
      return { ...w, payload }
    })
}
const badTrialIn = (last: number): Cheat =>
  lying((w, step, turn) => {
    if (step !== 'trial' || turn !== last) return undefined
    const { share, packageHash } = contentOf('trial', w.payload)
    return encodeKeygen('trial', { share: plusOne(share), packageHash })
  })

describe('R22, R26: a wrong trial share in a later turn', () => {
  for (const turn of [1, 2, 3])
    it(`should be proven to its author, in turn ${turn}, by all who saw it`, () => {
      const net = run({ cheat: badTrialIn(turn), restarts: turn })
      expect(net.gossiped.map((m) => m.step)).toContain(stepName('trial', turnAt(net, turn)))
      const found = foundIn(net)
      expect(found.length).toBeGreaterThan(0)
      for (const record of found) expect(guiltOf(record)).toEqual([memberAt(net, CHEATER), 'bad_trial_share'])
    })

  it('should be proven by an honest complaint, which never convicts who complains', () => {
    for (const seed of [1, 2, 3, 4]) {
      const net = run({ cheat: badTrialIn(2), restarts: 2, seed })
      const told = complainedIn(net)
      expect(told.length).toBeGreaterThan(0)
      for (const record of told) expect(guiltOf(record)).toEqual([memberAt(net, CHEATER), 'bad_trial_share'])
    }
  })

  it('should be no fault beside another turn’s commitments, and none where it is right', () => {
    const net = run({ restarts: 2 })
    const { commitments } = stagedBy(net.nodes[0]).key.public
    expect(net.nodes.every((n) => n.result !== undefined)).toBe(true)
    const wireOf = (member: PublicKey, step: string) =>
      net.said.find((m) => m.author === member && m.step === step)?.wire as Uint8Array
    const packageOf = (step: string) => net.params.members.map((m) => wireOf(m, step))
    const guilty = memberAt(net, 0)
    const record = (trial: string, ...from: readonly string[]): EvidenceRecord => ({
      ...{ ...whereOf(net), code: 'bad_trial_share', guilty, commitments },
      wires: [wireOf(guilty, trial), ...from.flatMap(packageOf)],
    })
    expect(guiltOf(record('trial', 'confirm'))).toBe('no_fault')
    const [commit1, commit2] = [1, 2].map((turn) => stepName('commit', turnAt(net, turn))) as [string, string]
    const [trial1, trial2] = [1, 2].map((turn) => stepName('trial', turnAt(net, turn))) as [string, string]
    expect(guiltOf(record(trial1, commit1))).toBe('no_fault')
    expect(guiltOf(record(trial2, commit2))).toBe('no_fault')
    for (const [trial, from] of [
      ['trial', commit1],
      [trial1, 'confirm'],
      [trial1, commit2],
      [trial2, commit1],
    ] as const)
      expect(guiltOf(record(trial, from)), `${trial} ${from}`).toBe('wrong_wires')
    expect(guiltOf(record(trial1, commit1, commit2))).toBe('wrong_wires')
    // Somebody shows another commitment of its own for that turn.
    const node = net.nodes[3] as SimNode
    const said = net.said.find((m) => m.author === node.self && m.step === commit1)
    const { hiding, binding } = contentOf('commit', said?.payload as Uint8Array).commitment
    const swapped = {
      ...contentOf('commit', said?.payload as Uint8Array),
      commitment: { hiding: binding, binding: hiding },
    }
    net.say(node, { step: commit1, payload: encodeKeygen('commit', swapped) })
    const wires = packageOf(commit1).map((w, i) => (i === 3 ? (net.said.at(-1)?.wire as Uint8Array) : w))
    expect(guiltOf({ ...record(trial1), wires: [wireOf(guilty, trial1), ...wires] })).toBe('unbound')
    // Of each author one, and of all.
    expect(guiltOf({ ...record(trial1), wires: [wireOf(guilty, trial1), ...wires.slice(1)] })).toBe('wrong_wires')
  })
})

describe('a member that names another key beside a transcript that all confirmed', () => {
  const naming = (change: 'commitmentsHash' | 'aggregateKey', value: unknown) =>
    lying((w, step, turn) => {
      if (step === 'commit') return encodeKeygen('commit', { ...contentOf('commit', w.payload), [change]: value })
      if (step === 'trial' && turn === 1)
        return encodeKeygen('trial', { ...contentOf('trial', w.payload), share: randomBytes(32) })
      return undefined
    })
  for (const change of ['commitmentsHash', 'aggregateKey'] as const)
    it(`should be named for its ${change}, and nobody be convicted for the complaint`, () => {
      const value = change === 'aggregateKey' ? `02${memberAt(run(), 0).slice(2)}` : Uint8Array.from(randomBytes(32))
      const net = run({ cheat: naming(change, value), restarts: 1 })
      for (const node of net.honest) {
        // Whoever restarted, and is left out here, may still wait for confirms that nobody says any more.
        expect(node.result).toBeUndefined()
        const reason = reasonOf(node)
        if (reason?.kind !== 'fault') throw new Error('expected a fault')
        expect(reason.faults.map((f) => [f.member, f.code])).toEqual([[memberAt(net, CHEATER), 'transcript_mismatch']])
      }
      expect(complainedIn(net)).not.toEqual([])
      expect(complainedIn(net).filter((r) => r !== undefined)).toEqual([])
    })

  it('should be named if it does so only after a restart', () => {
    // Honest in its first life; its second one confirms the same transcript with another polynomial.
    const net = run({ cheat: (words) => words.filter((w) => !w.step.startsWith('trial')) })
    const node = net.nodes[0] as SimNode
    const cheater = net.nodes[CHEATER] as SimNode
    expect(node.state.certified).toBe(true)
    const payload = net.said.find((m) => m.author === cheater.self && m.step === 'confirm')?.payload as Uint8Array
    const confirm = { ...contentOf('confirm', payload), commitmentsHash: randomBytes(32) }
    hear(net, node, cheater, { step: 'confirm', payload: encodeKeygen('confirm', confirm), boot: 77_777 })
    const reason = reasonOf(node)
    if (reason?.kind !== 'fault') throw new Error('expected a fault')
    expect(reason.faults.map((f) => [f.member, f.code])).toEqual([[cheater.self, 'transcript_mismatch']])
  })
})

describe('R16: two payloads in one slot of a turn', () => {
  const twice =
    (step: 'commit'): Cheat =>
    (words) =>
      words.flatMap((w) => {
        if (parseStep(w.step)?.step !== step) return [w]
        const value = contentOf('commit', w.payload)
        const { hiding, binding } = value.commitment
        const other = { ...value, commitment: { hiding: binding, binding: hiding } }
        return [w, { ...w, payload: encodeKeygen('commit', other) }]
      })
  it('should be equivocation', () => {
    const net = run({ cheat: twice('commit'), restarts: 1 })
    const records = [...foundIn(net), ...complainedIn(net)]
    expect(records.length).toBeGreaterThan(0)
    for (const record of records) expect(guiltOf(record)).toEqual([memberAt(net, CHEATER), 'equivocation'])
  })
  it('should not be seen in two turns, in a resend, or in what a member says after a restart', () => {
    const net = run({ restarts: 2 })
    const node = net.nodes[0] as SimNode
    const [commit1, commit2] = [1, 2].map((turn) => stepName('commit', turnAt(net, turn))) as [string, string]
    const said = (step: string) => net.said.find((m) => m.author === node.self && m.step === step)
    const again = (boot?: number) => {
      net.say(node, { ...(said(commit2) as Words), step: commit1, ...(boot !== undefined && { boot }) })
      return net.said.at(-1)?.wire as Uint8Array
    }
    const record = (...wires: readonly (Uint8Array | undefined)[]): EvidenceRecord => ({
      ...{ ...whereOf(net), code: 'equivocation', guilty: node.self },
      wires: wires as Uint8Array[],
    })
    expect(guiltOf(record(said(commit1)?.wire, said(commit2)?.wire))).toBe('wrong_wires')
    expect(guiltOf(record(said('trial')?.wire, said(stepName('trial', turnAt(net, 1)))?.wire))).toBe('wrong_wires')
    expect(guiltOf(record(said('confirm')?.wire, said(commit1)?.wire))).toBe('wrong_wires')
    expect(guiltOf(record(said(commit1)?.wire, again(77_777)))).toBe('wrong_wires')
    net.say(node, said(commit1) as Words)
    expect(guiltOf(record(said(commit1)?.wire, net.said.at(-1)?.wire))).toBe('no_fault')
    // The real thing, to show that it is the slot that decides.
    expect(guiltOf(record(said(commit1)?.wire, again()))).toEqual([node.self, 'equivocation'])
  })
  it('should not be malformed for its turn, and what names none is no step', () => {
    const net = run({ restarts: 1 })
    const node = net.nodes[0] as SimNode
    const wireOf = (step: string) => {
      net.say(node, { step, payload: randomBytes(40) })
      return [net.said.at(-1)?.wire as Uint8Array]
    }
    const record = (wires: readonly Uint8Array[]): EvidenceRecord => ({
      ...{ ...whereOf(net), code: 'malformed', guilty: node.self },
      wires,
    })
    const commit1 = stepName('commit', turnAt(net, 1))
    const right = net.said.find((m) => m.author === node.self && m.step === commit1)?.wire as Uint8Array
    expect(guiltOf(record([right]))).toBe('no_fault')
    expect(guiltOf(record(wireOf(commit1)))).toEqual([node.self, 'malformed'])
    for (const step of [
      'commit',
      'commit/1',
      `${commit1}A`,
      commit1.slice(0, -1),
      commit1.replace('commit', 'confirm'),
    ])
      expect(guiltOf(record(wireOf(step))), step).toBe('wrong_wires')
  })
})

describe('an honest complaint about a share of this turn', () => {
  /** An honest node in the first later turn that has heard no commitment of it yet, and words for the others. */
  function atTurnOne() {
    const quiet: Cheat = (words) => words.filter((w) => !/^(commit|trial)\//.test(w.step))
    const mismatch = lying((_, step) =>
      step === 'trial' ? encodeKeygen('trial', { share: randomBytes(32), packageHash: randomBytes(32) }) : undefined,
    )
    const cheats: NetworkInit['cheats'] = { 1: quiet, 2: (words, node) => quiet(mismatch(words, node), node), 3: quiet }
    const net = new Network({ n: 4, threshold: 3, seed: 1, sealed: true, endMs: 20_000, cheats }).run()
    const [node, b, c, d] = net.nodes as readonly [SimNode, SimNode, SimNode, SimNode]
    expect(node.state.phase).toMatchObject({ kind: 'trying', signed: undefined })
    const { turn } = node.state
    expect(turn).not.toBe(FIRST_TURN)
    const commit = (by: SimNode, boot?: number) => {
      const { key, transcript } = stagedBy(by)
      const payload = encodeKeygen('commit', confirmationOf(transcript, key, commitNonces(key).commitment))
      hear(net, node, by, { step: stepName('commit', turn), payload, ...(boot !== undefined && { boot }) })
    }
    const trial = (by: SimNode, packageHash: Uint8Array, boot?: number) => {
      const payload = encodeKeygen('trial', { share: curve.randomScalar(), packageHash })
      hear(net, node, by, { step: stepName('trial', turn), payload, ...(boot !== undefined && { boot }) })
    }
    return { net, node, b, c, d, turn, commit, trial }
  }
  const packageHashOf = (node: SimNode): Uint8Array => {
    const { phase } = node.state
    if (phase.kind !== 'trying' || phase.signed === undefined) throw new Error('has not signed')
    return phase.signed.packageHash
  }

  it('should show the commitments that the share was made over, whatever came after them', () => {
    const { net, node, b, c, d, commit, trial } = atTurnOne()
    for (const other of [b, c, d]) commit(other)
    const hash = packageHashOf(node)
    // c restarts, too often to be followed at once, and commits anew after the package is made.
    node.state = { ...node.state, restarts: new Map([[c.self, 10]]), isTurnDue: false }
    commit(c, 88_888)
    trial(c, randomBytes(32), 88_888)
    trial(b, randomBytes(32))
    trial(d, hash)
    const reason = reasonOf(node)
    if (reason?.kind !== 'fault') throw new Error('expected a fault')
    expect(reason.faults.map((f) => guiltOf(recordOfFault(whereOf(net), f)))).toEqual([[d.self, 'bad_trial_share']])
  })

  it('should wait for our own commitment’s envelope', () => {
    const { net, node, b, c, d, turn, commit, trial } = atTurnOne()
    const own = node.state.ownCommitWire as Uint8Array
    node.state = { ...node.state, ownCommitWire: undefined }
    for (const other of [b, c, d]) commit(other)
    const hash = packageHashOf(node)
    for (const other of [b, c, d]) trial(other, hash)
    expect(node.aborted).toBeUndefined()
    // It is said until it has left, whoever has gone on.
    const before = node.effects.length
    net.dispatch(node, { kind: 'timer', name: 'resend' })
    const resent = node.effects.slice(before).flatMap((e) => (e.kind === 'publish' ? [e.utterance.step] : []))
    expect(resent).toContain(stepName('commit', turn))
    if (node.aborted === undefined)
      net.dispatch(node, { kind: 'published', step: stepName('commit', turn), wire: own, boot: 1_000 })
    const reason = reasonOf(node)
    if (reason?.kind !== 'fault') throw new Error('expected a fault')
    expect(reason.faults).toHaveLength(3)
    for (const f of reason.faults)
      expect(guiltOf(recordOfFault(whereOf(net), f))).toEqual([f.member, 'bad_trial_share'])
  })
})

/** The key that a node staged. */
function stagedBy(node: SimNode | undefined) {
  const persisted = node?.effects.find((e) => e.kind === 'persist')
  if (persisted?.kind !== 'persist') throw new Error('nothing staged')
  return persisted
}

/** One node hears these words, signed, after the network has come to rest. */
function hear(net: Network, node: SimNode, by: SimNode, words: Words): void {
  const before = by.state
  net.say(by, words)
  by.state = before
  const message = net.said.at(-1)
  if (message !== undefined) net.dispatch(node, message)
}
