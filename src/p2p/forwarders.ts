import { BoundedMap, LIMITS, type PeerIdStr, TokenBucket } from '../base/index.ts'

/** An honest node checks before it forwards, so bad shapes and signatures are its peer's own doing: a few, then silence. */
const FAULT_BURST = 20
const FAULTS_PER_SECOND = 1
const MUTE_MS = 10_000

interface Account {
  readonly messages: TokenBucket
  readonly faults: TokenBucket
  mutedUntilMs: number
}

/** R13: who forwards pays before any signature is checked; who forwards what can't be valid is not listened to for a while. */
export class ForwarderAccounts {
  readonly #accounts: BoundedMap<PeerIdStr, Account>
  constructor(max: number) {
    this.#accounts = new BoundedMap(max)
  }

  charge(forwarder: PeerIdStr, nowMs: number): 'paid' | 'forwarder_rate' | 'forwarder_muted' {
    const account = this.#of(forwarder, nowMs)
    if (nowMs < account.mutedUntilMs) return 'forwarder_muted'
    return account.messages.take(nowMs) ? 'paid' : 'forwarder_rate'
  }

  /** True if that was one too many. */
  fault(forwarder: PeerIdStr, nowMs: number): boolean {
    const account = this.#of(forwarder, nowMs)
    if (account.faults.take(nowMs)) return false
    account.mutedUntilMs = nowMs + MUTE_MS
    return true
  }

  #of(forwarder: PeerIdStr, nowMs: number): Account {
    return this.#accounts.getOrMake(forwarder, () => ({
      messages: new TokenBucket(LIMITS.forwarderBurst, LIMITS.forwarderPerSecond, nowMs),
      faults: new TokenBucket(FAULT_BURST, FAULTS_PER_SECOND, nowMs),
      mutedUntilMs: 0,
    }))
  }
}
