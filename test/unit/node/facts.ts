import { asPendingId, noMetrics } from '../../../src/base/index.ts'
import { KeyPair } from '../../../src/curve/index.ts'
import { Gate } from '../../../src/gating/index.ts'
import type { LivenessView } from '../../../src/node/liveness/index.ts'
import type { ConnectionInfo } from '../../../src/p2p/index.ts'
import type { SignerSet, Snapshot } from '../../../src/registry/index.ts'
import type { PendingSpec } from '../../../src/rounds/index.ts'
import { SCOPE, signerSet } from '../../fixtures/sets.ts'
import { ManualClock, MemoryLogger } from '../registry/support/ports.ts'

export const [SELF, MEMBER, OTHER, INCOMING] = Array.from({ length: 4 }, () => KeyPair.generate()) as [
  KeyPair,
  KeyPair,
  KeyPair,
  KeyPair,
]
export const TIP = { indexBlockHash: '22'.repeat(32), stacksHeight: 70, burnHeight: 7 }
export const holding = (set: SignerSet): Snapshot => ({ kind: 'set', set, tip: TIP, readAtMs: 0 })
export const SET = signerSet([SELF, MEMBER, OTHER], 2, '11'.repeat(32))
export const WITHOUT_SELF = signerSet([MEMBER, OTHER], 2, '33'.repeat(32))
export const SPEC: PendingSpec = {
  id: asPendingId('ab'.repeat(32)),
  parentSetHash: WITHOUT_SELF.hash,
  keys: [SELF, MEMBER, INCOMING].map((k) => k.publicKey).toSorted(),
  threshold: 2,
  attempt: 1,
  currentKeys: WITHOUT_SELF.keys,
  currentThreshold: WITHOUT_SELF.threshold,
  principal: WITHOUT_SELF.principal,
}

const fresh = (): Gate =>
  new Gate({
    registryScope: SCOPE,
    self: SELF.publicKey,
    bridges: [],
    denied: [],
    clock: new ManualClock(),
    logger: new MemoryLogger(),
    metrics: noMetrics,
  })

/** A gate in each state that a node can be in. */
export const gateIn = {
  waiting(): Gate {
    const gate = fresh()
    gate.applySnapshot(holding(WITHOUT_SELF))
    return gate
  },
  pending(): Gate {
    const gate = gateIn.waiting()
    gate.applyPending(SPEC)
    return gate
  },
  signer(): Gate {
    const gate = fresh()
    gate.applySnapshot(holding(SET))
    return gate
  },
  removed(): Gate {
    const gate = gateIn.signer()
    gate.applySnapshot(holding(WITHOUT_SELF))
    return gate
  },
  /** Removed, as a process sees it that began after that. */
  restartedOut(): Gate {
    const gate = fresh()
    gate.applySnapshot(holding(WITHOUT_SELF), true)
    return gate
  },
  unread: fresh,
} as const

/** The facts of health about waits, while nothing hangs. */
export const NOTHING_STUCK = {
  dials: [],
  signing: { overdue: [], silent: undefined },
  keygen: undefined,
  syncingSinceMs: undefined,
  evidence: { accusations: [], failure: null },
  validator: undefined,
  loopLagMs: 3,
  operator: {
    s2: null,
    serviceKeys: { held: 0, unusable: [] },
    audit: { head: null, lines: 0, file: null, failure: null },
    disk: { freeBytes: null, lowFolder: null },
  },
} as const

/** Nobody is expected to be heard. */
export const NO_LIVENESS: LivenessView = { members: new Map(), clock: { offsetMs: undefined, witnesses: 0 } }

export const connectionTo = (peer: KeyPair): ConnectionInfo => ({
  peerId: peer.peerId,
  direction: 'outbound',
  transport: 'tcp',
  remoteAddress: '/ip4/127.0.0.1/tcp/4001',
  openedAtMs: 5,
})
