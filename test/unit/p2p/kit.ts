import {
  accept,
  asSetHash,
  type Clock,
  type Metrics,
  type PeerIdStr,
  refuse,
  silentLogger,
  toHex,
  utf8,
} from '../../../src/base/index.ts'
import { KeyPair, sha256 } from '../../../src/curve/index.ts'
import type { DenialPlace, DenialReason, RoleCheck, Topic } from '../../../src/p2p/index.ts'

export const NETWORK = 'testnet'
export const hash = (text: string): string => toHex(sha256(utf8(text)))
export const topicOf = (scope: string, network = NETWORK): Topic => ({
  network,
  scope: asSetHash(hash(scope)),
  purpose: 'sign',
})
export const TOPIC = topicOf('set 1')
export const ROUND = hash('round 1')

/** Time that only a test moves; timers fire in order when it does. */
export class TestClock implements Clock {
  #now: number
  #jumpedMs = 0
  readonly #timers = new Set<{ at: number; fn: () => void }>()
  constructor(nowMs = 1_700_000_000_000) {
    this.#now = nowMs
  }
  now(): number {
    return this.#now
  }
  monotonicMs(): number {
    return this.#now - this.#jumpedMs
  }
  /** Sets the wall clock back or forth without firing anything. */
  jump(deltaMs: number): void {
    this.#now += deltaMs
    this.#jumpedMs += deltaMs
    for (const t of this.#timers) t.at += deltaMs
  }
  after(delayMs: number, fn: () => void): () => void {
    const timer = { at: this.#now + delayMs, fn }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
  /** Delays of the timers that are set, shortest first. */
  delays(): number[] {
    return [...this.#timers].map((t) => t.at - this.#now).sort((a, b) => a - b)
  }
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.fn()
    }
    this.#now = end
  }
}

/** Counts by `name{label values}`. */
export class TestMetrics implements Metrics {
  readonly #counts = new Map<string, number>()
  counter<L extends string>(name: string) {
    return {
      inc: (labels: Readonly<Record<L, string>>, by = 1) => {
        const key = `${name}{${Object.values(labels).join(',')}}`
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + by)
      },
    }
  }
  gauge() {
    return { set() {} }
  }
  count(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}

/** Members may do everything, others nothing; `withoutTopic` takes single topics away. */
export class TestRoles implements RoleCheck {
  readonly members = new Set<PeerIdStr>()
  readonly withoutTopic = new Map<PeerIdStr, Topic['scope']>()
  readonly withoutProtocol = new Map<PeerIdStr, string>()
  readonly denials: { peer: PeerIdStr | undefined; reason: DenialReason; where: DenialPlace }[] = []
  constructor(...members: readonly PeerIdStr[]) {
    for (const m of members) this.members.add(m)
  }
  mayConnect(peer: PeerIdStr) {
    return this.members.has(peer) ? accept(undefined) : refuse('not_in_registry' as const)
  }
  mayGossip(peer: PeerIdStr, topic: Topic) {
    if (!this.members.has(peer)) return refuse('not_in_registry' as const)
    return this.withoutTopic.get(peer) === topic.scope ? refuse('no_right_to_topic' as const) : accept(undefined)
  }
  mayOpenStream(peer: PeerIdStr, protocol: string) {
    if (!this.members.has(peer)) return refuse('not_in_registry' as const)
    const denied = this.withoutProtocol.get(peer)
    return denied !== undefined && protocol.startsWith(denied)
      ? refuse('no_right_to_protocol' as const)
      : accept(undefined)
  }
  denied(peer: PeerIdStr | undefined, reason: DenialReason, where: DenialPlace) {
    this.denials.push({ peer, reason, where })
  }
}

export const keyPair = (seed: string): KeyPair => KeyPair.fromSecret(sha256(utf8(seed)))
export const logger = silentLogger
