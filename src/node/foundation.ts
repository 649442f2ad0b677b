import { join } from 'node:path'
import { type Clock, CodedError, type Logger, type Startable, systemClock } from '../base/index.ts'
import { createRegistryWatcher, probeRegistry, type RegistryWatcher } from '../registry/index.ts'
import { PromMetrics } from '../status/index.ts'
import {
  fileJournal,
  fileKeeper,
  nextBoot,
  type OpenedKey,
  openKeyFile,
  openStore,
  type Store,
} from '../store/index.ts'
import type { NodeConfig } from './config/index.ts'

/** What the rest of the node stands on: key, store, boot number, registry. */
export interface Foundation {
  readonly config: NodeConfig
  readonly key: OpenedKey
  readonly store: Store
  readonly boot: number
  readonly watcher: RegistryWatcher
  readonly metrics: PromMetrics
  readonly clock: Clock
  readonly logger: Logger
  /** Gives the store back and forgets the key. */
  readonly close: () => Promise<void>
}

/**
 * Opens key and store, and looks at the chain once. A first start with an unreachable or wrong chain is an error to be
 * mended; later starts go on with the last good snapshot (incident 1).
 */
export async function openFoundation(
  config: NodeConfig,
  logger: Logger,
  onFatal: (error: Error) => void,
): Promise<Foundation> {
  const clock = systemClock
  const metrics = new PromMetrics()
  // Before the store: a wrong key file must leave nothing behind.
  const key = await openKeyFile(config.identity.keyFile, config.identity.unlock, config.identity.publicKey)
  const store = openStore({ dir: join(config.dataDir, 'store'), logger, onFatal })
  const close = async () => {
    key.keyPair.destroy()
    await store.stop()
  }
  try {
    const keeper = fileKeeper(join(config.dataDir, 'registry-snapshot.json'))
    if ((await keeper.load()) === undefined) await requireChain(config)
    await store.start()
    const boot = await nextBoot(store.space('boot'), clock.now())
    const { id: registryId, endpoints, quorum, confirmations, pollIntervalMs, maxAgeMs } = config.registry
    const watcher = createRegistryWatcher({
      ...{ registryId, endpoints, quorum, confirmations, pollIntervalMs, maxAgeMs },
      audit: fileJournal(join(config.dataDir, 'registry-audit.jsonl')),
      ...{ keeper, clock, logger, metrics },
    })
    return { config, key, store, boot, watcher, metrics, clock, logger, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Throws `REGISTRY_UNUSABLE` naming file, setting and remedy if no quorum of the endpoints serves this registry. */
async function requireChain({ file, registry }: NodeConfig): Promise<void> {
  const probes = await probeRegistry(registry.id, registry.endpoints)
  const good = probes.filter((p) => p.ok).length
  const [bad] = probes.filter((p) => !p.ok)
  if (good >= registry.quorum || bad === undefined) return
  throw new CodedError(
    'REGISTRY_UNUSABLE',
    `${file}: [registry] endpoints: ${bad.message} (no earlier snapshot is stored, so this node can't start without the chain)`,
    { endpoint: bad.endpoint, reason: bad.code },
  )
}

/** A part that only has one of the two. */
export const part = ({ start = async () => {}, stop = async () => {} }: Partial<Startable>): Startable => ({
  start,
  stop,
})
