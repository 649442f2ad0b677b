import { asPendingId, asSetHash, type PublicKey, type TranscriptHash, toHex, utf8 } from '../../../../src/base/index.ts'
import { makeKey } from '../../../../src/crypto/index.ts'
import { KeyPair, sha256 } from '../../../../src/curve/index.ts'
import { sealEnvelope } from '../../../../src/p2p/envelope.ts'
import { type Topic, topicName } from '../../../../src/p2p/index.ts'
import { pendingId } from '../../../../src/registry/index.ts'
import {
  type KeygenAbort,
  type KeygenEffect,
  type KeygenEvent,
  type KeygenParams,
  type KeygenResult,
  type KeygenState,
  type KeygenTimer,
  keygenStep,
  newKeygen,
  viaOf,
} from '../../../../src/rounds/keygen/index.ts'

/** Deterministic chance: the same seed, the same run, but for the keys. */
export function chanceOf(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What a member says, to whom. `to` undefined: gossip, to all. */
export interface Words {
  readonly step: string
  readonly payload: Uint8Array
  readonly to?: PublicKey | readonly PublicKey[]
  readonly boot?: number
}
/** A cheater: its own honest words and its state in, what it says instead out. */
export type Cheat = (words: readonly Words[], node: SimNode) => readonly Words[]

export interface NetworkInit {
  readonly n: number
  readonly threshold: number
  readonly seed: number
  /** Probabilities per delivery. */
  readonly loss?: number
  readonly duplication?: number
  /** Do receivers of a gossip message pass it on to all, as GossipSub does? Off: a cheater may tell each something else. */
  readonly forwarding?: boolean
  readonly cheats?: Readonly<Record<number, Cheat>>
  /** Members who never speak. */
  readonly silent?: readonly number[]
  readonly rngs?: Readonly<Record<number, NonNullable<KeygenParams['rng']>>>
  /** After which nothing more happens; longer than all steps together, unless said. */
  readonly endMs?: number
  /** Is this node's key computed? */
  readonly computes?: (node: SimNode) => boolean
  /** Is this persist answered, and as which transcript's? Default: at once, as what it is. */
  readonly persists?: (node: SimNode) => boolean | TranscriptHash
  /** Real envelopes, on the topic of a pending set whose name follows from its members (R7). */
  readonly sealed?: boolean
}

export const CONTRACT = 'ST000000000000000000002AMW42H.sbtc-registry'
export const NETWORK = 'simnet'
const PARENT = asSetHash('0a'.repeat(32))
/** Longer than all steps together. */
const END_MS = 4 * 60_000

interface Message {
  readonly kind: 'message'
  readonly author: PublicKey
  readonly boot: number
  readonly step: string
  readonly payload: Uint8Array
  readonly wire: Uint8Array
}
interface Delivery {
  readonly to: SimNode
  readonly event: KeygenEvent
}

export interface SimNode {
  readonly index: number
  readonly self: PublicKey
  state: KeygenState
  readonly timers: Map<KeygenTimer, number>
  /** In order of happening. */
  readonly effects: KeygenEffect[]
  readonly heard: Message[]
  result: KeygenResult | undefined
  aborted: Extract<KeygenEffect, { kind: 'aborted' }> | undefined
}

/** n machines, and between them a network that reorders, doubles and loses. No time passes but between timers. */
export class Network {
  readonly nodes: readonly SimNode[]
  readonly params: Omit<KeygenParams, 'self'>
  readonly wires = new Map<string, Message>()
  /** Everything that was gossiped, and everything that was said at all. */
  readonly gossiped: Message[] = []
  readonly said: Message[] = []
  nowMs = 0
  readonly #init: NetworkInit
  readonly #chance: () => number
  readonly #queue: Delivery[] = []
  #counter = 0

  constructor(init: NetworkInit) {
    this.#init = init
    this.#chance = chanceOf(init.seed)
    const members = membersOf(init.n)
    this.params = {
      network: NETWORK,
      pendingId: init.sealed
        ? pendingId({ registryId: { network: NETWORK, contract: CONTRACT, chainId: 0 }, ...this.#pendingOf(members) })
        : asPendingId(toHex(sha256(utf8(`pending ${init.seed}`)))),
      members,
      threshold: init.threshold,
      attempt: 1,
      epoch: 0,
    }
    this.nodes = members.map((self, index) => ({
      index,
      self,
      state: newKeygen({ ...this.params, self, ...rngOf(init, index) }),
      timers: new Map(),
      effects: [],
      heard: [],
      result: undefined,
      aborted: undefined,
    }))
  }

  /** What names the pending set. */
  get pending() {
    return this.#pendingOf(this.params.members)
  }
  #pendingOf(keys: readonly PublicKey[]) {
    return { parentSetHash: PARENT, keys, threshold: this.#init.threshold, attempt: this.#init.seed }
  }
  get topic(): Topic {
    return { network: NETWORK, scope: this.params.pendingId, purpose: 'keygen' }
  }

  get honest(): readonly SimNode[] {
    const { cheats = {}, silent = [] } = this.#init
    return this.nodes.filter((n) => cheats[n.index] === undefined && !silent.includes(n.index))
  }

  /** Until nothing more happens. */
  run(): this {
    for (const node of this.nodes) if (!this.#isSilent(node)) this.#queue.push({ to: node, event: { kind: 'start' } })
    for (let turns = 0; ; turns++) {
      if (turns > 200_000) throw new Error('the network does not come to rest')
      const delivery = this.#take()
      if (delivery !== undefined) this.dispatch(delivery.to, delivery.event)
      else if (!this.#fireNextTimer()) return this
    }
  }

  dispatch(node: SimNode, event: KeygenEvent): void {
    if (event.kind === 'message') node.heard.push(event)
    const { state, effects } = keygenStep(node.state, event)
    node.state = state
    node.effects.push(...effects)
    const words: Words[] = []
    for (const effect of effects) {
      if (effect.kind === 'publish') words.push(effect.utterance)
      else if (effect.kind === 'send') words.push({ ...effect.utterance, to: effect.to })
      else this.#perform(node, effect)
    }
    const cheat = this.#init.cheats?.[node.index]
    for (const w of cheat === undefined ? words : cheat(words, node)) this.say(node, w)
  }

  /** Signs and sends. The "signature" is that a wire is known to this network. */
  say(node: SimNode, { step, payload, to, boot = 1_000 + node.index }: Words): void {
    const wire = this.#wireOf(node.self, step, payload, boot)
    const message: Message = { kind: 'message', author: node.self, boot, step, payload, wire }
    this.wires.set(toHex(wire), message)
    this.said.push(message)
    const gossip = viaOf(step) === 'gossip'
    if (gossip) this.gossiped.push(message)
    if (gossip && !this.#isSilent(node)) this.dispatch(node, { kind: 'published', step, wire, boot })
    const all = to === undefined || (gossip && this.#init.forwarding !== false)
    for (const other of this.nodes) {
      if (other === node || this.#isSilent(other)) continue
      if (!all && other.self !== to && !(to as readonly PublicKey[]).includes(other.self)) continue
      for (const event of this.#copies(message)) this.#queue.push({ to: other, event })
    }
  }

  #wireOf(author: PublicKey, step: string, payload: Uint8Array, boot: number): Uint8Array {
    const counter = this.#counter++
    if (!this.#init.sealed) return utf8(`envelope ${counter}`)
    const { pendingId: round, attempt } = this.params
    return sealEnvelope(keyPairOf(author), topicName(this.topic), {
      ...{ round, attempt, step, payload, boot, counter },
      expiresAtMs: 1,
    })
  }

  openEnvelope = (wire: Uint8Array): Message | undefined => this.wires.get(toHex(wire))

  #perform(node: SimNode, effect: KeygenEffect): void {
    switch (effect.kind) {
      case 'arm':
        node.timers.set(effect.name, this.nowMs + effect.delayMs)
        return
      case 'disarm':
        node.timers.delete(effect.name)
        return
      case 'persist':
        this.#persist(node, effect.transcript)
        return
      case 'compute':
        if (this.#init.computes?.(node) ?? true)
          this.#queue.push({ to: node, event: { kind: 'computed', made: makeKey(effect.material) } })
        return
      case 'commit':
        this.#queue.push({ to: node, event: { kind: 'committed', transcript: effect.transcript } })
        return
      case 'late':
        return
      case 'done':
        if (node.result !== undefined) throw new Error('done twice')
        node.result = effect.result
        return
      case 'aborted':
        if (node.aborted !== undefined) throw new Error('aborted twice')
        node.aborted = effect
        return
    }
  }

  #persist(node: SimNode, transcript: TranscriptHash): void {
    const answer = this.#init.persists?.(node) ?? true
    if (answer === false) return
    this.#queue.push({ to: node, event: { kind: 'persisted', transcript: answer === true ? transcript : answer } })
  }

  #copies(message: Message): readonly Message[] {
    const { loss = 0, duplication = 0 } = this.#init
    if (this.#chance() < loss) return []
    return this.#chance() < duplication ? [message, message] : [message]
  }

  #take(): Delivery | undefined {
    const at = Math.floor(this.#chance() * this.#queue.length)
    const taken = this.#queue[at]
    const last = this.#queue.pop()
    if (last !== undefined && last !== taken) this.#queue[at] = last
    return taken
  }

  #fireNextTimer(): boolean {
    const due = this.nodes
      .flatMap((node) => [...node.timers].map(([name, atMs]) => ({ node, name, atMs })))
      .toSorted((a, b) => a.atMs - b.atMs)[0]
    // Whoever has confirmed waits for ever, so what is said in it is said again for ever (R20).
    if (due === undefined || due.atMs > (this.#init.endMs ?? END_MS)) return false
    this.nowMs = Math.max(this.nowMs, due.atMs)
    due.node.timers.delete(due.name)
    this.dispatch(due.node, { kind: 'timer', name: due.name })
    return true
  }

  #isSilent(node: SimNode): boolean {
    return this.#init.silent?.includes(node.index) === true
  }
}

/** Everyone whom a node's abort names as having done wrong: found by itself, or as another claims. */
export function namedBy(node: SimNode): readonly { member: PublicKey; code: string; claimed: boolean }[] {
  const reason = node.aborted?.reason
  if (reason?.kind === 'fault') return reason.faults.map(({ member, code }) => ({ member, code, claimed: false }))
  if (reason?.kind === 'complaint' && reason.accused !== undefined)
    return [{ member: reason.accused, code: reason.code, claimed: true }]
  return []
}
export const reasonOf = (node: SimNode): KeygenAbort | undefined => node.aborted?.reason

const rngOf = ({ rngs }: NetworkInit, index: number): Pick<KeygenParams, 'rng'> => {
  const rng = rngs?.[index]
  return rng === undefined ? {} : { rng }
}

/** Key pairs cost time; tests share them. Members are sorted by bytes. */
const pool = new Map<PublicKey, KeyPair>()
function membersOf(n: number): readonly PublicKey[] {
  while (pool.size < n) {
    const made = KeyPair.generate()
    pool.set(made.publicKey, made)
  }
  return [...pool.keys()].slice(0, n).toSorted()
}
export function keyPairOf(member: PublicKey): KeyPair {
  const found = pool.get(member)
  if (found === undefined) throw new Error('not a member of any network')
  return found
}
