import { join } from 'node:path'
import { CodedError, describeError, type Logger, type PeerIdStr, StartStack, type Startable } from '../base/index.ts'
import { createConnectionGater, Evictor, Gate } from '../gating/index.ts'
import { createP2pHost } from '../p2p/index.ts'
import { createEventObserver, createRotateKeysTx, createStacksClient } from '../registry/index.ts'
import { RotationReconciler } from '../rotation/index.ts'
import { isCertifiedShare, openPendingSession, SignDriver } from '../rounds/index.ts'
import { createHelloHandler, createRpcServer, createThresholdHandlers } from '../rpc/index.ts'
import { createPolicy, openShareVault, requestBindings, thresholdService } from '../signer/index.ts'
import { AdminServer, HealthBoard, readRoutes, readTokenFile } from '../status/index.ts'
import { activeShare } from './active-key.ts'
import { rotationRoutes } from './admin-routes.ts'
import type { NodeConfig } from './config/index.ts'
import { checkHealth, HEALTH_CHECKS, type HealthCheckName } from './health-checks.ts'
import { Membership } from './membership.ts'
import { openFoundation, part } from './parts.ts'
import { type NodeStatus, nodeStatus, stateOf } from './status.ts'
import { SOFTWARE_VERSION } from './version.ts'

/** How often health is looked at again. */
const HEALTH_INTERVAL_MS = 1_000

export interface NodeInit {
  readonly config: NodeConfig
  readonly logger: Logger
  /** Called once when the node can't go on safely (R30): the process must end. */
  readonly onFatal: (error: Error) => void
}

export interface RunningNode {
  readonly status: () => NodeStatus
  stop(): Promise<void>
}

/** Wires the rooms (DESIGN §3) and starts them. Throws CodedErrors with file, setting and remedy; leaves nothing running then. */
export async function startNode({ config, logger, onFatal }: NodeInit): Promise<RunningNode> {
  const base = await openFoundation(config, logger, onFatal)
  const { key, store, boot, watcher, metrics, clock } = base
  const self = key.keyPair.publicKey
  const { network } = config.registry.id
  const ports = { clock, logger, metrics }
  const health = new HealthBoard({ clock, expected: HEALTH_CHECKS, metrics })
  const grants = new Map(config.bridges.map((b) => [b.peerId, new Set(b.methods)]))

  const gate = new Gate({ self, bridges: [...grants.keys()], ...ports })
  const host = await createP2pHost({
    keyPair: key.keyPair,
    listen: config.p2p.listen,
    announce: config.p2p.announce,
    transports: config.p2p.transports,
    network,
    boot,
    roles: gate,
    connectionGater: createConnectionGater(gate),
    ...ports,
  })
  const evictor = new Evictor({ gate, close: host, ...ports })
  const membership = new Membership({ self, gate, evictor, host, seeds: config.p2p.seeds, clock, logger })

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
  const policy = createPolicy({
    kind: config.signing.policy,
    bindings,
    chainId: config.registry.id.chainId,
    network,
    logger,
  })
  const sign = new SignDriver({
    network,
    self,
    messenger: host.messenger,
    activeKey,
    consent: (request) => policy.consent(request),
    ...ports,
  })
  const threshold = thresholdService({
    activeKey,
    isSigner: () => stateOf(gate) === 'signer',
    shares: vault,
    policy,
    bindings,
    rounds: sign,
    ...ports,
  })

  const reconciler = new RotationReconciler({
    self,
    exposeSecret: () => key.keyPair.exposeSecret(),
    registryId: config.registry.id,
    bootstrap: config.registry.bootstrap,
    watcher,
    tx: createRotateKeysTx({
      registryId: config.registry.id,
      clients: config.registry.endpoints.map((endpoint) => createStacksClient(endpoint)),
    }),
    openSession: (spec) =>
      openPendingSession({ network, self, messenger: host.messenger, vault, clock, logger }, spec),
    approvals: store.space('approvals'),
    cosigned: store.space('cosigned'),
    feeUstx: config.rotation.feeUstx,
    approvalTtlMs: config.rotation.approvalTtlMs,
    onPending: (spec) => membership.applyPending(spec),
    clock,
    logger,
  })

  const authorize = (peer: PeerIdStr, method: string) => (grants.get(peer)?.has(method) ? 'granted' : 'not_granted')
  const rpc = createRpcServer({
    streams: host.streams,
    authorize,
    handlers: {
      hello: createHelloHandler({
        authorize,
        roleOf: (peer) => gate.roleOf(peer),
        facts: () => ({
          peerId: host.peerId,
          publicKey: self,
          network,
          software: SOFTWARE_VERSION,
          waitingFor: waitingFor(gate, activeKey() !== undefined),
        }),
      }),
      ...createThresholdHandlers(threshold),
    },
    ...ports,
  })

  const observer =
    config.registry.observerListen === undefined
      ? undefined
      : createEventObserver({ contract: config.registry.id.contract, onHint: () => watcher.hint(), ...config.registry.observerListen, logger, metrics })
  const observerUrl = () => observer && `http://${config.registry.observerListen?.host}:${observer.port}`

  const status = (): NodeStatus =>
    nodeStatus({
      gate,
      peerId: host.peerId,
      registryId: config.registry.id,
      snapshot: watcher.latest(),
      registryHealth: watcher.health(),
      connections: host.connections(),
      addresses: host.addresses(),
      admin: { url: admin.url, observerUrl: observerUrl() },
      rotation: reconciler.status(),
      keyHeld: activeKey() !== undefined,
      lastEviction: evictor.last(),
      health: health.health(),
    })
  const admin: AdminServer = new AdminServer({
    socketPath: config.admin.socketPath,
    listen: config.admin.listen,
    token: config.admin.tokenFile === undefined ? undefined : await readTokenFile(config.admin.tokenFile),
    routes: [...readRoutes({ metrics, health, status: () => ({ ...status() }) }), ...rotationRoutes(reconciler)],
    logger,
    metrics,
  })

  // Flow 1: the gate hears of a snapshot before anybody else, so these listeners are registered in this order.
  const stopListening = [
    watcher.changes.on((snapshot) => membership.applySnapshot(snapshot)),
    watcher.changes.on(() => sign.refresh()),
    host.connectionOpened.on(({ peerId, direction }) => {
      evictor.recheck(peerId, direction).catch((error: unknown) => logger.error('Recheck failed', { error: describeError(error) }))
    }),
  ]
  let cancelHealth = () => {}
  const look = () => {
    const facts = { nowMs: clock.now(), pollIntervalMs: config.registry.pollIntervalMs, registry: watcher.health(), gate, connections: host.connections(), keyHeld: activeKey() !== undefined }
    const reports = checkHealth(facts)
    for (const name of Object.keys(reports) as HealthCheckName[]) health.report(name, reports[name])
    // A key becomes active when its certificate arrives, which no snapshot announces.
    sign.refresh()
    cancelHealth = clock.after(HEALTH_INTERVAL_MS, look)
  }

  const stack = new StartStack([
    part(async () => {}, () => store.stop()),
    part(async () => {}, async () => key.keyPair.destroy()),
    host,
    part(async () => {}, async () => stopListening.forEach((stop) => stop())),
    watcher,
    ...(observer === undefined ? [] : [observer]),
    sign,
    part(async () => {}, () => threshold.stop()),
    reconciler,
    rpc,
    admin,
    part(async () => look(), async () => cancelHealth()),
  ] satisfies Startable[])
  await stack.start()
  logger.info('Started', { publicKey: self, peerId: host.peerId, state: stateOf(gate), addresses: host.addresses() })
  return { status, stop: () => stack.stop() }
}

function waitingFor(gate: Gate, keyHeld: boolean): readonly string[] {
  const state = stateOf(gate)
  if (state !== 'signer') return ['membership']
  return keyHeld ? [] : ['group key']
}

export const asFatal = (error: Error): CodedError =>
  error instanceof CodedError ? error : new CodedError('FATAL', describeError(error))
