import { asSetHash, asTranscriptHash, encodeFields, type PublicKey, toHex } from '../../../../src/base/index.ts'
import type { Tweak } from '../../../../src/crypto/index.ts'
import { sha256 } from '../../../../src/curve/index.ts'
import {
  SignBook,
  type SignEffect,
  type SignEnvelope,
  type SignRequest,
  type SignStep,
} from '../../../../src/rounds/sign/index.ts'
import type { Consent } from '../../../../src/signer/index.ts'
import { type DealtKey, dealKey } from '../../crypto/signing-keys.ts'

export const SET = asSetHash('5e'.repeat(32))
export const TRANSCRIPT = asTranscriptHash('7a'.repeat(32))
export const STEP_MS = 1_000

/** mulberry32: the same seed, the same run. */
export function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function requestOf(dealt: DealtKey, over: Partial<SignRequest> = {}): SignRequest {
  const digest = sha256(Uint8Array.of(9))
  const tweak: Tweak = { kind: 'none' }
  const { groupKey } = dealt.public
  return { groupKey, setHash: SET, transcript: TRANSCRIPT, requestId: 'abcd', digest, tweak, ...over }
}

type Of<K extends SignEffect['kind']> = SignEffect & { kind: K }

/** One node of the test: a book, and a driver that performs its effects on the network. */
export class TestNode {
  readonly key: PublicKey
  book: SignBook
  boot = 1
  counter = 0
  /** Gets nothing and says nothing. */
  silent = false
  /** Holds its share of the test's key. */
  hasShare = true
  consent: (request: SignRequest) => Consent = () => 'yes'
  /** What leaves this node: changed, or withheld by undefined. */
  tamper: (e: SignEnvelope) => SignEnvelope | undefined = (e) => e
  readonly timers = new Map<string, number>()
  readonly done: Of<'done'>[] = []
  readonly failed: Of<'failed'>[] = []
  readonly faults: Of<'fault'>[] = []
  readonly refused: Of<'refused'>[] = []
  readonly rejected: SignEnvelope[] = []
  readonly said: SignEnvelope[] = []
  readonly #newBook: () => SignBook
  constructor(key: PublicKey, newBook: () => SignBook) {
    this.key = key
    this.#newBook = newBook
    this.book = newBook()
  }
  /** A new process of the same member: nothing of memory is left. */
  restart(): void {
    this.book = this.#newBook()
    this.boot++
    this.timers.clear()
  }
  saidSteps(step: SignStep): SignEnvelope[] {
    return this.said.filter((e) => e.step === step)
  }
}

export interface NetworkInit {
  readonly t: number
  readonly n: number
  readonly seed?: number
  /** Probabilities per copy of a message. */
  readonly loss?: number
  readonly duplicate?: number
  readonly maxDelayMs?: number
  readonly groupSecret?: Uint8Array
  readonly maxSessions?: number
}

/** Members in one process under a virtual clock; messages are lost, doubled and reordered as the seed wants. */
export class Network {
  readonly dealt: DealtKey
  readonly nodes: readonly TestNode[]
  now = 0
  readonly #init: NetworkInit
  readonly #random: () => number
  readonly #queue: { at: number; order: number; run: () => void; dead: () => boolean }[] = []
  #order = 0

  constructor(init: NetworkInit) {
    this.#init = init
    this.#random = seeded(init.seed ?? 1)
    this.dealt = dealKey(init.t, init.n, init.groupSecret)
    const maxSessions = init.maxSessions ?? 64
    this.nodes = this.dealt.members.map((self) => {
      const keyFor = (r: SignRequest) =>
        node.hasShare && r.setHash === SET && r.transcript === TRANSCRIPT ? this.dealt.keys.get(self) : undefined
      const node: TestNode = new TestNode(
        self,
        () => new SignBook({ self, keyFor, stepTimeoutMs: STEP_MS, maxSessions }),
      )
      return node
    })
  }

  node(i: number): TestNode {
    const node = this.nodes[i]
    if (node === undefined) throw new Error('no such node in this test')
    return node
  }

  start(node: TestNode, request: SignRequest, timeoutMs = 10 * STEP_MS): void {
    this.perform(node, node.book.start(request, timeoutMs))
  }

  /** Runs until nothing is left to happen. */
  settle(): void {
    for (;;) {
      this.#queue.sort((x, y) => x.at - y.at || x.order - y.order)
      const next = this.#queue.shift()
      if (next === undefined) return
      if (next.dead()) continue
      this.now = next.at
      next.run()
    }
  }

  perform(node: TestNode, effects: readonly SignEffect[]): void {
    for (const e of effects) this.#performOne(node, e)
  }

  #performOne(node: TestNode, e: SignEffect): void {
    switch (e.kind) {
      case 'publish': {
        const topic = { network: 'test', scope: e.setHash, purpose: 'sign' as const }
        this.say(node, { topic, round: e.round, attempt: e.attempt, step: e.step, payload: e.payload })
        return
      }
      case 'arm': {
        const fire = () => {
          node.timers.delete(e.id)
          this.perform(node, node.book.timer(e.id))
        }
        const order: number = this.#at(e.afterMs, fire, () => node.timers.get(e.id) !== order)
        node.timers.set(e.id, order)
        return
      }
      case 'disarm':
        node.timers.delete(e.id)
        return
      case 'ask_consent':
        this.#at(0, () => this.perform(node, node.book.consent(e.id, node.consent(e.request))))
        return
      case 'done':
        node.done.push(e)
        return
      case 'failed':
        node.failed.push(e)
        return
      case 'fault':
        node.faults.push(e)
        return
      case 'refused':
        node.refused.push(e)
    }
  }

  /** Signs and spreads a message as the messenger would; it comes back to its author too. */
  say(node: TestNode, what: Pick<SignEnvelope, 'topic' | 'round' | 'attempt' | 'step' | 'payload'>): void {
    if (node.silent) return
    const unsigned = { ...what, author: node.key, boot: node.boot, counter: node.counter++ }
    const envelope = node.tamper({ ...unsigned, wire: wireOf(unsigned) })
    if (envelope === undefined) return
    node.said.push(envelope)
    for (const other of this.nodes) {
      if (other === node) {
        this.#at(0, () => this.deliver(node, envelope))
        continue
      }
      const copies = this.#random() < (this.#init.duplicate ?? 0) ? 2 : 1
      for (let i = 0; i < copies; i++)
        if (this.#random() >= (this.#init.loss ?? 0))
          this.#at(1 + Math.floor(this.#random() * (this.#init.maxDelayMs ?? 20)), () => this.deliver(other, envelope))
    }
  }

  deliver(node: TestNode, envelope: SignEnvelope): void {
    if (node.silent) return
    const { verdict, effects } = node.book.receive(envelope)
    if (verdict === 'reject') node.rejected.push(envelope)
    this.perform(node, effects)
  }

  #at(afterMs: number, run: () => void, dead: () => boolean = () => false): number {
    const order = this.#order++
    this.#queue.push({ at: this.now + afterMs, order, run, dead })
    return order
  }
}

/** Stands for the signed bytes: every field of the envelope is in it. */
export const wireOf = (e: Omit<SignEnvelope, 'wire'> & { counter?: number }): Uint8Array =>
  encodeFields(e.topic.scope, e.author, e.boot, e.counter ?? 0, e.round, e.attempt, e.step, e.payload)

export const hexes = (list: readonly Uint8Array[]): string[] => list.map(toHex)
