import { LIMITS, type Logger, StartStack } from '../base/index.ts'
import { HealthBoard } from '../status/index.ts'
import type { NodeConfig } from './config/index.ts'
import { type Foundation, openFoundation, part } from './foundation.ts'
import { checkHealth, HEALTH_CHECKS, type HealthFacts } from './health-checks.ts'
import { Identity } from './identity.ts'
import { createIdentityParts, type IdentityParts } from './identity-parts.ts'
import { KeygenWatch } from './keygen-watch.ts'
import { LookLoop } from './look-loop.ts'
import { removalWatch } from './own-removal.ts'
import { createReload } from './reload-parts.ts'
import { createServing } from './serving-parts.ts'
import { type NodeStatus, stateOf } from './status.ts'

/** How often health is looked at again. */
const HEALTH_INTERVAL_MS = 1_000

export interface NodeInit {
  readonly config: NodeConfig
  readonly logger: Logger
  /** Called once when the node can't go on safely (R30): the process must end. */
  readonly onFatal: (error: Error) => void
  /** Called once when this node's key has left the set for good, if `[identity] exit_on_removal` is set. */
  readonly onRemoved?: () => void
}

export interface RunningNode {
  readonly status: () => NodeStatus
  /** Takes over the changed config file, as on SIGHUP; the log and `status` say what came of it. Never rejects. */
  readonly reload: () => Promise<void>
  stop(): Promise<void>
}

/** Wires the rooms (ARCHITECTURE.md) and starts them. Throws CodedErrors with file, setting, remedy; leaves nothing running then. */
export async function startNode({ config, logger, onFatal, onRemoved = () => {} }: NodeInit): Promise<RunningNode> {
  const base = await openFoundation(config, logger, onFatal)
  try {
    return await startOn(base, onFatal, onRemoved)
  } catch (error) {
    await base.close()
    throw error
  }
}

async function startOn(base: Foundation, onFatal: (error: Error) => void, onRemoved: () => void): Promise<RunningNode> {
  const { clock, logger, metrics, watcher } = base
  const health = new HealthBoard({ clock, expected: HEALTH_CHECKS, metrics, maxAgeMs: LIMITS.healthMaxAgeMs })
  const { reloader, configWatch } = createReload(base, {
    parts: () => identity.parts.network,
    // Lists that went to an identity on its way out would be lost.
    isReady: () => !identity.isMoving,
  })
  const identity: Identity = await Identity.open({
    base,
    onFatal,
    // Another identity begins with the lists of the last reload.
    createParts: (of, knownLinks) => createIdentityParts({ ...of, config: reloader.config }, onFatal, knownLinks),
  })
  const { servers, status } = await createServing(base, identity, health, reloader)

  let stopListening = () => {}
  const gate = {
    get state() {
      return identity.parts.network.gate.state
    },
  }
  const removalFacts = () => ({
    gate,
    registry: watcher.health(),
    isApproved: identity.parts.signing.reconciler.mayHaveApproval(),
  })
  const { exitOnRemoval: isWanted, exitOnRemovalAfterMs: afterMs } = base.config.identity
  const lookForRemoval = removalWatch({ isWanted, afterMs, facts: removalFacts, onRemoved, logger })
  const keygenWatch = new KeygenWatch()
  const looks: LookLoop = new LookLoop({
    intervalMs: HEALTH_INTERVAL_MS,
    looks: [
      // Age comes without an event (R5).
      () => identity.parts.network.membership.refreshTrust(),
      // A key becomes active when its certificate arrives, which no snapshot announces.
      () => identity.parts.signing.sign.refresh(),
      () => identity.parts.signing.recalled.refresh(),
      () => identity.parts.liveness.refresh(),
      lookForRemoval,
      () => base.operator.look(),
      () =>
        reportHealth(base, identity.parts, health, {
          loopLagMs: looks.lagMs(),
          keygen: keygenWatch.look(clock.monotonicMs(), identity.parts.signing.reconciler.status()),
        }),
    ].map((look) => () => identity.isMoving || look()),
    ...{ clock, logger, metrics },
  })
  const stack = new StartStack([
    part({ stop: () => base.close() }),
    identity.links,
    part({
      start: async () => {
        stopListening = watcher.changes.on((snapshot) => identity.follow(snapshot))
      },
      stop: async () => stopListening(),
    }),
    watcher,
    identity.rounds,
    reloader,
    ...servers,
    configWatch,
    looks,
  ])
  await stack.start()
  const { host } = identity.parts.network
  logger.info('Started', {
    publicKey: gate.state.self,
    peerId: host.peerId,
    state: stateOf(identity.parts.network.gate),
    addresses: host.addresses(),
  })
  return { status, reload: () => reloader.quietly('signal'), stop: () => stack.stop() }
}

function reportHealth(
  { config, watcher, store, clock, operator }: Foundation,
  { network, signing, liveness, evidence }: IdentityParts,
  health: HealthBoard,
  looked: Pick<HealthFacts, 'loopLagMs' | 'keygen'>,
): void {
  const { gate, host } = network
  const reports = checkHealth({
    nowMs: clock.now(),
    pollIntervalMs: config.registry.pollIntervalMs,
    registry: watcher.health(),
    gate,
    connections: host.connections(),
    keyHeld: signing.activeKey() !== undefined,
    dials: host.dials(),
    signing: signing.sign.health(),
    validator: signing.policy.validatorTrouble(),
    evidence: evidence.book.view(),
    syncingSinceMs: store.syncingSinceMs(),
    ...looked,
    operator: operator.view(),
    liveness: liveness.view(),
    keyElsewhere: network.elsewhere.view,
  })
  for (const name of HEALTH_CHECKS) health.report(name, reports[name])
}
