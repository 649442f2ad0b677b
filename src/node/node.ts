import { describeError, type Logger, StartStack } from '../base/index.ts'
import { HealthBoard } from '../status/index.ts'
import type { NodeConfig } from './config/index.ts'
import { type Foundation, openFoundation, part } from './foundation.ts'
import { checkHealth, HEALTH_CHECKS } from './health-checks.ts'
import { createNetwork, type NetworkParts } from './network-parts.ts'
import { createServing } from './serving-parts.ts'
import { createSigning, type SigningParts } from './signing-parts.ts'
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
  const { clock, logger, metrics, watcher, key } = base
  const health = new HealthBoard({ clock, expected: HEALTH_CHECKS, metrics })
  const network = createNetwork(base)
  const signing = await createSigning(base, network, onFatal)
  const { servers, status } = await createServing(base, network, signing, health)
  const { host, gate } = network

  let stopListening = () => {}
  let cancelLook = () => {}
  const look = () => {
    network.membership.refreshTrust()
    reportHealth(base, network, signing, health)
    // A key becomes active when its certificate arrives, which no snapshot announces.
    signing.sign.refresh()
    signing.recalled.refresh()
    cancelLook = clock.after(HEALTH_INTERVAL_MS, look)
  }
  const stack = new StartStack([
    part({ stop: () => base.close() }),
    host,
    part({
      start: async () => {
        stopListening = connectFlows(base, network, signing)
      },
      stop: async () => stopListening(),
    }),
    // Before the watcher, and so stopped after it: every set that it shows is recorded.
    signing.recalls,
    watcher,
    signing.sign,
    signing.recalled,
    signing.certificates,
    part({ stop: () => signing.threshold.stop() }),
    signing.reconciler,
    ...servers,
    part({ start: async () => look(), stop: async () => cancelLook() }),
  ])
  await stack.start()
  logger.info('Started', {
    publicKey: key.keyPair.publicKey,
    peerId: host.peerId,
    state: stateOf(gate),
    addresses: host.addresses(),
  })
  return { status, stop: () => stack.stop() }
}

/** Flow 1 of DESIGN §3: listeners run in this order, and the gate hears of a snapshot before anybody else. */
function connectFlows(
  { watcher, logger }: Foundation,
  { membership, host, evictor }: NetworkParts,
  { sign, recalls, recalled }: SigningParts,
): () => void {
  const stops = [
    watcher.changes.on((snapshot) => membership.applySnapshot(snapshot)),
    watcher.changes.on((snapshot) => recalls.note(snapshot)),
    watcher.changes.on(() => {
      sign.refresh()
      recalled.refresh()
    }),
    host.connectionOpened.on(({ peerId, direction }) => {
      evictor
        .recheck(peerId, direction)
        .catch((error: unknown) => logger.error('Recheck failed', { error: describeError(error) }))
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
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
