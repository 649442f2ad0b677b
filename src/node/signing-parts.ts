import { join } from 'node:path'
import { createRotateKeysTx, createStacksClient } from '../registry/index.ts'
import { RotationReconciler } from '../rotation/index.ts'
import { CertificateHelp, isCertifiedShare, openPendingSession, SignDriver } from '../rounds/index.ts'
import {
  createPolicy,
  openShareVault,
  requestBindings,
  type ShareVault,
  type StoppableThresholdService,
  thresholdService,
} from '../signer/index.ts'
import { type ActiveShare, activeShare } from './active-key.ts'
import type { Foundation } from './foundation.ts'
import type { NetworkParts } from './network-parts.ts'
import { stateOf } from './status.ts'

/** Shares, and everything that signs with them or makes new ones. */
export interface SigningParts {
  readonly activeKey: () => ActiveShare | undefined
  readonly sign: SignDriver
  readonly certificates: CertificateHelp
  readonly threshold: StoppableThresholdService
  readonly reconciler: RotationReconciler
}

export async function createSigning(
  base: Foundation,
  { gate, host, membership }: NetworkParts,
  onFatal: (error: Error) => void,
): Promise<SigningParts> {
  const { config, key, store, clock, logger, metrics } = base
  const { network, chainId } = config.registry.id
  const self = key.keyPair.publicKey
  const { messenger } = host
  const vault = await openShareVault({
    dir: join(config.dataDir, 'shares'),
    sealer: key.sealer,
    owner: self,
    epochs: store.space('epochs'),
    logger,
    isCertified: isCertifiedShare(network),
  })
  const activeKey = () => activeShare(gate, vault)
  const bindings = requestBindings({ space: store.space('bindings'), logger, onFatal })
  // The watcher refuses a chain whose own id is another one, so the config's is the chain's (R11).
  const policy = createPolicy({ kind: config.signing.policy, bindings, chainId, network, logger })
  const sign = new SignDriver({
    network,
    self,
    messenger,
    activeKey,
    consent: (request) => policy.consent(request),
    clock,
    logger,
    metrics,
  })
  const threshold = thresholdService({
    activeKey,
    isSigner: () => stateOf(gate) === 'signer',
    shares: vault,
    policy,
    bindings,
    rounds: sign,
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
  const reconciler = createReconciler(base, { vault, messenger, onPending: (spec) => membership.applyPending(spec) })
  return { activeKey, sign, certificates, threshold, reconciler }
}

function createReconciler(
  { config, key, store, watcher, clock, logger }: Foundation,
  c: {
    readonly vault: ShareVault
    readonly messenger: NetworkParts['host']['messenger']
    readonly onPending: NetworkParts['membership']['applyPending']
  },
): RotationReconciler {
  const registryId = config.registry.id
  const { network } = registryId
  const self = key.keyPair.publicKey
  const { vault, messenger, onPending } = c
  return new RotationReconciler({
    self,
    exposeSecret: () => key.keyPair.exposeSecret(),
    registryId,
    bootstrap: config.registry.bootstrap,
    watcher,
    tx: createRotateKeysTx({ registryId, clients: config.registry.endpoints.map((e) => createStacksClient(e)) }),
    openSession: (spec, known) => openPendingSession({ network, self, messenger, vault, clock, logger }, spec, known),
    approvals: store.space('approvals'),
    proposals: store.space('proposals'),
    cosigned: store.space('cosigned'),
    feeUstx: config.rotation.feeUstx,
    approvalTtlMs: config.rotation.approvalTtlMs,
    onPending,
    clock,
    logger,
  })
}
