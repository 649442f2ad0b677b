import type { GroupKey } from '../base/index.ts'
import { peerIdOfKey } from '../curve/index.ts'
import type { Messenger } from '../p2p/index.ts'
import { createRotateKeysTx, createStacksClient } from '../registry/index.ts'
import { earlierKeys, Recalls, type RecallsInit, type ReconcilerInit, RotationReconciler } from '../rotation/index.ts'
import {
  CertificateHelp,
  isCertifiedShare,
  type KeyThreads,
  keyThreads,
  type MakesKeys,
  type NextIdentity,
  openPendingSession,
  SignDriver,
  sessionNumbers,
} from '../rounds/index.ts'
import {
  createPolicy,
  openShareVault,
  type RequestBindings,
  readValidatorToken,
  requestBindings,
  type ShareVault,
  type SigningPolicy,
  type StoppableThresholdService,
  thresholdService,
} from '../signer/index.ts'
import type { OpenedKey } from '../store/index.ts'
import { type ActiveShare, activeShare, recalledShare } from './active-key.ts'
import { THRESHOLD_KEY, VOTING_METHOD } from './config/index.ts'
import type { EvidenceParts } from './evidence-parts.ts'
import { type Foundation, nextOf } from './foundation.ts'
import { tellUncounted } from './grants.ts'
import type { NetworkParts } from './network-parts.ts'
import { RecalledSigning } from './recalled-signing.ts'
import { sharePlaceOf } from './share-folder.ts'
import { stateOf } from './status.ts'

/** Shares, and everything that signs with them or makes new ones. */
export interface SigningParts {
  readonly activeKey: () => ActiveShare | undefined
  readonly sign: SignDriver
  readonly certificates: CertificateHelp
  readonly threshold: StoppableThresholdService
  readonly policy: Pick<SigningPolicy, 'kind' | 'decisions' | 'validatorTrouble'>
  readonly reconciler: RotationReconciler
  /** Where keys of large sets are made. */
  readonly threads: KeyThreads
  readonly recalls: Recalls
  readonly recalled: RecalledSigning
  /** A certified share of this key is in the vault, whether it may be used or not. */
  readonly isHeld: (groupKey: GroupKey) => boolean
}

export async function createSigning(
  base: Foundation,
  { gate, host, membership, elsewhere, grants }: NetworkParts,
  onFatal: (error: Error) => void,
  evidence: Pick<EvidenceParts, 'keygenEnded' | 'signFault' | 'exchange'>,
): Promise<SigningParts> {
  const { config, key, store, clock, logger, metrics } = base
  const { network } = config.registry.id
  const self = key.keyPair.publicKey
  // R17: everything that makes or uses keys speaks through these, this key's and the next one's. Wrapped once: what is parked of a
  // keygen is found again by the voice that said it.
  const messenger = elsewhere.guard(host.messenger)
  const vaultOf = async ({ keyPair, sealer }: OpenedKey): Promise<ShareVault> => {
    const owner = keyPair.publicKey
    const { dir, epochs } = await sharePlaceOf(config.dataDir, owner, owner === base.keys.next?.keyPair.publicKey)
    const isCertified = isCertifiedShare(network)
    return await openShareVault({ dir, sealer, owner, epochs: store.space(epochs), logger, isCertified })
  }
  const vault = await vaultOf(key)
  const activeKey = () => activeShare(gate, vault)
  const bindings = requestBindings({ space: store.space('bindings'), logger, onFatal })
  const policy = await createSigningPolicy(base, bindings, grants.authorize)
  const number = sessionNumbers()
  const driverOf = (activeKey: () => ActiveShare | undefined) =>
    new SignDriver({
      network,
      self,
      messenger,
      // R17: without a key the driver takes no part, and what runs is stopped.
      activeKey: () => (elsewhere.stopped ? undefined : activeKey()),
      // R27: what the operator listed for a handoff is its own consent; the policy knows nothing of it.
      consent: async (request, coordinator) =>
        reconciler.consentsToHandoff(request) ? 'yes' : await policy.consent(request, coordinator),
      onFault: (fault) => evidence.signFault(activeKey(), vault, fault),
      number,
      // Under `bridge` nobody but a member's own bridge makes it ready (R27).
      asksUnready: policy.kind !== 'bridge',
      coordinatorDelayMs: config.signing.coordinatorDelayMs,
      isLinked: (member) => host.connections().some((c) => c.peerId === peerIdOfKey(member)),
      clock,
      logger,
      metrics,
    })
  const sign = driverOf(activeKey)
  const recalled = new RecalledSigning({ shareOf: (set) => recalledShare(gate, vault, set), open: driverOf })
  const recalls = await loadRecalls(base, (sets) => {
    // The gate and the mesh first: a driver finds its key by what the gate admits (R9).
    membership.applyRecalled(sets)
    recalled.apply(sets)
  })
  const threshold = thresholdService({
    activeKey: (key) => {
      const current = activeKey()
      return key === undefined || key === current?.groupKey ? current : recalled.share(key)
    },
    isSigner: () => stateOf(gate) === 'signer',
    isKeyElsewhere: () => elsewhere.stopped,
    shares: vault,
    policy,
    bindings,
    rounds: {
      sign: (request, deadlineMs, signal) => {
        const isCurrent = activeKey()?.groupKey === request.groupKey
        const driver = isCurrent ? sign : (recalled.driver(request.groupKey) ?? sign)
        return driver.sign(request, deadlineMs, signal)
      },
    },
    clock,
    logger,
    metrics,
  })
  const certificates = new CertificateHelp({
    network,
    messenger,
    vault,
    currentSet: () => (stateOf(gate) === 'signer' ? gate.state.set : undefined),
    isCertified: isCertifiedShare(network),
    onCertified: () => sign.refresh(),
    clock,
    logger,
  })
  const nextKey = nextOf(base)
  const next = nextKey && {
    publicKey: nextKey.keyPair.publicKey,
    messenger: elsewhere.guard(host.speaker(nextKey.keyPair)),
    vault: await vaultOf(nextKey),
    carrier: key.keyPair,
  }
  const threads = keyThreads()
  const reconciler: RotationReconciler = createReconciler(base, {
    vault,
    messenger,
    carry: (...link) => host.carry(...link),
    elsewhere,
    next,
    rounds: sign,
    onAborted: evidence.keygenEnded,
    makeKey: threads,
    onPending: (spec) => {
      membership.applyPending(spec)
      evidence.exchange.follow()
    },
  })
  const isHeld = (groupKey: GroupKey) => vault.byGroupKey(groupKey) !== undefined
  return { activeKey, sign, certificates, threshold, policy, reconciler, threads, recalls, recalled, isHeld }
}

async function createSigningPolicy(
  { config, store, clock, logger, metrics }: Foundation,
  bindings: RequestBindings,
  authorize: NetworkParts['grants']['authorize'],
): Promise<SigningPolicy> {
  const { policy: kind, requestTtlMs, consent, validator } = config.signing
  if (consent !== undefined) tellUncounted(config, logger)
  const token = validator?.tokenFile === undefined ? undefined : await readValidatorToken(validator.tokenFile)
  return createPolicy({
    kind,
    bindings,
    // The watcher refuses a chain whose own id is another one, so the config's is the chain's (R11).
    ...config.registry.id,
    requestTtlMs,
    votes: consent && {
      space: store.space('votes'),
      quorum: consent.quorum,
      // A bridge that lost its grant since it asked counts no more.
      counts: (peer) =>
        consent.from.includes(peer) && authorize(peer, VOTING_METHOD, { key: THRESHOLD_KEY }) === 'granted',
    },
    validator: validator && { ...validator, token },
    clock,
    logger,
    metrics,
  })
}

async function loadRecalls(
  { config, key, keys, store, watcher, clock, logger }: Foundation,
  onRecalled: RecallsInit['onRecalled'],
): Promise<Recalls> {
  const self = key.keyPair.publicKey
  // The config may still name the key before this one, in a store that is too old to remember it.
  const earlier = [...(await earlierKeys(store.space('own-keys'), self)), keys.own.keyPair.publicKey]
  return await Recalls.load({
    self,
    earlierKeys: earlier.filter((other) => other !== self),
    registryId: config.registry.id,
    sets: store.space('sets'),
    recalls: store.space('recalls'),
    watcher,
    ttlMs: config.rotation.approvalTtlMs,
    onRecalled,
    clock,
    logger,
  })
}

function createReconciler(
  { config, key, store, watcher, clock, logger }: Foundation,
  c: {
    readonly vault: ShareVault
    readonly messenger: Messenger
    readonly carry: NetworkParts['host']['carry']
    readonly elsewhere: NetworkParts['elsewhere']
    readonly next: NextIdentity | undefined
    readonly rounds: ReconcilerInit['rounds']
    readonly onAborted: EvidenceParts['keygenEnded']
    readonly onPending: NetworkParts['membership']['applyPending']
    readonly makeKey: MakesKeys
  },
): RotationReconciler {
  const { id: registryId, endpoints, quorum } = config.registry
  const { network } = registryId
  const self = key.keyPair.publicKey
  const { vault, messenger, carry, elsewhere, next, rounds, onPending, onAborted, makeKey } = c
  const speaking = { network, self, messenger, vault, next, carry, onAborted, makeKey }
  return new RotationReconciler({
    self,
    next: next?.publicKey,
    isKeyElsewhere: () => elsewhere.stopped,
    exposeSecret: () => key.keyPair.exposeSecret(),
    registryId,
    bootstrap: config.registry.bootstrap,
    watcher,
    tx: createRotateKeysTx({ registryId, clients: endpoints.map((e) => createStacksClient(e)), quorum, clock }),
    openSession: (spec, ...kept) => openPendingSession({ ...speaking, clock, logger }, spec, ...kept),
    approvals: store.space('approvals'),
    proposals: store.space('proposals'),
    cosigned: store.space('cosigned'),
    handoffs: store.space('handoffs'),
    rounds,
    feeUstx: config.rotation.feeUstx,
    approvalTtlMs: config.rotation.approvalTtlMs,
    onPending,
    clock,
    logger,
  })
}
