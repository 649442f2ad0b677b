import { asSetHash, asTranscriptHash, encodeFields, LIMITS, type PublicKey, toHex } from '../../../../src/base/index.ts'
import type { Tweak } from '../../../../src/crypto/index.ts'
import { tweakedPublicKey } from '../../../../src/crypto/index.ts'
import { curve, sha256 } from '../../../../src/curve/index.ts'
import { decodeSign, encodeSign } from '../../../../src/rounds/sign/codec.ts'
import {
  requestHash,
  SignBook,
  type SignEffect,
  type SignEnvelope,
  type SignPayloads,
  type SignRequest,
  type SignStep,
  sessionNumbers,
} from '../../../../src/rounds/sign/index.ts'
import type { Consent, SignItem } from '../../../../src/signer/index.ts'
import { type DealtKey, dealKey, ODD_SECRET } from '../../crypto/signing-keys.ts'

export const SET = asSetHash('5e'.repeat(32))
export const TRANSCRIPT = asTranscriptHash('7a'.repeat(32))
export const DELAY_MS = LIMITS.coordinatorDelayMs

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

export const itemOf = (n: number, tweak: Tweak = { kind: 'none' }): SignItem => ({
  digest: sha256(Uint8Array.of(n >> 8, n & 255)),
  tweak,
})

export function requestOf(dealt: DealtKey, over: Partial<SignRequest> = {}): SignRequest {
  const { groupKey } = dealt.public
  return { groupKey, setHash: SET, transcript: TRANSCRIPT, requestId: 'abcd', items: [itemOf(9)], ...over }
}

type Of<K extends SignEffect['kind']> = SignEffect & { kind: K }
/** A message and to whom it goes; undefined: to all. */
export interface Parcel {
  readonly envelope: SignEnvelope
  readonly to: readonly PublicKey[] | undefined
  readonly lateMs?: number
}

/** One node of the test: a book, and a driver that performs its effects on the network. */
export class TestNode {
  readonly key: PublicKey
  book: SignBook
  boot = 1
  /** Gets nothing and says nothing. */
  silent = false
  /** Holds its share of the test's key. */
  hasShare = true
  /** What its policy says; a node whose bridge asked says yes, unless said. */
  consent: ((request: SignRequest) => Consent) | undefined
  readonly asked = new Set<string>()
  /** What leaves this node, signed by it: changed, doubled, or withheld. */
  tamper: (parcel: Parcel) => readonly Parcel[] = (parcel) => [parcel]
  readonly timers = new Map<string, number>()
  readonly done: (Of<'done'> & { readonly atMs: number })[] = []
  readonly failed: Of<'failed'>[] = []
  readonly faults: Of<'fault'>[] = []
  readonly refused: Of<'refused'>[] = []
  readonly rejected: SignEnvelope[] = []
  readonly said: Parcel[] = []
  readonly heard: SignEnvelope[] = []
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
    return this.said.map((p) => p.envelope).filter((e) => e.step === step)
  }
  /** Becomes honest, and forgets what it reported. */
  reform(): void {
    this.silent = false
    this.consent = undefined
    this.tamper = (parcel) => [parcel]
    for (const list of [this.done, this.failed, this.faults, this.refused, this.rejected, this.said, this.heard])
      list.length = 0
  }
}

export interface NetworkInit {
  readonly t: number
  readonly n: number
  readonly seed?: number
  /** Probabilities per copy of a gossiped message. */
  readonly loss?: number
  readonly duplicate?: number
  readonly maxDelayMs?: number
  /** The same key unless said, and so the same rounds and orders. */
  readonly groupSecret?: Uint8Array
  readonly maxSessions?: number
  readonly asksUnready?: boolean
  /** Nonce commitments are there from the beginning; they are, unless said. */
  readonly warm?: boolean
}

/** Members in one process under a virtual clock; messages are lost, doubled and reordered as the seed wants. */
export class Network {
  readonly dealt: DealtKey
  readonly nodes: readonly TestNode[]
  now = 0
  random: () => number
  readonly #init: NetworkInit
  #queue: { at: number; order: number; run: () => void; dead: () => boolean }[] = []
  #order = 0
  readonly #streams = new Map<string, number>()
  #counter = 0

  constructor(init: NetworkInit) {
    this.#init = init
    this.random = seeded(init.seed ?? 1)
    this.dealt = dealKey(init.t, init.n, init.groupSecret ?? ODD_SECRET)
    const { maxSessions = 64, asksUnready = false } = init
    // One for all: numbers of one process rise, and need not be the next ones.
    const number = sessionNumbers()
    this.nodes = this.dealt.members.map((self) => {
      const keyFor = (set: string, transcript: string) =>
        node.hasShare && set === SET && transcript === TRANSCRIPT ? this.dealt.keys.get(self) : undefined
      const node: TestNode = new TestNode(
        self,
        () => new SignBook({ self, keyFor, maxSessions, asksUnready, number, coordinatorDelayMs: DELAY_MS }),
      )
      return node
    })
    if (init.warm === false) return
    for (const node of this.nodes) this.perform(node, node.book.warm(SET, TRANSCRIPT))
    this.run(200)
  }

  node(i: number): TestNode {
    const node = this.nodes[i]
    if (node === undefined) throw new Error('no such node in this test')
    return node
  }
  of(key: PublicKey): TestNode {
    const node = this.nodes.find((n) => n.key === key)
    if (node === undefined) throw new Error('no such node in this test')
    return node
  }

  /** This node's own bridge asks. */
  start(node: TestNode, request: SignRequest, timeoutMs = 20 * DELAY_MS): void {
    node.asked.add(requestHash(request))
    this.perform(node, node.book.start(request, timeoutMs))
  }

  /** Lets the time pass. */
  run(ms: number): void {
    this.until(() => false, ms)
  }
  /** Lets the time pass until something holds, or for so long. */
  until(holds: () => boolean, withinMs = 30 * DELAY_MS): boolean {
    const end = this.now + withinMs
    for (;;) {
      if (holds()) return true
      this.#queue.sort((x, y) => x.at - y.at || x.order - y.order)
      const next = this.#queue[0]
      if (next === undefined || next.at > end) {
        this.now = end
        return holds()
      }
      this.#queue.shift()
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
      case 'publish':
        this.say(node, e)
        return
      case 'send':
        this.say(node, e, e.to)
        return
      case 'arm': {
        const fire = () => {
          node.timers.delete(e.id)
          this.perform(node, node.book.timer(e.id))
        }
        const order: number = this.at(e.afterMs, fire, () => node.timers.get(e.id) !== order)
        node.timers.set(e.id, order)
        return
      }
      case 'disarm':
        node.timers.delete(e.id)
        return
      case 'ask_consent': {
        const { book } = node
        const byBridge = () => (node.asked.has(requestHash(e.request)) ? 'yes' : 'not_asked_yet')
        this.at(0, () => this.perform(node, book.consent(e.id, node.consent?.(e.request) ?? byBridge())))
        return
      }
      case 'done':
        node.done.push({ ...e, atMs: this.now })
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

  /** Signs a message as the messenger would, and brings it to its receivers; own ones come back to their author. */
  say(
    node: TestNode,
    what: Pick<SignEnvelope, 'round' | 'attempt' | 'payload'> & { readonly setHash: string; readonly step: string },
    to?: readonly PublicKey[],
  ): void {
    const topic = { network: 'test', scope: asSetHash(what.setHash), purpose: 'sign' as const }
    const { round, attempt, step, payload } = what
    const envelope = this.sign(node, { topic, round, attempt, step, payload })
    if (to?.includes(node.key) || step === 'package') {
      const { book } = node
      this.at(0, () => node.book === book && this.deliver(node, envelope))
    }
    if (node.silent) return
    for (const parcel of node.tamper({ envelope, to })) this.#carry(node, parcel)
  }

  /** A wire of this node around these words. */
  sign(node: TestNode, words: Pick<SignEnvelope, 'topic' | 'round' | 'attempt' | 'step' | 'payload'>): SignEnvelope {
    const unsigned = { ...words, via: viaOf(words.step), author: node.key, boot: node.boot, counter: this.#counter++ }
    return { ...unsigned, wire: wireOf(unsigned) }
  }

  #carry(from: TestNode, parcel: Parcel): void {
    from.said.push(parcel)
    const { envelope, to, lateMs = 0 } = parcel
    for (const other of this.nodes) {
      if (other === from || (to !== undefined && !to.includes(other.key))) continue
      const copies = to === undefined && this.random() < (this.#init.duplicate ?? 0) ? 2 : 1
      for (let i = 0; i < copies; i++)
        if (this.random() >= (to === undefined ? (this.#init.loss ?? 0) : 0)) {
          const afterMs = lateMs + 1 + Math.floor(this.random() * (this.#init.maxDelayMs ?? 20))
          // What goes straight to somebody goes over one stream, and keeps its order.
          const stream = `${from.key}${other.key}`
          const at =
            to === undefined ? this.now + afterMs : Math.max(this.now + afterMs, this.#streams.get(stream) ?? 0)
          if (to !== undefined) this.#streams.set(stream, at)
          this.at(at - this.now, () => this.deliver(other, envelope))
        }
    }
  }

  deliver(node: TestNode, envelope: SignEnvelope): void {
    if (node.silent) return
    node.heard.push(envelope)
    const { verdict, effects } = node.book.receive(envelope)
    if (verdict === 'reject') node.rejected.push(envelope)
    this.perform(node, effects)
  }

  at(afterMs: number, run: () => void, dead: () => boolean = () => false): number {
    const order = this.#order++
    this.#queue.push({ at: this.now + afterMs, order, run, dead })
    return order
  }

  isValid(request: SignRequest, signatures: readonly Uint8Array[] | undefined): boolean {
    return (
      signatures?.length === request.items.length &&
      request.items.every(({ digest, tweak }, i) =>
        curve.schnorrVerify(signatures[i] ?? new Uint8Array(64), digest, tweakedPublicKey(this.dealt.public, tweak)),
      )
    )
  }
}

/** How an honest node lets it travel; a late `result` comes straight, too. */
export const viaOf = (step: string): SignEnvelope['via'] =>
  step === 'ready' || step === 'result' ? 'gossip' : 'direct'

/** Stands for the signed bytes: every field of the envelope is in it. */
export const wireOf = (e: Omit<SignEnvelope, 'wire' | 'via'> & { counter?: number }): Uint8Array =>
  encodeFields(e.topic.scope, e.author, e.boot, e.counter ?? 0, e.round, e.attempt, e.step, e.payload)

export const hexes = (list: readonly Uint8Array[]): string[] => list.map(toHex)

/** The same envelope around another payload, signed by its author again. */
export function reworded<S extends SignStep>(
  e: SignEnvelope,
  step: S,
  change: (p: SignPayloads[S]) => SignPayloads[S],
): SignEnvelope {
  if (e.step !== step) return e
  const payload = decodeSign(step, e.payload)
  if (payload === undefined) throw new Error('this test starts from what decodes')
  const changed = { ...e, payload: encodeSign(step, change(payload)) }
  return { ...changed, wire: wireOf(changed) }
}

/** Wrong, and well-formed. (Flipped bits of two members can cancel out in the sum.) */
export const spoilt = (share: Uint8Array): Uint8Array => curve.negateScalar(share)
