import {
  asGroupKey,
  type Clock,
  CodedError,
  Emitter,
  noMetrics,
  type PublicKey,
  silentLogger,
  systemClock,
} from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import type { Messenger } from '../../../src/p2p/index.ts'
import {
  createRotateKeysTx,
  principalOf,
  type RegistryId,
  type RegistryWatcher,
  type RotateKeysCall,
  type RotateKeysPlan,
  type RotateKeysTx,
  type Snapshot,
  setHash,
} from '../../../src/registry/index.ts'
import { type Bootstrap, RotationReconciler } from '../../../src/rotation/index.ts'
import { openPendingSession, type PendingSpec, SignDriver, type SigningKey } from '../../../src/rounds/index.ts'
import type { Space } from '../../../src/store/index.ts'
import { MemoryBus } from '../../fixtures/bus.ts'
import { hastyClock } from '../../fixtures/hasty-clock.ts'
import { memorySpace } from '../../fixtures/space.ts'
import { MemoryVault } from '../../fixtures/vault.ts'

export const registryId: RegistryId = {
  network: 'devnet',
  chainId: 0x80000000,
  contract: 'SN3R84XZYA63QS28932XQF3G1J8R9PC3W76P9CSQS.sbtc-registry',
}

/** A registry without a chain under it: takes what a chain would take, and counts nonces like one. */
export class FakeRegistry {
  snapshot: Snapshot
  readonly nonces = new Map<string, number>()
  readonly sent: RotateKeysPlan[] = []
  /** Takes the transaction, and lets it have no effect. */
  abortNext = false
  /** Takes transactions into the mempool, and mines none. */
  stalled = false
  /** R5: not read for too long. */
  stale = false
  /** R4: what is mined waits for `confirm` before snapshots show it. */
  confirmations = 0
  /** How often each member asked for the newest block. */
  readonly askedBy = new Map<PublicKey, number>()
  #unconfirmed: RotateKeysCall | undefined
  #height = 1
  readonly #watchers: Emitter<Snapshot>[] = []

  constructor(deployer: string) {
    this.snapshot = { kind: 'uninitialised', deployer, tip: this.#tip(), readAtMs: 0 }
  }

  watcher(): RegistryWatcher {
    const changes = new Emitter<Snapshot>()
    this.#watchers.push(changes)
    return {
      latest: () => this.snapshot,
      stale: () => this.stale,
      changes,
      hint: () => {},
      readNow: async () => this.snapshot,
      health: () => ({ lastReadAtMs: 0, lastFailure: undefined }),
      start: async () => {},
      stop: async () => {},
    }
  }

  /** Real bytes and signatures; only nonce, fee and mempool are played. */
  tx(self: PublicKey): RotateKeysTx {
    const real = createRotateKeysTx({ registryId, clients: [] })
    return {
      payloadHash: (plan) => real.payloadHash(plan),
      sign: (plan, secret) => real.sign(plan, secret),
      verify: (plan, member, signature) => real.verify(plan, member, signature),
      rotationState: async (principal) => {
        this.askedBy.set(self, (this.askedBy.get(self) ?? 0) + 1)
        return { nonce: this.nonces.get(principal) ?? 0, aggregateKey: this.newestKey }
      },
      estimateFeeUstx: async () => 300,
      broadcast: async (plan, signatures) => {
        const principal = principalOf(registryId.chainId, plan.signers, plan.signaturesRequired)
        if (plan.nonce !== (this.nonces.get(principal) ?? 0))
          throw new CodedError('TX_REJECTED', 'BadNonce', { reason: 'BadNonce' })
        if (this.stalled) return 'cd'.repeat(32)
        let valid = 0
        for (const [member, signature] of signatures) if (await real.verify(plan, member, signature)) valid++
        if (valid < plan.signaturesRequired) throw new CodedError('TX_REJECTED', 'SignatureValidation')
        this.nonces.set(principal, plan.nonce + 1)
        this.sent.push(plan)
        if (this.abortNext) this.abortNext = false
        else this.mine(plan.call)
        return 'ab'.repeat(32)
      },
    }
  }

  /** What the newest block holds, whatever its depth. */
  get newestKey(): PublicKey | undefined {
    const confirmed = this.snapshot.kind === 'set' ? this.snapshot.set.aggregateKey : undefined
    return this.#unconfirmed?.newAggregateKey ?? confirmed
  }

  /** Mined: at once in the snapshot, or when it is deep enough. */
  mine(call: RotateKeysCall): void {
    if (this.confirmations === 0) this.apply(call)
    else this.#unconfirmed = call
  }
  confirm(): void {
    if (this.#unconfirmed !== undefined) this.apply(this.#unconfirmed)
    this.#unconfirmed = undefined
  }
  /** Takes the newest block back, and its transaction with it. */
  reorg(principal: string): void {
    this.#unconfirmed = undefined
    this.nonces.set(principal, (this.nonces.get(principal) ?? 1) - 1)
  }

  /** Takes back a rotation that snapshots showed already: `before` is current again, its transaction in no mempool. */
  forget(before: Snapshot, principal: string): void {
    this.snapshot = before
    this.reorg(principal)
    for (const changes of this.#watchers) changes.emit(before)
  }

  /** Snapshots come and go between two looks of anybody; the last one stays. */
  flicker(...snapshots: readonly Snapshot[]): void {
    for (const snapshot of snapshots) {
      this.snapshot = snapshot
      for (const changes of this.#watchers) changes.emit(snapshot)
    }
  }

  apply({ newKeys, newThreshold, newAggregateKey }: RotateKeysCall): void {
    const hash = setHash(registryId, newKeys, newThreshold, newAggregateKey)
    const principal = principalOf(registryId.chainId, newKeys, newThreshold)
    const groupKey = asGroupKey(newAggregateKey.slice(2))
    const set = { hash, keys: newKeys, threshold: newThreshold, aggregateKey: newAggregateKey, groupKey, principal }
    this.snapshot = { kind: 'set', set, tip: this.#tip(), readAtMs: 0 }
    for (const changes of this.#watchers) changes.emit(this.snapshot)
  }

  #tip() {
    this.#height++
    return { indexBlockHash: '22'.repeat(32), stacksHeight: this.#height, burnHeight: this.#height }
  }
}

/** A step of keygen still has ten seconds (`keygenStepTimeoutMs`). */
const HASTE = 3

export interface Operator {
  readonly key: KeyPair
  readonly publicKey: PublicKey
  readonly vault: MemoryVault
  readonly approvals: Space
  readonly cosigned: Space
  readonly proposals: Space
  readonly handoffs: Space
  readonly pending: (PendingSpec | undefined)[]
  /** The key that is to take this one's place, and its shares (R7). */
  next?: { readonly key: KeyPair; readonly vault: MemoryVault }
  reconciler: RotationReconciler
}

export class Federation {
  readonly bus = new MemoryBus()
  readonly registry: FakeRegistry
  readonly bootstrap: Bootstrap
  readonly founders: readonly Operator[]
  /** Another one where a real chain stands behind watcher and transactions. */
  registryId = registryId
  /** Added to everybody's wall clock. */
  skewMs = 0
  /** Members repeat themselves and take turns by the second; three times as fast shows the same. */
  readonly #clock = hastyClock(HASTE)
  /** R17: operators whose key another node speaks with. */
  readonly elsewhere = new Set<PublicKey>()
  /** Added to everybody's monotonic clock. */
  passedMs = 0

  constructor(size = 3, threshold = 2) {
    const keys = Array.from({ length: size }, () => KeyPair.generate())
    this.bootstrap = { keys: keys.map((k) => k.publicKey).toSorted(), threshold }
    this.registry = new FakeRegistry(principalOf(registryId.chainId, this.bootstrap.keys, threshold))
    this.founders = keys.map((key) => this.operator(key))
  }

  operator(key: KeyPair, over: { approvalTtlMs?: number; feeUstx?: number } = {}): Operator {
    const made = {
      key,
      publicKey: key.publicKey,
      vault: new MemoryVault(),
      approvals: memorySpace(),
      cosigned: memorySpace(),
      proposals: memorySpace(),
      handoffs: memorySpace(),
      pending: [],
    }
    return { ...made, reconciler: this.reconcilerOf(made, over) }
  }

  /** A fresh process on the same disk. */
  reconcilerOf(
    o: Omit<Operator, 'reconciler'>,
    {
      approvalTtlMs = 3_600_000,
      feeUstx,
      watcher = this.registry.watcher(),
      tx = this.registry.tx(o.publicKey),
    }: { approvalTtlMs?: number; feeUstx?: number; watcher?: RegistryWatcher; tx?: RotateKeysTx } = {},
  ): RotationReconciler {
    const { key, publicKey: self, vault, approvals, cosigned, proposals, handoffs, next } = o
    const messenger = this.bus.messenger(key)
    const clock: Clock = {
      ...this.#clock,
      now: () => this.#clock.now() + this.skewMs,
      monotonicMs: () => this.#clock.monotonicMs() + this.passedMs,
    }
    const ports = { clock, logger: silentLogger }
    const nextIdentity = next && {
      publicKey: next.key.publicKey,
      messenger: this.bus.speaker(next.key, self),
      vault: next.vault,
      carrier: key,
    }
    const speaking = { network: registryId.network, self, messenger, vault, next: nextIdentity }
    const sign = this.#signDriver(o, messenger, () => reconciler)
    const reconciler: RotationReconciler = new RotationReconciler({
      self,
      next: next?.key.publicKey,
      isKeyElsewhere: () => this.elsewhere.has(self),
      exposeSecret: () => key.exposeSecret(),
      registryId: this.registryId,
      bootstrap: this.bootstrap,
      watcher,
      tx,
      openSession: (spec, ...kept) =>
        openPendingSession({ ...speaking, carry: this.bus.carry(self), ...ports }, spec, ...kept),
      approvals,
      cosigned,
      proposals,
      handoffs,
      rounds: sign,
      feeUstx,
      approvalTtlMs,
      onPending: (spec) => void o.pending.push(spec),
      ...ports,
    })
    return reconciler
  }

  /** Real sign rounds under the key on chain; nobody consents to anything but what its operator listed for a handoff. */
  #signDriver(
    { publicKey: self, vault }: Pick<Operator, 'publicKey' | 'vault'>,
    messenger: Messenger,
    reconciler: () => RotationReconciler,
  ): SignDriver {
    const activeKey = (): SigningKey | undefined => {
      const { snapshot } = this.registry
      const stored = snapshot.kind === 'set' ? vault.byGroupKey(snapshot.set.groupKey) : undefined
      if (snapshot.kind !== 'set' || stored === undefined || stored.certificate.length === 0) return undefined
      const { hash: setHash, groupKey } = snapshot.set
      return { setHash, groupKey, transcript: stored.transcript, key: stored.key }
    }
    const driver = new SignDriver({
      ...{ network: registryId.network, self, messenger, activeKey },
      consent: async (request) => (reconciler().consentsToHandoff(request) ? 'yes' : 'not_asked_yet'),
      ...{ clock: systemClock, logger: silentLogger, metrics: noMetrics },
    })
    // As the node does whenever it looks: the key comes with keygen and snapshot, which nothing announces here.
    const follow = this.registry.watcher()
    follow.changes.on(() => driver.refresh())
    driver.refresh()
    return driver
  }
}
