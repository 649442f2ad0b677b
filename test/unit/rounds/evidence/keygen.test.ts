import { describe, expect, it } from 'vitest'
import { asSetHash, type PublicKey } from '../../../../src/base/index.ts'
import { EphemeralKey, revealPair } from '../../../../src/crypto/index.ts'
import { curve, KeyPair, randomBytes } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { openEnvelope, topicName } from '../../../../src/p2p/index.ts'
import {
  decodeEvidence,
  type EvidenceRecord,
  encodeEvidence,
  entryOf,
  judge,
  recordOfComplaint,
  recordOfFault,
  type Where,
} from '../../../../src/rounds/evidence/index.ts'
import { decodeKeygen, encodeKeygen, MAX_COMPLAINT_BYTES } from '../../../../src/rounds/keygen/codec.ts'
import type { KeygenFault } from '../../../../src/rounds/keygen/index.ts'
import {
  CHEATS,
  changing,
  confirmingTwice,
  contentOf,
  dealingTwice,
  plusOne,
  reusingItsKey,
  victimOf,
} from '../keygen/cheats.ts'
import { type Cheat, CONTRACT, keyPairOf, NETWORK, Network, type NetworkInit, reasonOf } from '../keygen/harness.ts'

const run = (init: Partial<NetworkInit>): Network =>
  new Network({ n: 4, threshold: 3, seed: 1, sealed: true, ...init }).run()
const memberAt = (net: Network, index: number): PublicKey => net.nodes[index]?.self as PublicKey
const whereOf = (net: Network): Where => ({
  network: NETWORK,
  contract: CONTRACT,
  scope: { kind: 'pending', ...net.pending },
})
/** What each honest node can show others of how its attempt ended. */
function recordsOf(net: Network): readonly (EvidenceRecord | undefined)[] {
  return net.honest.flatMap((node) => {
    const reason = reasonOf(node)
    if (reason?.kind === 'fault') return reason.faults.map((f) => recordOfFault(whereOf(net), f))
    return reason?.kind === 'complaint' ? [recordOfComplaint(whereOf(net), reason)] : []
  })
}
/** A fault that one of the honest nodes found by itself, as a record. */
function foundIn(net: Network): EvidenceRecord {
  for (const node of net.honest) {
    const reason = reasonOf(node)
    const fault: KeygenFault | undefined = reason?.kind === 'fault' ? reason.faults[0] : undefined
    const record = fault && recordOfFault(whereOf(net), fault)
    if (record !== undefined) return record
  }
  throw new Error('nobody found a fault')
}
const guiltOf = (record: EvidenceRecord | undefined) => {
  const judged = record && judge(record)
  return judged?.ok ? [judged.guilt.member, judged.guilt.code] : judged?.reason
}
const badTrial: Cheat = changing('trial', (t) => ({ ...t, share: plusOne(t.share) }))
const confirmingBoth: Cheat = (words) =>
  words.flatMap((w) => {
    if (w.step !== 'confirm') return [w]
    const { hiding, binding } = contentOf('confirm', w.payload).commitment
    const other = { ...contentOf('confirm', w.payload), commitment: { hiding: binding, binding: hiding } }
    return [w, { ...w, payload: encodeKeygen('confirm', other) }]
  })

const PROVABLE: readonly (readonly [string, string, Cheat])[] = [
  ...Object.entries(CHEATS)
    .filter(([, { code }]) => code !== 'transcript_mismatch')
    .map(([what, { code, cheat }]) => [what, code, cheat] as const),
  ['its own ephemeral key twice', 'repeated_ephemeral', reusingItsKey()],
  ['a wrong trial share', 'bad_trial_share', badTrial],
  ['two confirms', 'equivocation', confirmingBoth],
]

describe('R18, R19: a member that cheats in keygen', () => {
  for (const [what, code, cheat] of PROVABLE) {
    it(`with ${what} should be proven to, to anybody, by whoever saw it and whoever was told`, () => {
      const net = run({ cheats: { 2: cheat }, seed: what.length })
      const records = recordsOf(net)
      expect(records).toHaveLength(3)
      for (const record of records) {
        expect(guiltOf(record)).toEqual([memberAt(net, 2), code])
        // And by those who have nothing but its bytes.
        expect(decodeEvidence(encodeEvidence(record as EvidenceRecord))).toEqual(record)
      }
    })
  }

  it('by what is no fault of a known one should be in no record', () => {
    const lying = changing('confirm', (c) => ({ ...c, transcript: 'ab'.repeat(32) as typeof c.transcript }))
    expect(recordsOf(run({ cheats: { 2: lying } })).filter((r) => r !== undefined)).toEqual([])
    const key = CHEATS['a key of its own choice in its confirmation']
    expect(recordsOf(run({ cheats: { 2: key.cheat } })).filter((r) => r !== undefined)).toEqual([])
  })
  it('by silence should be in no record', () => {
    expect(recordsOf(run({ silent: [2] }))).toEqual([])
  })
  it('by dealing twice should be named, by whichever of its faults, and nobody else', () => {
    const net = run({ cheats: { 2: dealingTwice() } })
    for (const record of recordsOf(net)) expect(guiltOf(record)).toEqual([memberAt(net, 2), record?.code])
  })
})

describe('R19: a complaint', () => {
  const guiltyOf = (cheat: Cheat) => {
    const net = run({ cheats: { 3: cheat } })
    return { net, guilts: recordsOf(net).map(guiltOf) }
  }

  it('whose proof does not hold should convict its author', () => {
    for (const code of ['bad_share', 'equivocation', 'bad_proof_of_knowledge', 'bad_trial_share'] as const) {
      const proof = { wires: [randomBytes(100), randomBytes(100)], reveal: undefined, commitments: [] }
      const falsely: Cheat = (words, node) =>
        words.flatMap((w) =>
          w.step === 'deal'
            ? [w, { step: 'complaint', payload: encodeKeygen('complaint', { accused: victimOf(node), code, proof }) }]
            : [w],
        )
      const { net, guilts } = guiltyOf(falsely)
      expect(guilts).toEqual(Array.from({ length: 3 }, () => [memberAt(net, 3), 'false_complaint']))
    }
  })
  it('about an honest dealer, with its own words and a true reveal, should convict its author', () => {
    for (const code of ['bad_share', 'undecryptable_share'] as const)
      for (const own of [true, false]) {
        let isSaid = false
        // A receiver that calls a right share wrong, by the pair's true secret or by one of another key of its own.
        const lying: Cheat = (words, node) => {
          const { phase, inbox } = node.state
          const dealer = victimOf(node)
          const [deal, share] = [inbox.deal.get(dealer), inbox.share.get(dealer)]
          if (isSaid || phase.kind !== 'dealing' || deal === undefined || share === undefined) return words
          isSaid = true
          const key = own ? phase.receiverKey : EphemeralKey.generate()
          const context = { attempt: node.state.attemptId, dealer, receiver: node.self }
          const reveal = revealPair(context, key, share.value.dealerKey)
          const proof = { wires: [deal.wire, share.wire], reveal, commitments: [] }
          return [...words, { step: 'complaint', payload: encodeKeygen('complaint', { accused: dealer, code, proof }) }]
        }
        const { net, guilts } = guiltyOf(lying)
        expect(isSaid).toBe(true)
        expect(guilts).toEqual(Array.from({ length: 3 }, () => [memberAt(net, 3), 'false_complaint']))
      }
  })
  it('without a proof should be a claim that convicts nobody', () => {
    const claim: Cheat = (words, node) => {
      const payload = encodeKeygen('complaint', { accused: victimOf(node), code: 'bad_share' })
      return words.flatMap((w) => (w.step === 'deal' ? [w, { step: 'complaint', payload }] : [w]))
    }
    expect(guiltyOf(claim).guilts).toEqual([undefined, undefined, undefined])
    const net = run({ cheats: { 3: claim } })
    const wire = net.gossiped.find((m) => m.step === 'complaint')?.wire as Uint8Array
    const record: EvidenceRecord = {
      ...whereOf(net),
      code: 'false_complaint',
      guilty: memberAt(net, 3),
      wires: [wire],
    }
    expect(guiltOf(record)).toBe('no_fault')
  })
  it('that holds should not convict its author', () => {
    for (const [what, , cheat] of PROVABLE) {
      const net = run({ cheats: { 2: cheat }, seed: what.length })
      const complaint = net.gossiped.find((m) => m.step === 'complaint')
      const record: EvidenceRecord = {
        ...whereOf(net),
        code: 'false_complaint',
        guilty: complaint?.author as PublicKey,
        wires: [complaint?.wire as Uint8Array],
      }
      expect(guiltOf(record), what).toBe('no_fault')
    }
  })
  it('that a message can’t be read should never convict its author: another version may read more', () => {
    const falsely: Cheat = (words, node) => {
      const proof = { wires: [randomBytes(100)], reveal: undefined, commitments: [] }
      const complaint = { accused: victimOf(node), code: 'malformed' as const, proof }
      return words.flatMap((w) =>
        w.step === 'deal' ? [w, { step: 'complaint', payload: encodeKeygen('complaint', complaint) }] : [w],
      )
    }
    expect(guiltyOf(falsely).guilts).toEqual(['no_fault', 'no_fault', 'no_fault'])
  })
})

describe('R19: a message that is longer than anything that can be said', () => {
  const junk =
    (step: string, bytes: number): Cheat =>
    (words) =>
      words.map((w) => (w.step === step ? { ...w, payload: new Uint8Array(bytes).fill(7) } : w))

  it('should be dropped: nobody complains of what would not go into a complaint, and no honest member is convicted by one', () => {
    const net = run({ cheats: { 3: junk('open', 60_000) } })
    expect(net.gossiped.filter((m) => m.step === 'complaint')).toEqual([])
    for (const node of net.honest)
      expect(reasonOf(node)).toEqual({ kind: 'silence', step: 'open', missing: [memberAt(net, 3)] })
  })

  it('should convict nobody by its length alone', () => {
    const net = run({ cheats: { 3: junk('open', 60_000) } })
    const wire = net.gossiped.find((m) => m.author === memberAt(net, 3))?.wire as Uint8Array
    expect(judge({ ...whereOf(net), code: 'malformed', guilty: memberAt(net, 3), wires: [wire] })).toEqual({
      ok: false,
      reason: 'no_fault',
    })
  })

  it('should still be proven to, a little shorter, by a complaint that all can read', () => {
    for (const [step, bytes] of [
      ['open', 12 * 1024],
      ['complaint', 50 * 1024],
    ] as const) {
      const spoken: Cheat = (words, node) =>
        node.state.phase.kind === 'opening' && words.some((w) => w.step === 'open')
          ? [...words.filter((w) => w.step !== step), { step, payload: new Uint8Array(bytes).fill(7) }]
          : words
      const net = run({ cheats: { 3: spoken } })
      const complaints = net.gossiped.filter((m) => m.step === 'complaint' && m.author !== memberAt(net, 3))
      expect(complaints.length, step).toBeGreaterThan(0)
      for (const { payload } of complaints)
        expect(decodeKeygen('complaint', payload), step).toMatchObject({ accused: memberAt(net, 3), code: 'malformed' })
      expect(guiltOf(foundIn(net)), step).toEqual([memberAt(net, 3), 'malformed'])
    }
  })

  it('should leave a proof out of a complaint into which it does not go, rather than say what nobody can read', () => {
    const net = run({
      cheats: {
        3: (words, node) =>
          node.state.phase.kind === 'opening' && words.some((w) => w.step === 'open')
            ? [{ step: 'complaint', payload: new Uint8Array(MAX_COMPLAINT_BYTES).fill(7) }]
            : words,
      },
    })
    const complaints = net.gossiped.filter((m) => m.step === 'complaint' && m.author !== memberAt(net, 3))
    expect(complaints.length).toBeGreaterThan(0)
    for (const { payload } of complaints)
      expect(decodeKeygen('complaint', payload)).toEqual({ accused: memberAt(net, 3), code: 'malformed' })
  })

  it('should never be written: a record that is too long to be told could not be read again either', () => {
    const net = run({})
    const { topic } = net
    const member = memberAt(net, 3)
    const said = (payload: Uint8Array) =>
      sealEnvelope(keyPairOf(member), topicName(topic), {
        ...{ round: net.params.pendingId, attempt: 1, step: 'complaint', payload, boot: 1, counter: 1, expiresAtMs: 1 },
      })
    const long = (n: number) => said(new Uint8Array(40 * 1024).fill(n))
    const record: EvidenceRecord = {
      ...whereOf(net),
      code: 'equivocation',
      guilty: member,
      wires: [long(1), long(2)],
    }
    expect(judge(record).ok).toBe(true)
    expect(entryOf(record, 'found', 1)).toBe('wrong_wires')
  })
})

describe('a record that was tampered with', () => {
  const nets = new Map(PROVABLE.map(([what, code, cheat]) => [code, { what, cheat }]))
  const netOf = (code: string): Network => {
    const made = nets.get(code)
    if (made === undefined) throw new Error(code)
    return run({ cheats: { 2: made.cheat }, seed: made.what.length })
  }

  for (const code of nets.keys()) {
    it(`should prove nothing, ${code}`, () => {
      const net = netOf(code)
      const record = foundIn(net)
      expect(judge(record).ok).toBe(true)
      const honest = memberAt(net, 0)
      const outsider = KeyPair.generate().publicKey
      const scope = record.scope as Extract<EvidenceRecord['scope'], { kind: 'pending' }>
      const changes: readonly EvidenceRecord[] = [
        { ...record, guilty: honest },
        { ...record, guilty: outsider },
        { ...record, network: 'othernet' },
        { ...record, contract: `${record.contract}x` },
        { ...record, scope: { ...scope, attempt: scope.attempt + 1 } },
        { ...record, scope: { ...scope, threshold: scope.threshold - 1 } },
        { ...record, scope: { ...scope, parentSetHash: asSetHash('0b'.repeat(32)) } },
        { ...record, scope: { ...scope, keys: [...scope.keys, outsider].toSorted() } },
        { ...record, scope: { ...scope, keys: scope.keys.filter((k) => k !== honest) } },
        { ...record, scope: { kind: 'set', keys: scope.keys, threshold: scope.threshold, aggregateKey: honest } },
        { ...record, wires: [] },
        { ...record, wires: record.wires.slice(1) },
        { ...record, wires: [...record.wires, record.wires[0] as Uint8Array] },
        { ...record, wires: record.wires.map((w) => w.slice(0, -1)) },
        ...record.wires.map((_, at) => ({
          ...record,
          wires: record.wires.map((w, i) => (i === at ? w.map((b, j) => (j === w.length - 1 ? b ^ 1 : b)) : w)),
        })),
      ]
      for (const changed of changes) expect(judge(changed).ok).toBe(false)
    })
  }

  it('should prove nothing with the words of somebody else in the place of the guilty one’s', () => {
    for (const code of ['bad_proof_of_knowledge', 'bad_share', 'ciphertext_mismatch', 'bad_ephemeral_proof']) {
      const net = netOf(code)
      const record = foundIn(net)
      const honest = memberAt(net, 0)
      const steps = record.wires.map((w) => openEnvelope(net.topic, w)?.step)
      const wires = steps.map((step) => net.said.find((m) => m.author === honest && m.step === step)?.wire)
      const framed = { ...record, guilty: honest, wires: wires.map((w) => w ?? randomBytes(10)) }
      expect(judge(framed).ok).toBe(false)
      expect(judge({ ...framed, guilty: record.guilty }).ok).toBe(false)
    }
  })
})

describe('words that belong to no such keygen', () => {
  it('should prove nothing: of a key outside the set, or of another round than the pending set', () => {
    const net = run({ silent: [0, 1, 2, 3] })
    const outsider = KeyPair.generate()
    const member = keyPairOf(memberAt(net, 0))
    const record = (key: KeyPair, round: string): EvidenceRecord => ({
      ...whereOf(net),
      code: 'equivocation',
      guilty: key.publicKey,
      wires: [1, 2].map((byte) =>
        sealEnvelope(key, topicName(net.topic), {
          ...{ round, attempt: 1, step: 'open', payload: Uint8Array.of(byte), boot: 1, counter: byte, expiresAtMs: 1 },
        }),
      ),
    })
    expect(guiltOf(record(member, net.params.pendingId))).toEqual([member.publicKey, 'equivocation'])
    expect(guiltOf(record(outsider, net.params.pendingId))).toBe('bad_wire')
    expect(guiltOf(record(member, 'ab'.repeat(32)))).toBe('bad_wire')
  })
})

describe('an honest member', () => {
  it('R14, R16: should not be taken for equivocating by a resend, another attempt, another receiver, or after a restart', () => {
    const net = run({})
    const of = (step: string, more: { boot?: number; payload?: Uint8Array } = {}) => {
      const node = net.nodes[0]
      const first = net.said.find((m) => m.author === node?.self && m.step === step)
      if (node === undefined || first === undefined) throw new Error('nothing said')
      net.say(node, { step, payload: first.payload, ...more })
      return [first.wire, net.said.at(-1)?.wire as Uint8Array]
    }
    const record = (wires: readonly Uint8Array[]): EvidenceRecord => ({
      ...whereOf(net),
      code: 'equivocation',
      guilty: memberAt(net, 0),
      wires,
    })
    expect(guiltOf(record(of('open')))).toBe('no_fault')
    expect(guiltOf(record(of('open', { boot: 77, payload: randomBytes(20) })))).toBe('wrong_wires')
    const shares = net.said.filter((m) => m.author === memberAt(net, 0) && m.step === 'share')
    expect(new Set(shares.map((m) => contentOf('share', m.payload).receiver)).size).toBe(3)
    expect(guiltOf(record(shares.slice(0, 2).map((m) => m.wire)))).toBe('wrong_wires')
    const open = net.said.find((m) => m.author === memberAt(net, 0) && m.step === 'open')
    const deal = net.said.find((m) => m.author === memberAt(net, 0) && m.step === 'deal')
    expect(guiltOf(record([open?.wire as Uint8Array, deal?.wire as Uint8Array]))).toBe('wrong_wires')
    // Of the same member in two rounds: two networks whose sets differ by their number.
    const other = run({ seed: 2 })
    const theirs = other.said.find((m) => m.author === memberAt(net, 0) && m.step === 'open')
    expect(guiltOf(record([open?.wire as Uint8Array, theirs?.wire as Uint8Array]))).toBe('bad_wire')
    // The real thing, to show that it is the slot that decides.
    expect(guiltOf(record(of('open', { payload: randomBytes(20) })))).toEqual([memberAt(net, 0), 'equivocation'])
  })
  it('should not be convicted by steps that may change: what is approved or proposed is said anew', () => {
    const net = run({})
    const node = net.nodes[0]
    if (node === undefined) throw new Error('no node')
    for (const step of ['approve', 'proposal', 'evidence']) {
      for (const byte of [1, 2]) net.say(node, { step, payload: Uint8Array.of(byte) })
      const wires = net.said.slice(-2).map((m) => m.wire)
      expect(guiltOf({ ...whereOf(net), code: 'equivocation', guilty: node.self, wires })).toBe('wrong_wires')
      const malformed = { ...whereOf(net), code: 'malformed' as const, guilty: node.self, wires: wires.slice(1) }
      expect(guiltOf(malformed)).toBe('wrong_wires')
    }
  })
  it('R16: should not be convicted by what it dealt before and after a restart', () => {
    const restarting: Cheat = (words) => words.map((w) => (w.step === 'share' ? { ...w, boot: 77 } : w))
    const net = run({ cheats: { 2: restarting } })
    const said = (step: string) => net.said.find((m) => m.author === memberAt(net, 2) && m.step === step)
    const other = run({ cheats: { 2: CHEATS['a box it did not commit to'].cheat } })
    const badShare = other.said.find(
      (m) =>
        m.author === memberAt(net, 2) &&
        m.step === 'share' &&
        contentOf('share', m.payload).receiver === memberAt(net, 0),
    )
    const node = net.nodes[2]
    if (node === undefined || badShare === undefined) throw new Error('no node')
    net.say(node, { step: 'share', payload: badShare.payload, to: memberAt(net, 0), boot: 77 })
    const wires = [said('deal')?.wire as Uint8Array, net.said.at(-1)?.wire as Uint8Array]
    const record = recordOfFault(whereOf(net), { member: node.self, code: 'ciphertext_mismatch', wires })
    expect(guiltOf(record)).toBe('wrong_wires')
  })
  it('R26: should not be convicted by its trial share beside another polynomial or other nonces', () => {
    const net = run({})
    const member = memberAt(net, 0)
    const confirms = net.params.members.map(
      (m) => net.said.find((s) => s.author === m && s.step === 'confirm')?.wire as Uint8Array,
    )
    const trial = net.said.find((m) => m.author === member && m.step === 'trial')?.wire as Uint8Array
    const persisted = net.nodes[0]?.effects.find((e) => e.kind === 'persist')
    if (persisted?.kind !== 'persist') throw new Error('nothing staged')
    const { commitments } = persisted.key.public
    const record: EvidenceRecord = {
      ...whereOf(net),
      code: 'bad_trial_share',
      guilty: member,
      wires: [trial, ...confirms],
      commitments,
    }
    expect(guiltOf(record)).toBe('no_fault')
    const others = [
      commitments[0] as Uint8Array,
      ...commitments.slice(1).map(() => curve.publicKeyOf(curve.randomScalar())),
    ]
    expect(guiltOf({ ...record, commitments: others })).toBe('unbound')
    expect(guiltOf({ ...record, commitments: commitments.slice(1) })).toBe('unbound')
    // Another member says that it confirmed something else.
    const node = net.nodes[3]
    if (node === undefined) throw new Error('no node')
    const said = contentOf(
      'confirm',
      net.said.find((s) => s.author === node.self && s.step === 'confirm')?.payload as Uint8Array,
    )
    const { hiding, binding } = said.commitment
    net.say(node, {
      step: 'confirm',
      payload: encodeKeygen('confirm', { ...said, commitment: { hiding: binding, binding: hiding } }),
    })
    const swapped = confirms.map((w) =>
      openEnvelope(net.topic, w)?.author === node.self ? (net.said.at(-1)?.wire as Uint8Array) : w,
    )
    expect(guiltOf({ ...record, wires: [trial, ...swapped] })).toBe('unbound')
  })
  it('R26: should not be convicted where members were told different nonce commitments', () => {
    for (const seed of [0, 1, 2]) {
      const net = run({ cheats: { 2: confirmingTwice() }, forwarding: false, seed })
      for (const record of recordsOf(net)) if (record !== undefined) expect(record.guilty).toBe(memberAt(net, 2))
    }
  })
})
