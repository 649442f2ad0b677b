import { secp256k1 } from '@noble/curves/secp256k1.js'
import {
  asGroupKey,
  asTranscriptHash,
  type Clock,
  noMetrics,
  type PublicKey,
  silentLogger,
  toHex,
} from '../../../src/base/index.ts'
import { identifierOf, type KeyPackage } from '../../../src/crypto/index.ts'
import { curve, KeyPair, parsePublicKey, randomBytes, xOnly } from '../../../src/curve/index.ts'
import type { SignItem, StoredShare } from '../../../src/signer/index.ts'
import type { Space } from '../../../src/store/index.ts'

const Fn = secp256k1.Point.Fn

/** A group key of known secret, shared by a polynomial of known coefficients. */
export interface TestGroup {
  readonly members: readonly PublicKey[]
  /** Secret of the group key, even Y: signs as the whole group would. */
  readonly secret: Uint8Array
  share(owner: PublicKey, epoch?: number): StoredShare
}

/** `members` share a key 2-of-n; `refreshed` is another sharing of the same secret. */
export function groupOf(count = 3, knownSecret?: Uint8Array, members = memberKeys(count)): TestGroup {
  const drawn = knownSecret ?? curve.randomScalar()
  const secret = curve.publicKeyOf(drawn)[0] === 3 ? curve.negateScalar(drawn) : drawn
  const coefficients = [secret, curve.randomScalar()]
  const shareOf = (member: PublicKey) => {
    const x = Fn.fromBytes(Buffer.from(identifierOf(member), 'hex'))
    const [a, b] = coefficients.map((c) => Fn.fromBytes(c))
    return Fn.toBytes(Fn.add(a ?? 0n, Fn.mul(b ?? 0n, x)))
  }
  const commitments = coefficients.map((c) => curve.publicKeyOf(c))
  const verifyingShares = new Map(members.map((m) => [m, curve.publicKeyOf(shareOf(m))] as const))
  const groupKey = asGroupKey(toHex(xOnly(curve.publicKeyOf(secret))))
  return {
    members,
    secret,
    share: (owner, epoch = 0) => {
      const pub = { threshold: 2, members, commitments, verifyingShares, groupKey }
      const key: KeyPackage = { owner, signingShare: shareOf(owner), public: pub }
      return { transcript: asTranscriptHash(toHex(randomBytes(32))), epoch, key, certificate: randomBytes(40) }
    },
  }
}

export const memberKeys = (count: number): PublicKey[] =>
  Array.from({ length: count }, () => parsePublicKey(curve.publicKeyOf(KeyPair.generate().exposeSecret()))).toSorted()

export const itemOf = (fill: number): SignItem => ({ digest: new Uint8Array(32).fill(fill), tweak: { kind: 'none' } })

/** A space in memory whose writes can be held back or made to fail. */
export class FakeSpace implements Space {
  readonly values = new Map<string, Uint8Array>()
  readonly puts: string[] = []
  failure: Error | undefined
  gate: Promise<void> = Promise.resolve()
  async get(key: string) {
    if (this.failure !== undefined) throw this.failure
    return this.values.get(key)
  }
  async getMany(keys: readonly string[]) {
    if (this.failure !== undefined) throw this.failure
    return keys.map((key) => this.values.get(key))
  }
  async put(key: string, value: Uint8Array) {
    this.puts.push(key)
    await this.gate
    if (this.failure !== undefined) throw this.failure
    this.values.set(key, value)
  }
  async delete(key: string) {
    this.values.delete(key)
  }
  async entries() {
    return [...this.values].toSorted(([a], [b]) => (a < b ? -1 : 1))
  }
  async page(after: string, limit: number) {
    return (await this.entries()).filter(([key]) => key > after).slice(0, limit)
  }
}

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  nowMs = 1_700_000_000_000
  #timers = new Set<{ atMs: number; fn: () => void }>()
  now() {
    return this.nowMs
  }
  monotonicMs() {
    return this.nowMs
  }
  after(delayMs: number, fn: () => void) {
    const timer = { atMs: this.nowMs + delayMs, fn }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
  advance(ms: number) {
    this.nowMs += ms
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.nowMs) continue
      this.#timers.delete(timer)
      timer.fn()
    }
  }
  get pending() {
    return this.#timers.size
  }
}

/** What a policy of a mainnet signer is made with, but for its bindings and its clock. */
export const policyInit = {
  kind: 'bridge' as const,
  chainId: 1,
  network: 'mainnet',
  requestTtlMs: 3_600_000,
  logger: silentLogger,
  metrics: noMetrics,
}
