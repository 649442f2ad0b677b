import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { noMetrics, type PendingId, type PublicKey, type SetHash } from '../../src/base/index.ts'
import { KeyPair } from '../../src/curve/index.ts'
import { checkHealth } from '../../src/node/health-checks.ts'
import { sealEnvelope } from '../../src/p2p/envelope.ts'
import { type Envelope, type Topic, topicName, type Utterance } from '../../src/p2p/index.ts'
import {
  EvidenceBook,
  EvidenceExchange,
  type EvidenceRecord,
  type EvidenceView,
  encodeEvidence,
  evidenceId,
  topicOf,
} from '../../src/rounds/index.ts'
import { EVIDENCE_CHAIN, openChainedJournal, readChain } from '../../src/store/index.ts'
import { gateIn, MEMBER, NO_LIVENESS, NOTHING_STUCK, OTHER, SELF, SET } from '../unit/node/facts.ts'
import { ManualClock, MemoryLogger } from '../unit/registry/support/ports.ts'

const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})
const NEWCOMER = KeyPair.generate()
const REGISTRY = { network: 'devnet', contract: 'SN000000000000000000002Q6VF78.registry' }

const evidenceHealth = (evidence: EvidenceView) =>
  checkHealth({
    ...NOTHING_STUCK,
    ...{ nowMs: 0, pollIntervalMs: 1_000, registry: { lastReadAtMs: 0, lastFailure: undefined } },
    ...{ gate: gateIn.signer(), connections: [], keyHeld: true, liveness: NO_LIVENESS, keyElsewhere: undefined },
    evidence,
  }).evidence

/** Two packages of one coordinator in one session, as signed. */
function equivocationOf(key: typeof SELF, session = 1, round = 'ab'.repeat(32)): EvidenceRecord {
  const { keys, threshold, aggregateKey } = SET
  const where = {
    network: REGISTRY.network,
    contract: REGISTRY.contract,
    scope: { kind: 'set', keys, threshold, aggregateKey },
  } as const
  const bare: EvidenceRecord = { ...where, code: 'equivocation', guilty: key.publicKey, wires: [] }
  const wires = [1, 2].map((byte) =>
    sealEnvelope(key, topicName(topicOf(bare)), {
      ...{ round, attempt: session, step: 'package', payload: Uint8Array.of(byte), boot: 7, counter: byte },
      expiresAtMs: 1,
    }),
  )
  return { ...bare, wires }
}

/** Two openings of one member in one attempt of a keygen, as signed: of the set that is to come. */
function keygenFaultOf(key: typeof SELF, attempt = 1): EvidenceRecord {
  const keys = [SELF, MEMBER, NEWCOMER].map((k) => k.publicKey).toSorted()
  const scope = { kind: 'pending', parentSetHash: SET.hash, keys, threshold: 2, attempt } as const
  const { network, contract } = REGISTRY
  const bare: EvidenceRecord = { code: 'equivocation', guilty: key.publicKey, network, contract, scope, wires: [] }
  const topic = topicOf(bare)
  const wires = [1, 2].map((byte) =>
    sealEnvelope(key, topicName(topic), {
      ...{ round: topic.scope, attempt: 1, step: 'open', payload: Uint8Array.of(byte), boot: 7, counter: byte },
      expiresAtMs: 1,
    }),
  )
  return { ...bare, wires }
}
const PENDING = topicOf(keygenFaultOf(SELF)).scope as PendingId

/** Gossip. What a node says is heard by all others on its topic; a test's own ears hear all. */
class Bus {
  readonly handlers: {
    readonly self: PublicKey
    readonly topic: Topic
    readonly hear: (e: Envelope) => unknown
  }[] = []
  readonly said: Utterance[] = []
  of(self: PublicKey) {
    return {
      join: (topic: Topic, hear: (e: Envelope) => unknown) => {
        const joined = { self, topic, hear }
        this.handlers.push(joined)
        return () => void this.handlers.splice(this.handlers.indexOf(joined), 1)
      },
      publish: async (topic: Topic, u: Utterance) => {
        this.said.push(u)
        const e: Envelope = {
          ...{ ...u, topic, author: self, boot: 1, counter: this.said.length, expiresAtMs: 1 },
          ...{ wire: new Uint8Array(0), via: 'gossip' },
        }
        const isOn = (h: { topic: Topic }) => !h.topic.scope || !topic.scope || h.topic.scope === topic.scope
        for (const h of this.handlers) if (h.self !== self && isOn(h)) h.hear(e)
        return e
      },
    }
  }
}

interface Sets {
  readonly current?: SetHash | undefined
  pending?: PendingId | undefined
}
async function node(
  key: typeof SELF,
  bus: Bus,
  dir = mkdtempSync(join(tmpdir(), 'countersign-test-')),
  sets: Sets = { current: SET.hash },
) {
  dirs.push(dir)
  const clock = new ManualClock()
  const logger = new MemoryLogger()
  const gauge = { value: 0 }
  const metrics = {
    ...noMetrics,
    gauge: () => ({
      set(_: unknown, value: number) {
        gauge.value = value
      },
    }),
  }
  const path = join(dir, 'evidence.jsonl')
  const { journal, records } = await openChainedJournal({ path, chain: EVIDENCE_CHAIN, signer: key })
  const book = new EvidenceBook({
    own: [key.publicKey],
    isMember: (k) => SET.keys.includes(k) || k === NEWCOMER.publicKey,
    journal,
    kept: records.map((r) => r.payload),
    ...{ clock, logger, metrics },
  })
  const exchange = new EvidenceExchange({
    network: REGISTRY.network,
    messenger: bus.of(key.publicKey) as never,
    book,
    currentSet: () => sets.current,
    pendingSet: () => sets.pending,
    ...{ clock, logger },
  })
  await exchange.start()
  const stop = async () => {
    await exchange.stop()
    await journal.close()
  }
  return { book, exchange, clock, logger, gauge, dir, path, stop }
}

describe('incident 38: a node that is convicted', () => {
  it('should be told by whoever has the proof, and say so in status, log, metric and health, over restarts', async () => {
    const bus = new Bus()
    const accused = await node(SELF, bus)
    const witness = await node(MEMBER, bus)
    const third = await node(OTHER, bus)
    expect(evidenceHealth(accused.book.view()).ok).toBe(true)
    await witness.book.found(equivocationOf(SELF))
    for (const { book } of [witness, third]) expect(book.view()).toMatchObject({ records: 1, accusations: [] })
    await expect.poll(() => accused.book.view().records).toBe(1)
    expect(accused.book.view().accusations).toMatchObject([
      { code: 'equivocation', guilty: SELF.publicKey, source: 'told' },
    ])
    expect(accused.gauge.value).toBe(1)
    expect(accused.logger.lines.some((l) => l.level === 'error' && l.message.includes('THIS NODE IS ACCUSED'))).toBe(
      true,
    )
    expect(evidenceHealth(accused.book.view())).toMatchObject({
      ok: false,
      reason: expect.stringContaining('equivocation'),
    })
    for (const { logger } of [witness, third])
      expect(logger.lines.some((l) => l.message.includes('THIS NODE IS ACCUSED'))).toBe(false)
    for (const n of [witness, third, accused]) await n.stop()
    const again = await node(SELF, new Bus(), accused.dir)
    expect(again.book.view().accusations).toHaveLength(1)
    expect(again.gauge.value).toBe(1)
    await again.stop()
  })

  it('should hear of it later if it was down when it was proven', async () => {
    const bus = new Bus()
    const witness = await node(MEMBER, bus)
    await witness.book.found(equivocationOf(SELF))
    const accused = await node(SELF, bus)
    expect(accused.book.view().records).toBe(0)
    witness.clock.advance(10 * 60_000)
    await expect.poll(() => accused.book.view().accusations.length).toBe(1)
    for (const n of [witness, accused]) await n.stop()
  })

  it('should not be believed convicted for what does not hold', async () => {
    const accused = await node(SELF, new Bus())
    const record = equivocationOf(MEMBER)
    const same = { ...equivocationOf(SELF), wires: [equivocationOf(SELF).wires[0], equivocationOf(SELF).wires[0]] }
    const forged: readonly EvidenceRecord[] = [
      { ...record, guilty: SELF.publicKey },
      same as EvidenceRecord,
      { ...record, contract: 'SN1.other' },
    ]
    for (const r of forged) expect(await accused.book.heard(encodeEvidence(r))).toBe(false)
    expect(await accused.book.heard(Uint8Array.of(1, 2, 3))).toBe(false)
    expect(accused.book.view()).toEqual({ records: 0, accusations: [], failure: null })
    await accused.stop()
  })
})

describe('incident 38: a fault in the keygen of a set that is to come', () => {
  async function federation() {
    const bus = new Bus()
    const of = (key: typeof SELF, sets: Sets) => node(key, bus, undefined, sets)
    const both = { current: SET.hash, pending: PENDING }
    const [a, b] = [await of(SELF, { ...both }), await of(MEMBER, { ...both })]
    // Has a part in the current set alone, or in the pending one alone.
    const [leaving, coming] = [await of(OTHER, { current: SET.hash }), await of(NEWCOMER, { pending: PENDING })]
    const all = [a, b, leaving, coming]
    return { bus, a, b, leaving, coming, all, stop: async () => void (await Promise.all(all.map((n) => n.stop()))) }
  }
  const linesOf = ({ path }: { readonly path: string }) => readChain(EVIDENCE_CHAIN, readFileSync(path), path).records

  it('should be heard by the new members, the accused one among them, and be once in each one’s journal', async () => {
    const { a, b, coming, all, stop } = await federation()
    await Promise.all([a, b].map((n) => n.book.found(keygenFaultOf(NEWCOMER))))
    for (const n of all) await expect.poll(() => n.book.view().records).toBe(1)
    await expect
      .poll(() => coming.book.view().accusations)
      .toMatchObject([{ guilty: NEWCOMER.publicKey, source: 'told' }])
    for (const n of all) n.clock.advance(10 * 60_000)
    await stop()
    for (const n of all) expect(linesOf(n)).toHaveLength(1)
  })

  it('should be heard of a new member by the current ones', async () => {
    const { a, b, coming, stop } = await federation()
    await coming.book.found(keygenFaultOf(MEMBER))
    for (const n of [a, b]) await expect.poll(() => n.book.view().records).toBe(1)
    expect(b.book.view().accusations).toHaveLength(1)
    await stop()
  })

  it('should be all that is told there: what was done in signing, or in another keygen, is not', async () => {
    const { bus, a, coming, stop } = await federation()
    const topic: Topic = { network: REGISTRY.network, scope: PENDING, purpose: 'keygen' }
    const said: string[] = []
    bus.of(OTHER.publicKey).join(topic, (e) => said.push(e.round))
    await a.book.found(equivocationOf(MEMBER))
    await a.book.found(keygenFaultOf(MEMBER, 2))
    a.clock.advance(10 * 60_000)
    expect(said).toEqual([])
    const payload = encodeEvidence(equivocationOf(MEMBER))
    await bus.of(MEMBER.publicKey).publish(topic, { round: evidenceId(payload), attempt: 0, step: 'evidence', payload })
    expect(coming.book.view().records).toBe(0)
    await stop()
  })

  it('should be heard from the moment that the set is approved, and no longer than it is', async () => {
    const bus = new Bus()
    const sets: Sets = {}
    const n = await node(NEWCOMER, bus, undefined, sets)
    const say = () => {
      const payload = encodeEvidence(keygenFaultOf(MEMBER))
      const topic: Topic = { network: REGISTRY.network, scope: PENDING, purpose: 'keygen' }
      return bus
        .of(MEMBER.publicKey)
        .publish(topic, { round: evidenceId(payload), attempt: 0, step: 'evidence', payload })
    }
    await say()
    expect(n.book.view().records).toBe(0)
    sets.pending = PENDING
    n.exchange.follow()
    await say()
    expect(n.book.view().records).toBe(1)
    sets.pending = undefined
    n.exchange.follow()
    expect(bus.handlers).toEqual([])
    await n.stop()
    n.exchange.follow()
    expect(bus.handlers).toEqual([])
  })
})

describe('docs/ROUNDS.md: what is recorded', () => {
  it('should be one record for one fault, by whomever and however often it is told', async () => {
    const n = await node(SELF, new Bus())
    const record = equivocationOf(MEMBER)
    const otherWay = { ...record, wires: record.wires.toReversed() }
    await Promise.all([n.book.found(record), n.book.found(record), n.book.heard(encodeEvidence(otherWay))])
    expect(await n.book.heard(encodeEvidence(otherWay))).toBe(true)
    expect(n.book.view().records).toBe(1)
    await n.book.found(equivocationOf(MEMBER, 2))
    expect(n.book.view().records).toBe(2)
    await n.stop()
    expect(readChain(EVIDENCE_CHAIN, readFileSync(n.path), n.path).records).toHaveLength(2)
  })

  it('should be bounded for each member, and of nobody who is no member', async () => {
    const n = await node(SELF, new Bus())
    for (let i = 0; i < 70; i++) await n.book.found(equivocationOf(MEMBER, i))
    expect(n.book.view().records).toBe(64)
    await n.book.found(equivocationOf(OTHER))
    expect(n.book.view().records).toBe(65)
    const stranger = await node(SELF, new Bus())
    const book = new EvidenceBook({
      own: [],
      isMember: () => false,
      journal: { append: async () => {} },
      kept: [],
      ...{ clock: stranger.clock, logger: stranger.logger, metrics: noMetrics },
    })
    await book.found(equivocationOf(MEMBER))
    expect(book.view().records).toBe(0)
    for (const x of [n, stranger]) await x.stop()
  })

  it('should turn health red, and stop nothing, where the file can’t be written', async () => {
    const clock = new ManualClock()
    const book = new EvidenceBook({
      own: [SELF.publicKey],
      isMember: () => true,
      journal: { append: () => Promise.reject(new Error('the disk is full')) },
      kept: [],
      ...{ clock, logger: new MemoryLogger(), metrics: noMetrics },
    })
    await book.found(equivocationOf(MEMBER))
    expect(evidenceHealth(book.view())).toMatchObject({
      ok: false,
      reason: expect.stringContaining('the disk is full'),
    })
  })

  it('should be judged a bounded number of times, whoever talks', async () => {
    const bus = new Bus()
    const n = await node(SELF, bus)
    const liar = bus.of(MEMBER.publicKey)
    const say = (record: EvidenceRecord, round?: string) => {
      const payload = encodeEvidence(record)
      return liar.publish({} as Topic, { round: round ?? evidenceId(payload), attempt: 0, step: 'evidence', payload })
    }
    await say(equivocationOf(OTHER, 1), 'cd'.repeat(32))
    expect(n.book.view().records).toBe(0)
    // As many at once as a member says again at once: one that found several faults is heard with all of them.
    for (let i = 1; i <= 12; i++) await say(equivocationOf(OTHER, i))
    expect(n.book.view().records).toBe(8)
    n.clock.advance(2_000)
    await say(equivocationOf(OTHER, 12))
    expect(n.book.view().records).toBe(9)
    await n.stop()
  })

  it('should be told by who found it, and not once more by everybody who hears it', async () => {
    const bus = new Bus()
    const n = await node(SELF, bus)
    const said: string[] = []
    bus.of(OTHER.publicKey).join({} as Topic, (e) => {
      if (e.author === SELF.publicKey) said.push(e.round)
      return 'accept'
    })
    const [found, told] = [equivocationOf(MEMBER, 1), equivocationOf(MEMBER, 2)]
    await n.book.found(found)
    await n.book.heard(encodeEvidence(told))
    expect(n.book.view().records).toBe(2)
    expect(said).toEqual([evidenceId(encodeEvidence(found))])
    // Whoever was away hears of both.
    n.clock.advance(10 * 60_000)
    expect(said.slice(1).toSorted()).toEqual([found, told].map((r) => evidenceId(encodeEvidence(r))).toSorted())
    await n.stop()
  })
})
