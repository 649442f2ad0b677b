import { type Logger, StartStack } from '../base/index.ts'
import { HealthBoard } from '../status/index.ts'
import type { NodeConfig } from './config/index.ts'
import { type Foundation, openFoundation, part } from './foundation.ts'
import { checkHealth, HEALTH_CHECKS } from './health-checks.ts'
import { Identity } from './identity.ts'
import { createIdentityParts } from './identity-parts.ts'
import type { NetworkParts } from './network-parts.ts'
import { createServing } from './serving-parts.ts'
import type { SigningParts } from './signing-parts.ts'
import { type NodeStatus, stateOf } from './status.ts'

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
  try {
    return await startOn(base, onFatal)
  } catch (error) {
    await base.close()
    throw error
  }
}

async function startOn(base: Foundation, onFatal: (error: Error) => void): Promise<RunningNode> {
  const { clock, logger, metrics, watcher } = base
  const health = new HealthBoard({ clock, expected: HEALTH_CHECKS, metrics })
  const identity = await Identity.open({
    base,
    onFatal,
    createParts: (of, knownLinks) => createIdentityParts(of, onFatal, knownLinks),
  })
  const { servers, status } = await createServing(base, identity, health)

  let stopListening = () => {}
  let cancelLook = () => {}
  const look = () => {
    if (!identity.isMoving) {
      const { network, signing } = identity.parts
      network.membership.refreshTrust()
      reportHealth(base, network, signing, health)
      // A key becomes active when its certificate arrives, which no snapshot announces.
      signing.sign.refresh()
      signing.recalled.refresh()
    }
    cancelLook = clock.after(HEALTH_INTERVAL_MS, look)
  }
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
    ...servers,
    part({ start: async () => look(), stop: async () => cancelLook() }),
  ])
  await stack.start()
  const { host, gate } = identity.parts.network
  logger.info('Started', {
    publicKey: gate.state.self,
    peerId: host.peerId,
    state: stateOf(gate),
    addresses: host.addresses(),
  })
  return { status, stop: () => stack.stop() }
}

function reportHealth(
  { config, watcher, clock }: Foundation,
  { gate, host }: NetworkParts,
  { activeKey }: SigningParts,
  health: HealthBoard,
): void {
  const reports = checkHealth({
    nowMs: clock.now(),
    pollIntervalMs: config.registry.pollIntervalMs,
    registry: watcher.health(),
    gate,
    connections: host.connections(),
    keyHeld: activeKey() !== undefined,
  })
  for (const name of HEALTH_CHECKS) health.report(name, reports[name])
}
