import { asGroupKey, CodedError, concatBytes, Emitter, type PublicKey, toHex, utf8 } from '../../src/base/index.ts'
import { KeyPair, publicKeyBytes, sha256, verifyTagged } from '../../src/curve/index.ts'
import {
  principalOf,
  type RegistryId,
  type RegistryWatcher,
  type RotateKeysCall,
  type RotateKeysPlan,
  type RotateKeysTx,
  type SignerSet,
  type Snapshot,
  setHash,
} from '../../src/registry/index.ts'
import type { VirtualClock } from './virtual-clock.ts'

export const registryId: RegistryId = {
  network: 'devnet',
  chainId: 0x80000000,
  contract: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry',
}

/** How long the last good snapshot is fresh (R5). */
export const MAX_AGE_MS = 10 * 60_000

export function setOf(keys: readonly PublicKey[], threshold: number, aggregateKey: PublicKey): SignerSet {
  const sorted = [...keys].toSorted()
  return {
    hash: setHash(registryId, sorted, threshold, aggregateKey),
    keys: sorted,
    threshold,
    aggregateKey,
    groupKey: asGroupKey(aggregateKey.slice(2)),
    principal: principalOf(registryId.chainId, sorted, threshold),
  }
}

/** The chain as a script moves it; every node sees it at its own time. */
export class ScriptedRegistry {
  readonly #clock: VirtualClock
  readonly #watchers = new Set<ScriptedWatcher>()
  readonly #nonces = new Map<string, number>()
  #height = 1
  #current: Snapshot

  constructor(clock: VirtualClock, initial: { readonly deployer: string } | { readonly set: SignerSet }) {
    this.#clock = clock
    this.#current = this.#snapshot(initial)
  }

  get current(): Snapshot {
    return this.#current
  }

  /** A new set stands on chain; also what a reorg does, when it brings an older one back. */
  rotateTo(set: SignerSet): void {
    this.#current = this.#snapshot({ set })
    for (const watcher of this.#watchers) watcher.hint()
  }

  watch(view: RegistryView): ScriptedWatcher {
    const watcher = new ScriptedWatcher(this, this.#clock, view, () => this.#watchers.delete(watcher))
    this.#watchers.add(watcher)
    return watcher
  }

  /** Signatures are checked, nonces counted; bytes, fees and mempool of a real transaction are tested elsewhere. */
  tx(): RotateKeysTx {
    const payload = (plan: RotateKeysPlan) => sha256(utf8(JSON.stringify(plan)))
    const verify: RotateKeysTx['verify'] = async (plan, member, signature) =>
      verifyTagged(TAG, payload(plan), signature.subarray(0, 64), publicKeyBytes(member))
    return {
      payloadHash: async (plan) => toHex(payload(plan)),
      sign: async (plan, secret) => concatBytes(KeyPair.fromSecret(secret).sign(TAG, payload(plan)), Uint8Array.of(0)),
      verify,
      rotationState: async (principal) => ({
        nonce: this.#nonces.get(principal) ?? 0,
        aggregateKey: this.#current.kind === 'set' ? this.#current.set.aggregateKey : undefined,
      }),
      estimateFeeUstx: async () => 300,
      broadcast: async (plan, signatures) => {
        const principal = principalOf(registryId.chainId, plan.signers, plan.signaturesRequired)
        if (plan.nonce !== (this.#nonces.get(principal) ?? 0))
          throw new CodedError('TX_REJECTED', 'BadNonce', { reason: 'BadNonce' })
        const checks = await Promise.all([...signatures].map(([member, s]) => verify(plan, member, s)))
        if (checks.filter(Boolean).length < plan.signaturesRequired)
          throw new CodedError('TX_REJECTED', 'SignatureValidation')
        this.#nonces.set(principal, plan.nonce + 1)
        this.#mine(plan.call)
        return toHex(payload(plan))
      },
    }
  }

  #mine({ newKeys, newThreshold, newAggregateKey }: RotateKeysCall): void {
    this.rotateTo(setOf(newKeys, newThreshold, newAggregateKey))
  }

  #snapshot(state: { readonly deployer: string } | { readonly set: SignerSet }): Snapshot {
    const height = this.#height++
    const tip = { indexBlockHash: toHex(sha256(utf8(String(height)))), stacksHeight: height, burnHeight: height }
    const readAtMs = this.#clock.now()
    return 'set' in state
      ? { kind: 'set', set: state.set, tip, readAtMs }
      : { kind: 'uninitialised', deployer: state.deployer, tip, readAtMs }
  }
}

const TAG = 'simulated rotate-keys'

/** How one node sees the chain; outlives its process, as the last good snapshot on its disk does. */
export interface RegistryView {
  /** From a change on chain until this node has read it. */
  lateMs: number
  /** Since when its endpoints don't answer. */
  outageSinceMs: number | undefined
  stored: Snapshot | undefined
}

/** A watcher that never reads anything wrong: what bad readings do is tested at the real one. */
export class ScriptedWatcher implements RegistryWatcher {
  readonly changes = new Emitter<Snapshot>((error) => {
    throw error
  })
  readonly #registry: ScriptedRegistry
  readonly #clock: VirtualClock
  readonly #view: RegistryView
  readonly #onStop: () => void
  #running = false

  constructor(registry: ScriptedRegistry, clock: VirtualClock, view: RegistryView, onStop: () => void) {
    this.#registry = registry
    this.#clock = clock
    this.#view = view
    this.#onStop = onStop
  }

  latest(): Snapshot | undefined {
    return this.#view.stored
  }
  stale(): boolean {
    const { outageSinceMs } = this.#view
    return outageSinceMs !== undefined && this.#clock.now() - outageSinceMs > MAX_AGE_MS
  }
  hint(): void {
    this.#clock.after(this.#view.lateMs, () => this.#read())
  }
  async readNow(): Promise<Snapshot> {
    this.#read()
    return this.#view.stored ?? this.#registry.current
  }
  health() {
    return { lastReadAtMs: this.#clock.now(), lastFailure: undefined }
  }
  async start(): Promise<void> {
    this.#running = true
    if (this.#view.stored !== undefined) this.changes.emit(this.#view.stored)
    this.hint()
  }
  async stop(): Promise<void> {
    this.#running = false
    this.#onStop()
  }

  #read(): void {
    const { current } = this.#registry
    if (!this.#running || this.#view.outageSinceMs !== undefined || this.#view.stored === current) return
    this.#view.stored = current
    this.changes.emit(current)
  }
}
